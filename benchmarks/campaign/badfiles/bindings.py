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
_NO_TABLE = ("'a'", "None", "{}", "True")
_TEXT = ("@", "= 1", "no_such.name = 1", "train.no_such_parameter = 1", "train.num_iterations", "(")


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
    """The parameters, and what those with a default of a known type may not be."""
    for name, parameter in inspect.signature(configurable.wrapped).parameters.items():
        if name in (configurable.denylist or ()):
            continue
        default, annotation = parameter.default, str(parameter.annotation)
        may_be = {"None"} if "None" in annotation else set()
        if _is_parameter(configurable.wrapped, name) or "Sequence" in annotation:
            # A number of a model may be one for each user.
            may_be.add("[]")
        if _is_foreign(configurable):
            may_be |= {"[]", "2.5"}
        if parameter.annotation is float:
            may_be.add("2.5")
        is_table = isinstance(default, tuple) and default and not isinstance(default[0], str)
        values = _WRONG.get(type(default), _NO_TABLE if is_table else ())
        yield name, tuple(each for each in values if each not in may_be)


def _is_parameter(function: Any, name: str) -> bool:
    if not (inspect.isclass(function) and issubclass(function, Model)):
        return False
    metadata = function.__dataclass_fields__[name].metadata.values()
    return any(isinstance(each, ParameterSpec) for each in metadata)


def _is_foreign(configurable) -> bool:
    return not configurable.wrapped.__module__.startswith("recsim_tf")
