# SPDX-License-Identifier: Apache-2.0
"""The baselines by name, for configurations."""

import functools
from collections.abc import Callable
from typing import Annotated, NamedTuple

import gin
import tensorflow as tf

from recsim_tf.core.base.arguments import Fraction, OneOf, checked, configurable
from recsim_tf.core.base.types import Policy
from recsim_tf.core.simulator import Simulator
from recsim_tf.policies.clusters import ClusterBandit
from recsim_tf.policies.indices import ALGORITHMS
from recsim_tf.policies.myopic import OraclePolicy, greedy_pctr_policy, myopic_policy
from recsim_tf.policies.random import random_policy
from recsim_tf.policies.stochastic import EpsilonGreedy


class Baseline(NamedTuple):
    """A policy for comparisons."""

    title: str  # the name in tables and plots
    build: Callable[[Simulator], Policy]


BASELINES: dict[str, Baseline] = {
    "random": Baseline("Random", random_policy),
    "myopic": Baseline("Myopic", myopic_policy),
    "oracle": Baseline("Oracle", OraclePolicy),
    "greedy_pctr": Baseline("Greedy pCTR", greedy_pctr_policy),
    # These policies learn from the clicks of one session, and forget them at its end.
    **{
        name: Baseline(
            f"{algorithm.title} over clusters", functools.partial(ClusterBandit, algorithm=name)
        )
        for name, algorithm in ALGORITHMS.items()
    },
}


@checked
def baseline_policy(baseline: Annotated[str, OneOf(BASELINES)], simulator: Simulator) -> Policy:
    """The baseline of a name in `BASELINES`. Raises a ValueError for an unknown name, or if the
    policy is not for this environment.
    """
    return BASELINES[baseline].build(simulator)


@configurable(module="recsim_tf.policies")
def epsilon_greedy_policy(
    simulator: Simulator,
    policy: str | Callable[[Simulator], Policy] = gin.REQUIRED,
    epsilon: Fraction = 0.05,
) -> EpsilonGreedy:
    """The `EpsilonGreedy` version of a policy, such as agents use to collect data.

    Args:
      simulator: the environment.
      policy: a name of `BASELINES`, or a function that makes the policy from the simulator.
      epsilon: the probability of a uniform slate, in [0, 1].

    Raises:
      ValueError: for a number out of range, or an unknown name.
    """
    greedy = baseline_policy(policy, simulator) if isinstance(policy, str) else policy(simulator)
    return EpsilonGreedy(greedy, simulator.num_candidates, lambda: tf.constant(epsilon))
