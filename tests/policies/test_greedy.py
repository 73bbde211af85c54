import numpy as np
import pytest
import tensorflow as tf

from recsim_tf import choice
from recsim_tf.core import random
from recsim_tf.environments.interest_exploration import UserState, interest_exploration
from recsim_tf.policies import baseline_policy, greedy_pctr_policy

NUM_USERS = 20


def expected_slates(observation, affinity, slate_size):
    scores = (
        np.take_along_axis(affinity, observation.documents.cluster_id.numpy(), axis=1)
        + observation.documents.quality.numpy()
    )
    return np.argsort(-scores, axis=1)[:, :slate_size]


def test_it_ranks_by_mean_affinity_plus_quality():
    pure = interest_exploration(slate_size=4)
    observation = pure.observe(pure.reset(NUM_USERS, 0))
    slate, state = baseline_policy("greedy_pctr", pure)(observation, (), random.as_seed(0))
    assert state == ()
    # The means of the log-normals of two types of users, 0.3 and 0.7 of all.
    means = np.exp(np.array([[0.1, 0.7], [0.7, 0.1]]) + 0.1**2 / 2)
    affinity = np.tile([0.3, 0.7] @ means, (NUM_USERS, 1))
    np.testing.assert_array_equal(slate, expected_slates(observation, affinity, 4))


@pytest.mark.parametrize(
    "choice_model",
    [
        choice.MultinomialLogit(no_click_mass=1.0),
        choice.MultinomialProportional(min_normalizer=-1.0),
    ],
    ids=["logit", "proportional"],
)
def test_it_believes_what_it_is_given(choice_model):
    pure = interest_exploration()
    observation = pure.observe(pure.reset(NUM_USERS, 0))
    affinity = np.random.default_rng(0).uniform(0, 3, (NUM_USERS, 2)).astype(np.float32)
    policy = greedy_pctr_policy(
        pure, lambda observation: UserState(tf.constant(affinity)), choice_model
    )
    np.testing.assert_array_equal(
        policy(observation, (), None)[0], expected_slates(observation, affinity, 3)
    )
