import numpy as np
import tensorflow as tf

from recsim_tf.core import random
from recsim_tf.environments.long_term_satisfaction import ClickbaitDocuments, Document


def test_clickbait_is_uniform_and_agents_see_it():
    documents = ClickbaitDocuments()
    candidates = documents.candidates(2, 3, (), None)
    assert (candidates.batch_shape, candidates.event_shape) == ([2], [3])
    np.testing.assert_array_equal(
        candidates.log_prob([[0.0, 0.5, 0.9], [0.5, 1.5, 0.5]]), [0.0, -np.inf]
    )
    draw = random.sample(candidates, random.as_seed(0))
    observed = documents.observe(documents.describe(draw, ()))
    np.testing.assert_array_equal(observed, draw[..., np.newaxis])
    assert documents.observation_bounds() == (0.0, 1.0)


def test_agents_see_kaleness_where_it_is_shown():
    clickbait = tf.constant([[0.25, 1.0]])
    np.testing.assert_array_equal(
        ClickbaitDocuments(show_kaleness=True).observe(Document(clickbait)), [[[0.75], [0.0]]]
    )
