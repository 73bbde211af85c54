"""The environment of a finished run, by the bindings that it used."""

from pathlib import Path
from typing import Any, NamedTuple

import gin

# Imported for the names that it gives to gin files.
from recsim_tf.experiment import config  # noqa: F401
from recsim_tf.experiment.gin.binding_errors import reading
from recsim_tf.experiment.gin.bindings import Reference, values

# What users meet does not depend on functions and classes of these modules.
_OTHER_MODULES = (
    *("recsim_tf.adapters", "recsim_tf.agents", "recsim_tf.evaluation", "recsim_tf.experiment"),
    *("recsim_tf.policies", "recsim_tf.conversations.elicitation", "tf_agents", "tf_keras"),
)
# Bindings on which it depends nevertheless, by the names that they have here: trainings and
# simulations name their environment differently.
_OTHER_BINDINGS = {
    "experiment.simulator": "simulator",
    "simulate.simulator": "simulator",
    "Evaluation.max_steps": "Evaluation.max_steps",
    "Evaluation.fitted": "Evaluation.fitted",
}
# Bindings on which the draws of users depend besides.
_OF_DRAWS = ("Evaluation.num_replicas", "Evaluation.jit_compile")
MISSING = "not bound"


class Environment(NamedTuple):
    """The environment of an evaluation, and its seed."""

    bindings: dict[str, str]  # what is bound, by its name
    seed: Any
    draws: tuple[str, ...] = ()  # what else the draws of users depend on

    def differences(self, other: "Environment") -> dict[str, tuple[str, str]]:
        """The values of both by the name of each binding in which they differ.

        A function or class that only one of the environments used does not count, since a binding
        or the code of another one has led to it.
        """
        shared = {_owner(name) for name in self.bindings}
        shared &= {_owner(name) for name in other.bindings}
        pairs = {
            name: (self.bindings.get(name, MISSING), other.bindings.get(name, MISSING))
            for name in sorted(self.bindings | other.bindings)
            if _owner(name) in shared
        }
        return {name: values for name, values in pairs.items() if values[0] != values[1]}

    def is_like(self, other: "Environment") -> bool:
        """Whether the users of both are the same ones: user u of both draws the same."""
        are_drawn_alike = (self.seed, self.draws) == (other.seed, other.draws)
        return are_drawn_alike and not self.differences(other)

    def with_seed(self, seed: int | None) -> "Environment":
        """The environment with another seed, if one is given."""
        return self if seed is None else self._replace(seed=seed)


def read_environment(file: Path) -> Environment:
    """The environment that the operative configuration of a run describes. What was made in Python
    is not in it, and is like that of no other run.

    Nothing that the file names is imported: functions and classes of the user's own modules count
    as parts of the environment.

    Raises:
      UsageError: if the file cannot be read, with its line.
    """
    unknown = f"made in Python, in {file.parent}"
    with reading([file]):
        bound = values(file)
    # The values of macros stand in the place of the macros.
    all_bindings = {
        name: bound.get(value, value) if isinstance(value, Reference) else value
        for name, value in bound.items()
        if not name.startswith("%")
    }
    bindings = {"simulator": unknown}
    for name, value in all_bindings.items():
        if name in _OTHER_BINDINGS or not _is_elsewhere(_owner(name)):
            bindings[_OTHER_BINDINGS.get(name, name)] = _text(value)
    draws = tuple(_text(all_bindings.get(name)) for name in _OF_DRAWS)
    return Environment(bindings, all_bindings.get("Evaluation.seed", unknown), draws)


def _owner(name: str) -> str:
    """The function or class whose binding has this name."""
    return name.rpartition(".")[0]


def _is_elsewhere(owner: str) -> bool:
    try:
        module = gin.get_configurable(owner.rpartition("/")[2]).__module__
    except (KeyError, ValueError):  # It is not known here, or of several.
        return False
    return module.startswith(_OTHER_MODULES)


def _text(value: Any) -> str:
    return str(value) if isinstance(value, Reference) else repr(value)
