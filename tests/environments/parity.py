"""Sessions against the means that were measured on RecSim 0.2.4, within 4 standard errors of the difference."""

import numpy as np
import tensorflow as tf

from recsim_tf.core.execution import compiled
from recsim_tf.core.random import as_seed
from recsim_tf.core.simulator import Policy, Simulator
from recsim_tf.experiment.metrics import SessionSums


def session_sums(simulator: Simulator, policy: Policy, num_users: int, num_steps: int, seed: int) -> SessionSums:
    """Sums over each user's session, NumPy float64 [num_users]; every session ends within `num_steps`."""

    @compiled
    def run(seed):
        return simulator.fold(policy, num_users, num_steps, seed, SessionSums.add, SessionSums.zeros(num_users))

    sums = tf.nest.map_structure(lambda leaf: leaf.numpy().astype(np.float64), run(as_seed(seed)))
    np.testing.assert_array_equal(sums.finished, np.ones(num_users))
    return sums


def assert_mean(values, mean: float, standard_error: float):
    """The mean over sessions is RecSim's, which has its own standard error."""
    assert abs(values.mean() - mean) <= 4 * np.hypot(values.std() / np.sqrt(len(values)), standard_error)


def assert_ratio(numerators, denominators, expected: float, num_reference: int, rounding: float):
    """A ratio of sums over sessions is RecSim's.

    Its standard error is that of the delta method, for both numbers of sessions; `expected` is rounded by at most `rounding`.
    """
    ratio = numerators.sum() / denominators.sum()
    one_session = np.std(numerators - ratio * denominators) / denominators.mean()
    standard_error = one_session * np.sqrt(1 / len(numerators) + 1 / num_reference)
    assert abs(ratio - expected) <= 4 * standard_error + rounding
