"""The distribution of returns against 1500 episodes of RecSim 0.2.4."""

import numpy as np
import pytest

from recsim_tf.environments.long_term_satisfaction import long_term_satisfaction
from tests.environments import parity
from tests.policies import largest, uniform_random

NUM_USERS, SLATE_SIZE = 3000, 2

# Policy, (mean, standard error) of the return.
RECSIM = {
    "uniform random": (uniform_random(SLATE_SIZE), (948.8, 4.2)),
    "most clickbait": (largest(SLATE_SIZE, lambda observation: observation.documents[..., 0]), (1117.3, 4.9)),
    "least clickbait": (largest(SLATE_SIZE, lambda observation: -observation.documents[..., 0]), (786.5, 3.5)),
}


@pytest.mark.parametrize("name", RECSIM)
def test_returns_are_distributed_as_in_recsim(name):
    policy, returns = RECSIM[name]
    sums = parity.session_sums(long_term_satisfaction(SLATE_SIZE, num_candidates=10), policy, NUM_USERS, 60, seed=4)
    parity.assert_mean(sums.reward, *returns)
    np.testing.assert_array_equal(sums.steps, np.full(NUM_USERS, 60))
