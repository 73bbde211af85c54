"""The distribution of sessions against 1000 episodes of RecSim 0.2.4 in each setting."""

import pytest
import tensorflow as tf

from recsim_tf.environments.interest_evolution import UtilityVideos, interest_evolution
from tests.environments import parity
from tests.policies import largest, uniform_random

NUM_USERS = 3000
RECSIM_EPISODES = 1000
# A session without clicks lasts 400 steps, any other is shorter.
MAX_STEPS = 401

QUALITY_MEANS = UtilityVideos().mean_quality()


def affinity(observation):
    return tf.einsum("bf,bnf->bn", observation.user, observation.documents)


def mean_quality(observation):
    return tf.einsum("f,bnf->bn", QUALITY_MEANS, observation.documents)


POLICIES = {
    "uniform random": uniform_random,
    "top of <u,d>": lambda slate_size: largest(slate_size, affinity),
    "top of mean quality": lambda slate_size: largest(slate_size, mean_quality),
}

# (mean, standard error) of return and length; clicks per step; mean quality of the clicked documents.
RECSIM = [
    (2, "uniform random", (154.13, 0.35), (84.24, 0.37), 0.4628, -0.587),
    (2, "top of <u,d>", (165.71, 0.83), (66.54, 0.38), 0.6311, -0.518),
    (2, "top of mean quality", (280.84, 1.78), (167.50, 0.76), 0.4268, 1.730),
    (3, "uniform random", (160.41, 0.37), (71.25, 0.29), 0.5701, -0.590),
    (3, "top of <u,d>", (167.48, 0.67), (60.06, 0.28), 0.7066, -0.552),
    (3, "top of mean quality", (264.43, 1.15), (124.16, 0.52), 0.5433, 1.323),
]


@pytest.mark.parametrize(
    ("slate_size", "policy", "returns", "length", "clicks_per_step", "quality"),
    RECSIM,
    ids=[f"{policy}, {slate_size} of 10" for slate_size, policy, *_ in RECSIM],
)
def test_sessions_are_distributed_as_in_recsim(slate_size, policy, returns, length, clicks_per_step, quality):
    simulator = interest_evolution(slate_size=slate_size, num_candidates=10)
    sums = parity.session_sums(simulator, POLICIES[policy](slate_size), NUM_USERS, MAX_STEPS, seed=2)
    parity.assert_mean(sums.reward, *returns)
    parity.assert_mean(sums.steps, *length)
    parity.assert_ratio(sums.clicks, sums.steps, clicks_per_step, RECSIM_EPISODES, rounding=5e-5)
    parity.assert_ratio(sums.quality, sums.clicks, quality, RECSIM_EPISODES, rounding=5e-4)
