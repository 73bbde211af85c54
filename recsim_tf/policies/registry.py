"""The baselines by name, for configurations."""

import functools
from collections.abc import Callable

from recsim_tf.core.simulator import Simulator
from recsim_tf.core.types import Policy
from recsim_tf.policies.clusters import ClusterBandit
from recsim_tf.policies.greedy import greedy_pctr_policy
from recsim_tf.policies.myopic import myopic_policy
from recsim_tf.policies.oracle import oracle_policy
from recsim_tf.policies.random import random_policy

# By name: the name in tables and plots, and what builds the policy from the simulator. A bandit
# learns from the clicks of one session, and forgets them.
_TABLE: dict[str, tuple[str, Callable[[Simulator], Policy]]] = {
    "random": ("Random", random_policy),
    "myopic": ("Myopic", myopic_policy),
    "oracle": ("Oracle", oracle_policy),
    "greedy_pctr": ("Greedy pCTR", greedy_pctr_policy),
    "ucb1": ("UCB1 over clusters", functools.partial(ClusterBandit, algorithm="ucb1")),
    "kl_ucb": ("KL-UCB over clusters", functools.partial(ClusterBandit, algorithm="kl_ucb")),
    "thompson": (
        "Thompson sampling over clusters",
        functools.partial(ClusterBandit, algorithm="thompson"),
    ),
}
BASELINES = {name: build for name, (_, build) in _TABLE.items()}
BASELINE_NAMES = {name: title for name, (title, _) in _TABLE.items()}


def baseline_policy(name: str, simulator: Simulator) -> Policy:
    """The policy of that name: one of `BASELINES`.

    Raises:
      ValueError: for another name, or if the policy is not one for this environment.
    """
    if name not in BASELINES:
        raise ValueError(f"baseline must be one of {', '.join(BASELINES)}, got {name!r}")
    return BASELINES[name](simulator)
