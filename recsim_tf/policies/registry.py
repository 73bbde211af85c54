"""The baselines by name, for configurations."""

import functools
from collections.abc import Callable

from recsim_tf.core.simulator import Simulator
from recsim_tf.core.types import Policy
from recsim_tf.policies.clusters import ClusterBandit
from recsim_tf.policies.greedy import greedy_pctr_policy
from recsim_tf.policies.indices import ALGORITHMS
from recsim_tf.policies.myopic import myopic_policy
from recsim_tf.policies.oracle import oracle_policy
from recsim_tf.policies.random import random_policy

# Each builds its policy from the simulator. A bandit learns from the clicks of one session, and
# forgets them.
BASELINES: dict[str, Callable[[Simulator], Policy]] = {
    "random": random_policy,
    "myopic": myopic_policy,
    "oracle": oracle_policy,
    "greedy_pctr": greedy_pctr_policy,
    **{name: functools.partial(ClusterBandit, algorithm=name) for name in ALGORITHMS},
}

# Names for tables and plots.
BASELINE_NAMES = {
    "random": "Random",
    "myopic": "Myopic",
    "oracle": "Oracle",
    "greedy_pctr": "Greedy pCTR",
    "ucb1": "UCB1 over clusters",
    "kl_ucb": "KL-UCB over clusters",
    "thompson": "Thompson sampling over clusters",
}


def baseline_policy(name: str, simulator: Simulator) -> Policy:
    """The policy of that name: one of `BASELINES`.

    Raises:
      ValueError: for another name, or if the policy is not one for this environment.
    """
    if name not in BASELINES:
        raise ValueError(f"baseline must be one of {', '.join(BASELINES)}, got {name!r}")
    return BASELINES[name](simulator)
