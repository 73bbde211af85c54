# SPDX-License-Identifier: Apache-2.0
"""Arguments are checked by their annotations: the rules, and every callable that asks for them."""

import dataclasses
import importlib
import inspect
import os
import pkgutil
import sys
from collections.abc import Callable, Mapping, Sequence
from typing import Annotated, Any, Literal, NamedTuple

import gin
import numpy as np
import pytest
import tensorflow as tf
from tensorflow_probability import distributions as tfd

import recsim_tf
from recsim_tf import ope
from recsim_tf.core.base.arguments import (
    ArgumentError,
    Count,
    Fraction,
    OneOf,
    Positive,
    WholeNumber,
    checked,
    configurable,
    require,
)
from recsim_tf.core.base.parameters import Model

_MEASURES = ("clicks", "dwell")
# What is checked where they hand their arguments on to.
_HAND_ON = (
    *("recsim_tf.logs.log.Sessions.split", "recsim_tf.logs.log_stream.LogStream.split"),
    "recsim_tf.adapters.gymnasium.environments.GymnasiumEnvironment.__init__",
    "recsim_tf.adapters.gymnasium.environments.make_environment",
    "recsim_tf.adapters.gymnasium.environments.make_vector_environment",
    "recsim_tf.agents.shared.networks.ItemPerceptron.__init__",
    "recsim_tf.ope.evaluation.EvaluationInputs.__init__",
)
_SIMULATOR = recsim_tf.interest_evolution()


@pytest.mark.parametrize(
    ("annotation", "value"),
    [
        (Count, 1),
        (Count, np.int64(3)),
        (WholeNumber, 0),
        (Fraction, 1),
        (Fraction, tf.constant(0.5)),
        (Fraction, tf.Variable(7.0)),
        (Fraction | None, None),
        (Fraction | Callable[[int], float], lambda step: 1.0),
        (Sequence[Count], ()),
        (Sequence[Count], np.array([3, 4])),
        (Sequence[Count] | None, None),
        (Mapping[str, Count], {"a": 1}),
        (Annotated[str, OneOf(_MEASURES)], "dwell"),
        (Literal["a", "b"] | None, "b"),
        (bool, np.True_),
        (bool, tf.constant(True)),
        (int, tf.constant(3)),
        (float, 3),
        (str | os.PathLike, "a.csv"),
        (tfd.Distribution, tfd.Normal(0.0, 1.0)),
        (recsim_tf.Simulator, _SIMULATOR),
        (ope.Results | Mapping[str, Count], ope.Results({"a": 0})),
        (Any, object()),
        (tf.Tensor, [1.0]),
        ("recsim_tf.Simulator", 3),
    ],
)
def test_a_value_that_is_allowed_passes(annotation, value):
    require("x", value, annotation)


@pytest.mark.parametrize(
    ("annotation", "value", "message"),
    [
        (Count, 0, "x must be an integer of at least 1, got 0"),
        (Count, 2.0, "x must be an integer of at least 1, got 2.0"),
        (Count, True, "x must be an integer of at least 1, got True"),
        (Count, None, "x must be an integer of at least 1, got None"),
        (Count, tf.constant(3), "x must be an integer of at least 1, got <tf.Tensor"),
        (Count, 2**31, "x must be at most 2147483647, got 2147483648"),
        (Count | None, 0, "x must be an integer of at least 1 or None, got 0"),
        (
            Count | Literal["auto"] | None,
            0,
            "x must be an integer of at least 1, auto or None, got",
        ),
        (Count | Literal["auto"], "all", "x must be an integer of at least 1 or auto, got 'all'"),
        (Fraction, 2, "x must be in [0, 1], got 2"),
        (Fraction, float("nan"), "x must be in [0, 1], got nan"),
        (Fraction, "1", "x must be in [0, 1], got '1'"),
        (Fraction, tf.constant(2.0), "x must be in [0, 1], got <tf.Tensor"),
        (Fraction, [0.5], "x must be in [0, 1], got [0.5]"),
        (Positive, 0, "x must be above 0, got 0"),
        (float, float("inf"), "x must be finite, got inf"),
        (float, True, "x must be finite, got True"),
        (Annotated[str, OneOf(_MEASURES)], "likes", "x must be one of clicks, dwell, got 'likes'"),
        (Literal["a", "b"] | None, 3, "x must be one of a, b or None, got 3"),
        (bool, 1, "x must be True or False, got 1"),
        (str, 1, "x must be a string, got 1"),
        (int, 1.5, "x must be a whole number, got 1.5"),
        (Sequence[Count], (3, 0), "x[1] must be an integer of at least 1, got 0"),
        (Sequence[Count], 3, "x must be a list, got 3"),
        (Sequence[str], "abc", "x must be a list, got 'abc'"),
        (Sequence[str], ("a", 3), "x[1] must be a string, got 3"),
        (Mapping[str, Count], {"a": 0}, "x['a'] must be an integer of at least 1, got 0"),
        (Mapping[str, Count], [1], "x must be a dict, got list"),
        (str | os.PathLike, 3, "x must be a string or a path, got 3"),
        (Callable[..., float], 3, "x must be a function, got int"),
        (tfd.Distribution, 3, "x must be a distribution of TFP, got int"),
        (recsim_tf.Simulator, 3, "x must be a Simulator, got int"),
        (
            recsim_tf.Simulator,
            recsim_tf.Simulator,
            "x must be a Simulator, got class Simulator: write Simulator(), in gin files @ before",
        ),
    ],
)
def test_a_value_that_is_not_allowed_is_refused_in_one_sentence(annotation, value, message):
    with pytest.raises(ArgumentError) as caught:
        require("x", value, annotation)
    assert str(caught.value).startswith(message)
    assert "\n" not in str(caught.value)


@checked
def _mean(numbers: Sequence[Count], weight: Fraction = 1.0, power: Count = None, **others: Count):
    return weight * sum(numbers) / len(numbers)


@checked
@dataclasses.dataclass(frozen=True)
class _Options:
    size: Count = 3


@checked
class _Pair(NamedTuple):
    first: Count
    second: Count = 1


class _Users(recsim_tf.dynamics.Component):
    size: Count = 3
    is_known: bool = True

    def update(self, state, control, innovation):
        return state


def test_functions_classes_and_models_are_checked_by_position_and_by_name():
    assert _mean([1, 3]) == 2.0
    assert _mean([1, 3], 0.5, power=None, other=0) == 1.0  # A default, and any other argument.
    for call in (
        lambda: _mean([1], 2.0),
        lambda: _mean([1], weight=2.0),
        lambda: _mean(3),
        lambda: _Options(0),
        lambda: dataclasses.replace(_Options(), size=0),
        lambda: _Pair(1, 0),
        lambda: _Pair(second=2, first=0),
        lambda: _Users(size=0),
        lambda: _Users(is_known=3),
        lambda: _Users().replaced(size=0),
    ):
        with pytest.raises(ValueError, match="must be"):
            call()


def test_an_error_has_the_name_of_its_function():
    with pytest.raises(ArgumentError) as caught:
        _Options(size=0)
    assert caught.value.owner == "_Options.__init__"


def test_missing_and_unknown_arguments_are_told_by_python():
    with pytest.raises(TypeError, match=r"^_mean\(\) missing 1 required positional argument: 'num"):
        _mean()
    with pytest.raises(TypeError, match=r"_Options.__init__\(\) got an unexpected keyword"):
        _Options(width=3)


def test_gin_knows_the_names_of_arguments_and_binds_them():
    @configurable(module="recsim_tf.test_arguments")
    def bookcase(height: Count = 3):
        return height

    with gin.unlock_config(), gin.config_scope(None):
        with pytest.raises(ValueError, match="width"):
            gin.parse_config("bookcase.width = 3")
        try:
            gin.parse_config("bookcase.height = 0")
            with pytest.raises(
                ArgumentError, match=r"^height must be an integer of at least 1, got"
            ):
                bookcase()
        finally:
            gin.clear_config()


def _checked_callables() -> dict[str, Any]:
    """All functions and classes of recsim_tf that check annotations, by their names."""
    for module in pkgutil.walk_packages(recsim_tf.__path__, "recsim_tf."):
        if not module.name.endswith(("stable_baselines3", "__main__", "engines.ray_trial")):
            importlib.import_module(module.name)
    found: dict[str, Any] = {}
    for name, module in list(sys.modules.items()):
        if name.startswith("recsim_tf"):
            for each in vars(module).values():
                parts = vars(each).values() if isinstance(each, type) else (each,)
                if isinstance(each, type) and issubclass(each, Model):
                    parts = (*parts, each.__init__)
                for part in parts:
                    if inspect.isfunction(part) and part.__module__.startswith("recsim_tf"):
                        found[f"{part.__module__}.{part.__qualname__}"] = part
    return found


def test_each_argument_with_a_rule_has_its_sentence():
    asked = 0
    for owner, function in _checked_callables().items():
        hints = {
            name: parameter.annotation
            for name, parameter in inspect.signature(function).parameters.items()
        }
        for name, hint in hints.items():
            try:
                require(name, object(), hint)
            except ArgumentError as error:
                asked += 1
                message = str(error)
                assert message.startswith(f"{name} must be "), (owner, message)
                assert "\n" not in message, (owner, message)
                assert len(message) < 300, (owner, message)
            else:
                has_rule = "Annotated" in str(hint) or "Literal" in str(hint)
                assert not has_rule, f"{owner}: {name} has a rule in {hint} that allows anything"
    assert asked > 1000


def test_a_function_whose_annotations_have_rules_asks_for_them():
    for owner, function in _checked_callables().items():
        hints = str([each.annotation for each in inspect.signature(function).parameters.values()])
        has_rules = "Annotated" in hints or "Literal" in hints
        if has_rules and owner not in _HAND_ON and not _is_checked_by_its_class(function):
            assert hasattr(function, "__wrapped__"), f"{owner} has no @checked"


def _is_checked_by_its_class(function) -> bool:
    """Models check their fields themselves."""
    name, _, method = function.__qualname__.rpartition(".")
    owner = getattr(sys.modules[function.__module__], name, None)
    return method == "__init__" and isinstance(owner, type) and issubclass(owner, Model)
