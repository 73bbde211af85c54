# SPDX-License-Identifier: Apache-2.0
"""Calls of the methods of a model, and checks of their results. Faults name the method."""

import contextlib
import dataclasses
import difflib
import inspect
from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any, NoReturn

import numpy as np
import tensorflow as tf
import tree
from tensorflow_probability import distributions as tfd

from recsim_tf.core import random
from recsim_tf.core.base.bounds import bounded_specs
from recsim_tf.core.base.parameters import Model
from recsim_tf.core.base.ranges import shown
from recsim_tf.core.base.types import Nest
from recsim_tf.core.distributions import log_prob
from recsim_tf.core.models.models import DocumentModel, UserModel
from recsim_tf.core.nests import fields_of
from recsim_tf.support.errors import error_line


class Method:
    """A method of a model, or another function by the author of an environment, with its name in
    messages, such as "Listeners.response".
    """

    def __init__(self, name: str, function: Callable[..., Any]):
        self.name = name
        self._function = function

    @classmethod
    def of(cls, model: Model, name: str) -> "Method":
        """The method of a model by its name."""
        return cls(f"{type(model).__name__}.{name}", getattr(model, name))

    def __call__(self, *arguments: Any) -> Any:
        """Calls the method. Its exception becomes a ValueError with the line of its file."""
        with self.guarded():
            return self._function(*arguments)

    def pure(self, *arguments: Any) -> Nest:
        """Calls the method twice and returns its result, a nest of tensors. Raises a ValueError for
        an exception of the method, or if the second result is different.
        """
        result = self(*arguments)
        if not same(result, self(*arguments)):
            self.refuse_impure()
        return result

    def refuse_impure(self) -> NoReturn:
        """Raises the error of a method whose second result is different."""
        self.refuse(
            "must return the same for the same arguments",
            "a different result the second time: only the draws of distributions may be random",
        )

    def refuse(self, expected: str, got: Any) -> NoReturn:
        """Raises the error of a wrong result."""
        raise ValueError(f"{self.name} {expected}, got {got}")

    @contextlib.contextmanager
    def guarded(self) -> Iterator[None]:
        """Turns an exception inside the context into an error of one line."""
        try:
            yield
        except Exception as error:
            raise ValueError(f"{self.name}: {error_line(error)}") from error


def same(left: Nest, right: Nest) -> bool:
    """True if two nests hold the same tensors; NaN is equal to NaN."""
    first, second = tf.nest.flatten(left), tf.nest.flatten(right)
    return len(first) == len(second) and all(map(_equal, first, second))


def _equal(left: Any, right: Any) -> bool:
    left, right = np.asarray(left), np.asarray(right)
    floats = left.dtype.kind == right.dtype.kind == "f"
    return np.array_equal(left, right, equal_nan=floats)


def near_names(model: Model) -> Iterator[str]:
    """Warnings of methods of users and documents, also of nested models, that the simulator never
    calls, but whose names are close to a method that it calls.
    """
    for base in (UserModel, DocumentModel):
        allowed = [name for name in dir(base) if not name.startswith("_")]
        for kind in type(model).__mro__ if isinstance(model, base) else ():
            methods = [name for name, value in vars(kind).items() if inspect.isroutine(value)]
            for name in methods:
                near = difflib.get_close_matches(name, allowed, n=1, cutoff=0.8)
                # A helper may have a name close to a method of the same class.
                if name not in allowed and near and near[0] not in methods:
                    unknown = f"{kind.__name__}.{name} is no method of {base.__name__}"
                    yield f"{unknown}, so it is never called; did you mean {near[0]}?"
    for field in dataclasses.fields(model):
        if isinstance(inner := getattr(model, field.name), Model):
            yield from near_names(inner)


# The number of draws of each distribution, besides the draw of the step.
_NUM_DRAWS = 4


def check_tensors(
    method: Method, nest: Nest, may_be_empty: bool = False, verb: str = "return", **axes: int
) -> None:
    """Requires a result or draw of a method to be a nest of finite tensors that begin with these
    axes. With `may_be_empty` it may be a nest without tensors, such as ().
    """
    leaves = tree.flatten_with_path(nest)
    if not (leaves or may_be_empty):
        method.refuse(f"must {verb} at least one tensor", nest)
    for path, leaf in leaves:
        expected = f"must {verb} {_named(path)}"
        if not tf.is_tensor(leaf):
            method.refuse(f"{expected} as a tensor" if path else expected, leaf)
        if leaf.shape[: len(axes)] != list(axes.values()):
            method.refuse(f"{expected} of shape {_shape(axes, '...')}", leaf.shape.as_list())
        if leaf.dtype.is_floating and not np.isfinite(leaf).all():
            method.refuse(f"{expected} of finite numbers", leaf.numpy()[~np.isfinite(leaf)].flat[0])


def checked(
    model: Model, name: str, *arguments: Any, may_be_empty: bool = False, **axes: int
) -> Nest:
    """The result of a method, which must be pure and pass `check_tensors`."""
    method = Method.of(model, name)
    result = method.pure(*arguments)
    check_tensors(method, result, may_be_empty, "return", **axes)
    return result


def checked_or_none(
    model: Model, name: str, *arguments: Any, **axes: int
) -> tfd.Distribution | None:
    """The result of a method, which must be None or pass `check_distribution`."""
    method = Method.of(model, name)
    if method(*arguments) is None:
        return None
    return check_distribution(method, *arguments, **axes)[0]


def check_tensor(method: Method, tensor: Any, dtype: str, part: str = "", **axes: int) -> None:
    """Requires a result, or its named part, to be a tensor of these axes, "float" or "bool"."""
    expected = f"must return {part or 'a tensor'} of {dtype} {_shape(axes)}"
    if not tf.is_tensor(tensor):
        method.refuse(expected, described(tensor))
    right = tensor.dtype.is_bool if dtype == "bool" else tensor.dtype.is_floating
    if not right or tensor.shape != list(axes.values()):
        method.refuse(expected, described(tensor))


def check_like(method: Method, nest: Nest, model: Nest, model_method: str) -> None:
    """Requires the structure, shapes and dtypes of `model`, the result of `model_method`."""
    try:
        tf.nest.assert_same_structure(model, nest)
    except (TypeError, ValueError):
        method.refuse(f"must return {described(model)}, as {model_method} does", described(nest))
    for (path, leaf), model_leaf in zip(
        tree.flatten_with_path(nest), tf.nest.flatten(model), strict=True
    ):
        expected, got = described(model_leaf), described(leaf)
        if got != expected:
            method.refuse(f"must return {_named(path)} of {expected}, as {model_method} does", got)


def check_bounds(model: Model, name: str, values: Nest, bounds_name: str) -> None:
    """Requires values that a method returned to be in the bounds of a second method."""
    method, declared_by = Method.of(model, name), Method.of(model, bounds_name)
    bounds = declared_by()
    specs = tf.nest.map_structure(lambda leaf: tf.TensorSpec(leaf.shape, leaf.dtype), values)
    with declared_by.guarded():
        bounded = bounded_specs("", specs, bounds)
    for spec, value in zip(tf.nest.flatten(bounded), tf.nest.flatten(values), strict=True):
        outside = (value.numpy() < spec.minimum) | (value.numpy() > spec.maximum)
        if outside.any():
            part = spec.name.strip("/") or "values"
            method.refuse(
                f"must return {part} in [{spec.minimum}, {spec.maximum}], as"
                f" {declared_by.name} declares",
                value.numpy()[outside][0],
            )


def check_distribution(
    method: Method, *arguments: Any, **axes: int
) -> tuple[tfd.Distribution, list[Nest]]:
    """Requires the method to return a distribution with one batch axis, of users or worlds, whose
    draws have these axes and finite log-probabilities. Returns the distribution, and some draws.
    """
    distribution = method(*arguments)
    if not isinstance(distribution, tfd.Distribution):
        method.refuse(
            "must return a distribution of TensorFlow Probability", described(distribution)
        )
    rows, num_rows = next(iter(axes.items()))
    again = method(*arguments)
    with method.guarded():
        seeds = random.split_seed(random.as_seed(0), _NUM_DRAWS)
        draws = [random.sample(distribution, seed) for seed in seeds]
        is_pure = same(draws[0], random.sample(again, seeds[0]))
        scores = [log_prob(distribution, draw) for draw in draws]
    for draw, score in zip(draws, scores, strict=True):
        if score.shape != [num_rows]:
            hint = ": wrap it in tfd.Independent" if score.shape.rank > 1 else ""
            method.refuse(
                f"must return a distribution of batch shape [{rows}={num_rows}]",
                f"{score.shape.as_list()}{hint}",
            )
        check_tensors(method, draw, False, "draw", **axes)
        check_scores(method, distribution, draw, score)
    if not is_pure:
        method.refuse_impure()
    return distribution, draws


def check_scores(
    method: Method, distribution: tfd.Distribution, draw: Nest, log_probs: tf.Tensor
) -> None:
    """Requires finite log-probabilities [B] of a draw."""
    scores = log_probs.numpy()
    if np.isfinite(scores).all():
        return
    user = int(np.flatnonzero(~np.isfinite(scores))[0])
    of_nan = _nan_parameters(distribution)
    drawn = tf.nest.map_structure(lambda leaf: leaf[user].numpy().tolist(), draw)
    reason = f"NaN in its {', '.join(of_nan)}" if of_nan else f"the draw {shown(drawn)}"
    method.refuse(
        "must return a distribution with a finite log-probability of each draw",
        f"{scores[user]} for {reason}",
    )


def _nan_parameters(distribution: tfd.Distribution) -> list[str]:
    """The names of parameters that hold NaN, of a distribution and its inner distributions."""
    names = []
    for name, value in distribution.parameters.items():
        if isinstance(value, tfd.Distribution):
            names += _nan_parameters(value)
        elif tf.is_tensor(value) and value.dtype.is_floating and np.isnan(value).any():
            names.append(name)
    return names


def _named(path: Sequence[Any]) -> str:
    """The name of a part of a nest, from its path."""
    return "/".join(map(str, path)) or "a tensor"


def _shape(axes: Mapping[str, int], *more: str) -> str:
    return f"[{', '.join([*(f'{name}={length}' for name, length in axes.items()), *more])}]"


def described(nest: Nest) -> str:
    """The structure of a nest in words."""
    if fields := fields_of(nest):
        return f"{type(nest).__name__}({', '.join(fields)})"
    if isinstance(nest, Mapping):
        return f"a dict of {', '.join(map(repr, nest)) or 'nothing'}"
    if isinstance(nest, tuple | list) or nest is None:
        return f"a {type(nest).__name__} of {len(nest)}" if nest else repr(nest)
    return (
        f"{nest.dtype.name} {nest.shape.as_list()}" if tf.is_tensor(nest) else type(nest).__name__
    )
