"""The distribution of clicks against 2000 users of 50 steps each in RecSim 0.2.4."""

import pytest
import tensorflow as tf

from recsim_tf.environments.interest_exploration import InterestExplorationUsers, interest_exploration
from tests.environments import parity
from tests.policies import largest, uniform_random

NUM_USERS, NUM_STEPS, SLATE_SIZE = 4000, 50, 2
RECSIM_USERS = 2000


class TransparentUsers(InterestExplorationUsers):
    """Users who show their affinities, for the oracle."""

    def observe(self, state):
        return state.affinity


def belief_plus_quality(affinity):
    def value(observation):
        return tf.gather(affinity, observation.documents.cluster_id) + observation.documents.quality

    return value


def affinity_plus_quality(observation):
    return tf.gather(observation.user, observation.documents.cluster_id, batch_dims=1) + observation.documents.quality


# Policy, (mean, standard error) of the clicks in 50 steps, clicks per step, mean quality of the clicked documents.
RECSIM = {
    "uniform random": (uniform_random(SLATE_SIZE), (11.42, 0.07), 0.2284, 1.691),
    "top of quality": (largest(SLATE_SIZE, lambda observation: observation.documents.quality), (19.41, 0.11), 0.3881, 2.223),
    "greedy": (
        largest(SLATE_SIZE, belief_plus_quality(InterestExplorationUsers().mean_affinity())),
        (19.41, 0.11),
        0.3881,
        2.223,
    ),
    "oracle": (largest(SLATE_SIZE, affinity_plus_quality), (19.69, 0.11), 0.3937, 2.158),
}


@pytest.mark.parametrize("name", RECSIM)
def test_clicks_are_distributed_as_in_recsim(name):
    policy, returns, clicks_per_step, quality = RECSIM[name]
    simulator = interest_exploration(SLATE_SIZE, num_candidates=10, users=TransparentUsers(), max_steps=NUM_STEPS)
    sums = parity.session_sums(simulator, policy, NUM_USERS, NUM_STEPS, seed=3)
    parity.assert_mean(sums.reward, *returns)
    parity.assert_ratio(sums.clicks, sums.steps, clicks_per_step, RECSIM_USERS, rounding=5e-5)
    parity.assert_ratio(sums.quality, sums.clicks, quality, RECSIM_USERS, rounding=5e-4)
