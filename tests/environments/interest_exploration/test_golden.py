import numpy as np
import pytest
import tensorflow as tf

from recsim_tf.choice import MultinomialLogit
from recsim_tf.core.types import Slate
from recsim_tf.environments.interest_exploration import (
    Document,
    InterestExplorationUsers,
    UserState,
)
from tests import golden


@pytest.mark.parametrize("record", golden.cases("interest_exploration_choice"))
def test_scores_and_choices_are_those_of_recsim(record):
    inputs, expected = record["inputs"], record["outputs"]
    num_topics = len(inputs["topic_affinity"])
    table = [[0.0] * num_topics] * 2
    users = InterestExplorationUsers(
        affinity_loc=table,
        affinity_scale=table,
        choice_model=MultinomialLogit(no_click_mass=inputs["no_click_mass"]),
        dtype=tf.float64,
    )
    state = UserState(tf.constant([inputs["topic_affinity"]], tf.float64))
    documents = Document(
        tf.constant([inputs["doc_cluster"]]), tf.constant([inputs["doc_quality"]], tf.float64)
    )
    slate = Slate(documents, mask=tf.ones(documents.quality.shape, tf.bool))
    np.testing.assert_allclose(users.scores(state, documents)[0], expected["scores"], rtol=1e-9)
    probs = users.response(state, slate).probs[0]
    np.testing.assert_allclose(probs, [*expected["probs"], expected["prob_no_click"]], rtol=1e-9)
