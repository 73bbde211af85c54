# SPDX-License-Identifier: Apache-2.0
import gin
import numpy as np
import pytest
import tensorflow as tf

import recsim_tf
from recsim_tf.choice import MultinomialLogit
from recsim_tf.core.base.types import Slate
from recsim_tf.environments.interest_exploration import (
    Document,
    InitialDraw,
    InterestExplorationUsers,
    TopicDocuments,
    UserState,
    interest_exploration,
)
from tests import golden


def test_defaults_are_those_of_the_recsim_factory_and_runner():
    simulator = recsim_tf.make("InterestExploration-v1")
    observation = simulator.observe(simulator.reset(4, seed=0))
    assert observation.user.shape == [4, 0]
    assert (observation.documents.cluster_id.shape, observation.documents.quality.shape) == (
        [4, 10],
        [4, 10],
    )
    assert observation.response._fields == ("clicked", "quality", "cluster_id")
    assert simulator.resample_documents
    assert simulator.max_steps == 27000


def test_two_environments_of_different_numbers_of_topics_live_side_by_side():
    users = InterestExplorationUsers(
        affinity_loc=[[0.1, 0.2, 0.3]] * 2, affinity_scale=[[0.1] * 3] * 2
    )
    documents = TopicDocuments([0.2, 0.3, 0.5], [0.0] * 3, [1.0] * 3)
    three, two = interest_exploration(users=users, documents=documents), interest_exploration()
    assert three.documents.observation_bounds().cluster_id == (0, 2)
    assert two.documents.observation_bounds().cluster_id == (0, 1)
    with pytest.raises(ValueError, match="documents must have the num_topics=3 of users, got 2"):
        interest_exploration(users=users)


def test_gin_sets_the_constants():
    gin.parse_config(
        [
            "InterestExplorationUsers.choice_model = @MultinomialLogit()",
            "MultinomialLogit.no_click_mass = 2.0",
            "TopicDocuments.topic_distribution = (0.5, 0.5)",
        ]
    )
    simulator = recsim_tf.make("InterestExploration-v1")
    assert simulator.users.choice_model.no_click_mass == 2.0
    assert simulator.documents.topic_distribution == (0.5, 0.5)


USERS = InterestExplorationUsers()

STATE = UserState(affinity=tf.constant([[1.0, 2.0], [0.5, 0.1]]))

SLATE = Slate(
    Document(
        cluster_id=tf.constant([[0, 1, 1], [1, 0, 0]]),
        quality=tf.constant([[1.0, 0.5, 2.0], [0.2, 0.4, 3.0]]),
    ),
    mask=tf.constant([[True, True, True], [True, True, False]]),
)


def log_normal_density(x, loc, scale):
    return -0.5 * ((np.log(x) - loc) / scale) ** 2 - np.log(x * scale * np.sqrt(2 * np.pi))


def test_affinities_are_log_normal_around_those_of_the_users_type():
    draws = InitialDraw(user_type=tf.constant([0, 1]), affinity=STATE.affinity)
    expected = [
        np.log(0.3) + log_normal_density(1.0, 0.1, 0.1) + log_normal_density(2.0, 0.7, 0.1),
        np.log(0.7) + log_normal_density(0.5, 0.7, 0.1) + log_normal_density(0.1, 0.1, 0.1),
    ]
    np.testing.assert_allclose(USERS.initial_draws(2).log_prob(draws), expected, rtol=1e-5)
    np.testing.assert_array_equal(USERS.initial_state(draws).affinity, STATE.affinity)


def test_the_prior_mean_is_that_of_the_logarithms_as_in_recsim_or_that_of_the_affinities():
    np.testing.assert_allclose(USERS.mean_affinity(), [0.52, 0.28], rtol=1e-6)
    expected = 0.3 * np.exp([0.105, 0.705]) + 0.7 * np.exp([0.705, 0.105])
    np.testing.assert_allclose(USERS.mean_affinity(log_scale=False), expected, rtol=1e-6)


def test_the_response_tells_topic_and_quality_of_every_document_shown():
    response = USERS.outcome(STATE, SLATE, tf.constant([2, 3]))
    np.testing.assert_array_equal(response.clicked, [[0, 0, 1], [0, 0, 0]])
    np.testing.assert_array_equal(response.quality, SLATE.documents.quality)
    np.testing.assert_array_equal(response.cluster_id, SLATE.documents.cluster_id)
    np.testing.assert_array_equal(recsim_tf.click_reward(response), [1, 0])
    assert USERS.response_bounds().cluster_id == (0, 1)


def test_users_neither_change_nor_leave_nor_show_anything():
    response = USERS.outcome(STATE, SLATE, tf.constant([2, 3]))
    assert USERS.innovation(STATE, SLATE, response) is None
    assert USERS.update(STATE, SLATE, response, ()) is STATE
    np.testing.assert_array_equal(USERS.departure(STATE), [False, False])
    assert USERS.observe(STATE).shape == [2, 0]


def test_qualities_are_log_normal_around_those_of_the_topic():
    documents = Document(cluster_id=tf.constant([[0, 1]]), quality=tf.constant([[2.0, 1.5]]))
    candidates = TopicDocuments().candidates(1, 2, (), None)
    z = (np.log([2.0, 1.5]) - [0.8, 0.2]) / 0.1
    expected = (
        np.log([0.2, 0.8]) - 0.5 * z**2 - np.log(np.array([2.0, 1.5]) * 0.1 * np.sqrt(2 * np.pi))
    )
    np.testing.assert_allclose(candidates.log_prob(documents), [expected.sum()], rtol=1e-5)


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
