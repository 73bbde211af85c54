"""Fixed policies to judge agents by; each is a policy for `Simulator.rollout`."""

from collections.abc import Callable

from recsim_tf.agents.baselines.myopic import myopic_policy
from recsim_tf.agents.baselines.oracle import oracle_policy
from recsim_tf.agents.baselines.random import random_policy
from recsim_tf.core.simulator import Policy, Simulator

# By name, for configurations: each builds its policy from the simulator.
BASELINES: dict[str, Callable[[Simulator], Policy]] = {"random": random_policy, "myopic": myopic_policy, "oracle": oracle_policy}


def baseline_policy(name: str, simulator: Simulator) -> Policy:
    """The fixed policy of that name: "random", "myopic" or "oracle"."""
    if name not in BASELINES:
        raise ValueError(f"baseline must be one of {', '.join(BASELINES)}, got {name!r}")
    return BASELINES[name](simulator)


__all__ = ["BASELINES", "baseline_policy", "myopic_policy", "oracle_policy", "random_policy"]
