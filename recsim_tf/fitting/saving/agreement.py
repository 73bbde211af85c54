"""Whether two simulators are the same."""

from collections.abc import Iterator, Mapping

import numpy as np
import tensorflow as tf

from recsim_tf.core.simulator import Simulator
from recsim_tf.errors import one_line
from recsim_tf.fitting.parameters.parameter import with_values
from recsim_tf.fitting.saving.config import own_configuration
from recsim_tf.policies.random import random_policy

# So odd a number of users that a parameter with a value for each session fails: it has another
# length.
_NUM_USERS, _NUM_STEPS = 7, 4
# Arrays above are described by their shape.
_MAX_PRINTED = 8


def check_same(fitted: Simulator, rebuilt: Simulator, values: Mapping[str, np.ndarray]) -> None:
    """Requires a simulator that was built again to be the fitted one: the same models, the same
    numbers, the same trajectory.

    Args:
      fitted: of `FitResult`.
      rebuilt: without the values.
      values: by parameter.

    Raises:
      ValueError: naming what differs.
    """
    differences = [
        difference
        for name in ("users", "documents")
        for difference in _differences(
            name, type(getattr(fitted, name)), type(getattr(rebuilt, name))
        )
    ]
    if not differences:
        with own_configuration():
            rebuilt = with_values(rebuilt, values)
        differences = list(_differences("the simulator", fitted, rebuilt))
    if differences:
        raise ValueError(
            f"config must build the simulator that was fitted, but {'; '.join(differences)}"
        )
    expected = tf.nest.flatten(_rollout(fitted))
    # As where it will be loaded.
    with own_configuration():
        found = tf.nest.flatten(_rollout(rebuilt))
    if not all(
        np.array_equal(one, other, equal_nan=one.dtype.is_floating)
        for one, other in zip(expected, found, strict=True)
    ):
        raise ValueError(
            "config must build the simulator that was fitted, but with the same numbers it"
            " simulates otherwise: what gin binds for functions that are called while users are"
            " simulated is not part of a model, make it an argument of the model"
        )


def _rollout(simulator: Simulator):
    try:
        return simulator.rollout(random_policy(simulator), _NUM_USERS, _NUM_STEPS, seed=0)
    except (ValueError, tf.errors.InvalidArgumentError) as error:
        raise ValueError(
            "the simulator must simulate any number of users, so no parameter may have a value for"
            f" each session; with {_NUM_USERS} users: {one_line(error)[:200]}"
        ) from error


def _differences(name: str, fitted, rebuilt) -> Iterator[str]:
    one, other = _numbers(fitted), _numbers(rebuilt)
    if one is not None and other is not None:
        if _equal(one, other):
            return
    elif isinstance(fitted, tf.Module) and type(fitted) is type(rebuilt):
        prefix = "" if isinstance(fitted, Simulator) else f"{name}."
        for key in sorted(
            key
            for key in vars(fitted).keys() | vars(rebuilt).keys()
            if not _is_of_every_module(key)
        ):
            yield from _differences(
                f"{prefix}{key}", getattr(fitted, key, None), getattr(rebuilt, key, None)
            )
        return
    elif _described(fitted) == _described(rebuilt):
        return
    yield f"{name} is {_described(rebuilt)} there, not {_described(fitted)}"


def _is_of_every_module(attribute: str) -> bool:
    """Whether TensorFlow keeps it: a module's name, and what it tracks for checkpoints."""
    return attribute in ("_name", "_scope_name", "_name_scope") or attribute.startswith(
        ("_self_", "_obj_reference_counts")
    )


def _numbers(value) -> np.ndarray | None:
    try:
        array = np.asarray(value)
    except ValueError:
        return None
    return array if array.dtype.kind in "biuf" else None


def _equal(one: np.ndarray, other: np.ndarray) -> bool:
    if one.dtype.kind == other.dtype.kind == "f":
        # gin has Python's floats, which the models round to their own dtype.
        narrow = min(one.dtype, other.dtype, key=lambda dtype: dtype.itemsize)
        return np.array_equal(one.astype(narrow), other.astype(narrow), equal_nan=True)
    return np.array_equal(one, other)


def _described(value) -> str:
    array = _numbers(value)
    if array is not None:
        return f"an array {list(array.shape)}" if array.size > _MAX_PRINTED else str(array.tolist())
    if hasattr(value, "__qualname__"):
        return f"{value.__module__}.{value.__qualname__}"
    return (
        repr(value) if value is None or isinstance(value, (str, tf.DType)) else type(value).__name__
    )
