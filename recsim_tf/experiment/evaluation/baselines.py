"""Policies that do not learn, beside an agent or alone: recsim_tf's by name, and a user's own."""

from collections.abc import Callable, Mapping, Sequence
from typing import TypeAlias

from tf_agents.policies import tf_policy

from recsim_tf.core.simulator import Simulator
from recsim_tf.experiment.evaluation.checked_policy import CheckedPolicy
from recsim_tf.experiment.evaluation.evaluation import AnyPolicy
from recsim_tf.policies import BASELINES, baseline_policy
from recsim_tf.support.errors import UsageError, fault_location, one_line

# A name of `recsim_tf.policies.BASELINES`, or a function or class that makes a policy.
Baseline: TypeAlias = str | Callable[[Simulator], AnyPolicy]
# Several of them, or a mapping from the names that tables show.
Baselines: TypeAlias = Sequence[Baseline] | Mapping[str, Baseline]


def named_baselines(argument: str, baselines: Baselines) -> dict[str, Baseline]:
    """Baselines by the names that tables show: those of `recsim_tf.policies.BASELINES`, or the own
    ones of functions. `argument` received them, such as "experiment.baselines".

    Raises:
      UsageError: for anything but names and functions, or if two have one name.
    """
    several = baselines.values() if isinstance(baselines, Mapping) else baselines
    if not isinstance(baselines, (tuple, list, Mapping)) or not all(
        isinstance(each, str) or callable(each) for each in several
    ):
        raise UsageError(f"{argument} must be a tuple of names and functions, got {baselines!r}")
    if isinstance(baselines, Mapping):
        return dict(baselines)
    named: dict[str, Baseline] = {}
    for baseline in baselines:
        if isinstance(baseline, str):
            name = BASELINES[baseline].title if baseline in BASELINES else baseline
        else:
            name = getattr(baseline, "__name__", repr(baseline))
        if name in named:
            raise UsageError(f"{argument} must hold policies of different names, got {name} twice")
        named[name] = baseline
    return named


def baseline_policies(
    baselines: Mapping[str, Baseline], simulator: Simulator
) -> dict[str, AnyPolicy]:
    """Policies for a simulator, of `named_baselines`.

    Raises:
      ValueError: for an unknown baseline, one that is not for this environment, or a function that
        does not make a policy.
    """
    return {
        name: baseline_policy(baseline, simulator)
        if isinstance(baseline, str)
        else _made_policy(name, baseline, simulator)
        for name, baseline in baselines.items()
    }


def _made_policy(
    name: str, make: Callable[[Simulator], AnyPolicy], simulator: Simulator
) -> AnyPolicy:
    expected = f"policy {name} must be a function that takes the simulator and returns a policy"
    try:
        policy = make(simulator)
    except TypeError as error:
        if fault_location(error) is not None:
            raise
        raise UsageError(f"{expected}: {one_line(error)}") from error
    if isinstance(policy, tf_policy.TFPolicy):
        return policy
    if not callable(policy):
        raise UsageError(f"{expected}, got {policy!r} in place of the policy")
    checked = CheckedPolicy(name, policy, simulator)
    checked.act_once()
    return checked
