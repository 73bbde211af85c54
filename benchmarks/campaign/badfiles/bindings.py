"""gin bindings of a wrong type."""

import inspect
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import gin
from campaign.badfiles.cases import Case

from recsim_tf.core.parameters import Model, ParameterSpec
from recsim_tf.experiment import config
from recsim_tf.experiment.sweeps import run  # noqa: F401  # For its names.

_PACKAGES = ("recsim_tf", "keras", "tf_keras", "tensorflow_probability")
# By the type of the default: what is none of that type.
_WRONG = {
    bool: ("'a'", "None", "2.5", "[]", "{}", "2"),
    int: ("'a'", "None", "2.5", "[]", "{}", "True"),
    float: ("'a'", "None", "[]", "{}", "True"),
    str: ("None", "2.5", "[]", "{}", "True"),
}
_TEXT = ("@", "= 1", "no_such_name = 1", "train.no_such_parameter = 1", "train.num_iterations", "(")


def cases(folder: Path) -> Iterator[tuple[Case, Any]]:
    """Each case, and nothing: no binding is like another."""
    del folder
    for configurable in sorted(_configurables(), key=lambda each: each.selector):
        for parameter, values in _parameters(configurable):
            for value in values:
                name = f"{configurable.selector}.{parameter}"
                binding = f"{name} = {value}"
                yield Case("binding", binding, _loaded(binding), (parameter,)), None
    for text in _TEXT:
        yield Case("binding", text, _loaded(text), ("gin configuration", "in '")), None


def _loaded(binding: str) -> Callable:
    return lambda: config.load([], [binding])


def _configurables() -> list:
    return [
        each
        for _, each in gin.config._REGISTRY.items()
        if each.wrapped.__module__.partition(".")[0] in _PACKAGES
    ]


def _parameters(configurable) -> Iterator[tuple[str, tuple[str, ...]]]:
    """The parameters with a default of a known type, and what they may not be."""
    for name, parameter in inspect.signature(configurable.wrapped).parameters.items():
        if name in (configurable.denylist or ()):
            continue
        default = parameter.default
        is_table = isinstance(default, tuple) and default and not isinstance(default[0], str)
        if type(default) in _WRONG:
            values = _WRONG[type(default)]
            if "None" in str(parameter.annotation):
                values = tuple(each for each in values if each != "None")
            # A number of a model may be one for each user.
            may_be_table = _is_parameter(configurable.wrapped, name) or _is_foreign(configurable)
            yield name, tuple(each for each in values if not (may_be_table and each == "[]"))
        elif is_table:
            yield name, ("'a'", "None", "{}", "True")


def _is_parameter(function: Any, name: str) -> bool:
    if not (inspect.isclass(function) and issubclass(function, Model)):
        return False
    metadata = function.__dataclass_fields__[name].metadata.values()
    return any(isinstance(each, ParameterSpec) for each in metadata)


def _is_foreign(configurable) -> bool:
    return not configurable.wrapped.__module__.startswith("recsim_tf")
