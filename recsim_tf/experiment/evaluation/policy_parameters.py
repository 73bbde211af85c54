"""Parameters of policies that do not learn, for comparisons: "policy.cap" is the parameter `cap` of
each policy that has one.
"""

from collections.abc import Mapping, Sequence

import tensorflow as tf

from recsim_tf.core.parameters import Model
from recsim_tf.core.types import Policy
from recsim_tf.experiment.evaluation.checked_policy import CheckedPolicy
from recsim_tf.support.errors import UsageError

_PREFIX = "policy."


def of_policies(names: Sequence[str]) -> list[str]:
    """Those of the names that are parameters of policies."""
    return [name for name in names if name.startswith(_PREFIX)]


def model_of(policy: Policy) -> Model | None:
    """The policy as the model that has its parameters, or None."""
    inner = policy.policy if isinstance(policy, CheckedPolicy) else policy
    return inner if isinstance(inner, Model) else None


def own_names(policy: Policy, names: Sequence[str]) -> dict[str, str]:
    """Those of the names that are parameters of a policy, with the names that it has for them."""
    model = model_of(policy)
    if model is None:
        return {}
    found = {}
    for name in names:
        own = name.removeprefix(_PREFIX)
        try:
            model.parameter_spec(own)
        except ValueError:
            continue
        found[name] = own
    return found


def with_parameters(policy: Policy, values: Mapping[str, tf.Tensor]) -> Policy:
    """The policy, which is a model or a checked one, with other values by its own names."""
    model = model_of(policy)
    assert model is not None
    changed = model.with_parameters(values)
    return policy.around(changed) if isinstance(policy, CheckedPolicy) else changed


def require_known(names: Sequence[str], policies: Mapping[str, Policy]) -> None:
    """Requires that each of the names is a parameter of a policy; raises `UsageError`."""
    for name in names:
        if not any(own_names(policy, [name]) for policy in policies.values()):
            known = "; ".join(f"{title} has {_known(each)}" for title, each in policies.items())
            raise UsageError(
                f"values: no policy has a parameter {name}: {known}; for agents and other settings"
                " there is recsim-tf sweep"
            )


def _known(policy: Policy) -> str:
    model = model_of(policy)
    names = () if model is None else model.parameters()
    return ", ".join(f"{_PREFIX}{name}" for name in names) or "none"
