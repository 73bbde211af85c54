# SPDX-License-Identifier: Apache-2.0
"""Intervals of gains that hold for several policies together."""

import numpy as np
import tensorflow_probability as tfp

from recsim_tf.ope.results import Estimate, Gain, Results

_NUM_DRAWS = 20_000


def with_simultaneous_gains(results: Results, seed: int) -> Results:
    """The results, with intervals of gains that all hold at once with the probability `level`.

    The best of several policies is the one with the luckiest weights, so an interval for a single
    policy would hold too rarely for it. The intervals are widened to the quantile of the largest
    of the policies' standardised errors, whose correlations are those of the sessions (Hothorn,
    Bretz & Westfall 2008, "Simultaneous inference in general parametric models").
    """
    for name in next(iter(results.values())):
        policies = [
            policy
            for policy, result in results.items()
            if result[name].gain is not None and result[name].verdict.is_believable
        ]
        if len(policies) < 2:
            continue
        estimates = [results[policy][name] for policy in policies]
        first = results[policies[0]]
        factor = widening(estimates, first.logged, first.level, seed)
        for policy in policies:
            estimate = results[policy][name]
            assert estimate.gain is not None
            gain = _widened(estimate.gain, factor)
            results[policy][name] = estimate._replace(gain=gain)
    return results


def widening(estimates: list[Estimate], logged: Estimate, level: float, seed: int) -> float:
    """The factor by which intervals of single gains over the log must be wider to hold together."""
    normal = tfp.distributions.Normal(np.float64(0), np.float64(1))
    single = float(normal.quantile(0.5 + level / 2))
    if any(len(estimate.sessions) != len(logged.sessions) for estimate in estimates):
        # Independent errors have the widest intervals (Sidak 1967).
        return float(normal.quantile(0.5 + level ** (1 / len(estimates)) / 2)) / single
    values = np.stack([each.sessions - logged.sessions for each in estimates], axis=1)
    values = values - values.mean(axis=0)
    users = logged.users
    if not isinstance(users, tuple):
        sums = [np.bincount(users, column) for column in values.T]
        values = np.stack(sums, axis=1)
    sizes = np.sqrt((values**2).sum(axis=0))
    values = values[:, sizes > 0] / sizes[sizes > 0]
    if not values.size:
        return 1.0
    # The columns of a root of the correlations are those of the values' triangular factor.
    root = np.linalg.qr(values, mode="r")
    errors = np.random.default_rng(seed).normal(size=[_NUM_DRAWS, len(root)]) @ root
    largest = float(np.quantile(np.abs(errors).max(axis=1), level))
    return max(largest / single, 1.0)


def _widened(gain: Gain, factor: float) -> Gain:
    low, high = gain.interval
    value = gain.value
    return Gain(value, (value - factor * (value - low), value + factor * (high - value)))
