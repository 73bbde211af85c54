# SPDX-License-Identifier: Apache-2.0
"""Models are dataclasses, whose parameters can be listed, replaced, compared and fitted.

Parameters are fields made by `parameter`, and hold a number, a tensor, a variable, or one value for
each user, [B, ...]. Methods read them by `Model.per_user`, so that a variable stays learnable and a
[B] tensor differs between users.
"""

import copy
import dataclasses
import typing
from collections.abc import Callable, Hashable, Iterator, Mapping, Sequence
from typing import Any, NamedTuple, Self

import numpy as np
import tensorflow as tf

from recsim_tf.core.base import validation
from recsim_tf.core.base.arguments import require
from recsim_tf.core.base.ranges import Range

_PARAMETER = "parameter"
_DRAWN = "drawn"
# Longer arrays are described by their shape.
_MAX_PRINTED = 8


class ParameterSpec(NamedTuple):
    """The declaration of a parameter by its field."""

    rank: int  # number of axes of the parameter itself
    are_probabilities: bool  # whether its last axis holds probabilities that sum to one
    range: Range  # the range of its numbers
    may_be_none: bool  # whether it may be absent

    def check(self, name: str, value: Any) -> None:
        """Requires numbers in the range, with no more axes than the parameter may have. Raises a
        ValueError for a value that is not allowed.
        """
        if value is None and self.may_be_none:
            return
        self.range.check(name, value)
        shape = validation.table_shape(name, value)
        num_axes = self.rank if shape.rank else 0
        if shape.rank is not None and (shape.rank > num_axes + 1 or shape[:1] == [0]):
            raise ValueError(f"{name} must {self._described()}, got the shape {shape}")

    def _described(self) -> str:
        """The shapes that are allowed, as the end of a sentence that begins with "must"."""
        if not self.rank:
            return "be a number, or one for each user [B]"
        return f"have {self.rank} axes, or one more in front for each user [B]"


def parameter(
    default: Any = dataclasses.MISSING,
    rank: int = 0,
    are_probabilities: bool = False,
    low: float | None = None,
    high: float | None = None,
    above: float | None = None,
    below: float | None = None,
    drawn: Callable[[Any], np.ndarray] | None = None,
) -> Any:
    """A field of a model that is one of its parameters.

        class Listeners(recsim_tf.UserModel):
            patience: Any = recsim_tf.parameter(3.0, low=0)
            genre_probs: Any = recsim_tf.parameter((0.2, 0.8), rank=1, are_probabilities=True)

    A parameter may be fitted, compared on the axis of users and saved; see `Model.parameters`.
    Its numbers are checked when a model is made: they are finite and in the range. Variables, and
    tensors inside a graph, are not checked, because their values are not known yet. Only a
    parameter whose default is None may be None.

    Args:
      default: the value by default; a parameter without a default must be given.
      rank: number of axes of the parameter itself: 0 for a number, 1 for a vector, 2 for a table.
        The value may have one more axis in front, [B], with an entry for each user. Where the model
        allows it, a number holds for all entries.
      are_probabilities: whether its last axis holds probabilities that sum to one, which is checked
        where they are numbers.
      low: the least number that is allowed, None for no limit; -inf allows -inf.
      high: the largest number that is allowed, None for no limit; inf allows inf.
      above: a bound that all numbers must be above, None for no limit.
      below: a bound that all numbers must be below, None for no limit.
      drawn: a function of the model that makes the value where None is given, such as a random
        table from a seed in another field. The value is made when it is first read, in the dtype of
        the model.
    """
    default = None if drawn else default
    spec = ParameterSpec(rank, are_probabilities, Range(low, high, above, below), default is None)
    metadata = {_PARAMETER: spec, _DRAWN: drawn}
    if isinstance(default, np.ndarray | list):
        # Dataclasses refuse a default that a model could change for all other models.
        return dataclasses.field(default_factory=lambda: copy.copy(default), metadata=metadata)
    return dataclasses.field(default=default, metadata=metadata)


def drawn_fields(kind: type) -> list[str]:
    """The fields of a class of models whose values are made where None is given."""
    return [field.name for field in dataclasses.fields(kind) if field.metadata.get(_DRAWN)]


class _Drawn:
    """A field that keeps its value, or an array that the model makes when it reads None."""

    def __init__(self, name: str, draw: Callable[[Any], np.ndarray]):
        self._name, self._draw = name, draw

    def __get__(self, model: Any, owner: type | None = None) -> Any:
        if model is None:
            return None
        fields = vars(model)
        if self._name not in fields:
            raise AttributeError(self._name)
        if fields[self._name] is not None:
            return fields[self._name]
        kept = f"_drawn_{self._name}"
        if kept not in fields:
            fields[kept] = self._draw(model).astype(model.dtype.as_numpy_dtype)
        return fields[kept]

    def __set__(self, model: Any, value: Any) -> None:
        vars(model)[self._name] = value


def per_user(value: Any, rank: int, dtype: tf.DType = tf.float32, table_rank: int = 0) -> tf.Tensor:
    """Shapes a parameter to broadcast against a [B, ...] tensor of the given rank.

    Args:
      value: a number, a tensor or variable of shape [] or [B]; a table of parameters has
        `table_rank` axes more, which stay last.
      rank: the rank of the tensor that it broadcasts against, more than `table_rank`.
      dtype: dtype of the result.
      table_rank: number of axes of the parameter itself, 0 for a number.
    """
    value = tf.cast(tf.convert_to_tensor(value, dtype_hint=dtype), dtype)
    if value.shape.rank == table_rank:
        return value
    return tf.reshape(value, [-1] + [1] * (rank - table_rank - 1) + value.shape[1:].as_list())


@typing.dataclass_transform(eq_default=False, field_specifiers=(dataclasses.field,))
class Model(tf.Module):
    """A dataclass whose parameters can be listed, replaced and compared.

    Each subclass becomes a dataclass, so its constructor takes its fields. Parameters of a field
    that is a model itself, such as the choice model of users, are named with a dot:
    "choice_model.no_click_mass".
    """

    def __init_subclass__(cls, **kwargs: Any) -> None:
        super().__init_subclass__(**kwargs)
        if "__init__" in cls.__dict__:
            raise TypeError(
                f"{cls.__name__} must declare fields instead of an __init__: models are dataclasses"
            )
        # Models are equal only if they are the same object; `differences` compares their fields.
        dataclasses.dataclass(eq=False, repr=False)(cls)
        for field in dataclasses.fields(cls):
            if field.metadata.get(_DRAWN):
                setattr(cls, field.name, _Drawn(field.name, field.metadata[_DRAWN]))

    def __post_init__(self) -> None:
        tf.Module.__init__(self)
        for field, value in self._given():
            if isinstance(value, type) and issubclass(value, Model):
                raise ValueError(
                    f"{field.name} must be an object, such as {value.__name__}(), got the class"
                )
            if _PARAMETER in field.metadata:
                field.metadata[_PARAMETER].check(field.name, value)
            elif value is not field.default:
                require(field.name, value, field.type)
        self.check()
        for field, value in self._given():
            spec = field.metadata.get(_PARAMETER)
            if value is not None and spec is not None and spec.are_probabilities:
                validation.check_probabilities(field.name, value)

    def __repr__(self) -> str:
        """The name of the class with the fields that differ from their defaults. Long arrays are
        described by their shapes.
        """
        given = [
            f"{field.name}={value if isinstance(value, Model) else _described(value)}"
            for field, value in self._given()
            if value is not field.default
        ]
        return f"{type(self).__name__}({', '.join(given)})"

    def check(self) -> None:
        """Checks the fields and raises `ValueError`. A subclass overrides it."""

    def parameters(self) -> dict[str, Any]:
        """Values by name, as they were given, of all parameters that are not None."""
        values: dict[str, Any] = {}
        for field, value in self._fields():
            if isinstance(value, Model):
                inner = value.parameters().items()
                values |= {f"{field.name}.{name}": each for name, each in inner}
            elif _PARAMETER in field.metadata and value is not None:
                values[field.name] = value
        return values

    def tensors(self) -> dict[str, tf.Tensor]:
        """Values of the parameters that are tensors or variables, by name."""
        return {
            name: tf.convert_to_tensor(value)
            for name, value in self.parameters().items()
            if isinstance(value, tf.Tensor | tf.Variable)
        }

    def trace_key(self, with_tensors: bool = False) -> tuple | None:
        """A hashable key of everything that a traced function of the model depends on. With
        `with_tensors` the tensors of parameters belong to it, by identity. By default they are
        arguments of the function, of which the key has shapes and dtypes.
        """
        return type(self), *(
            _trace_key(value, field, with_tensors) for field, value in self._given()
        )

    def parameter_spec(self, name: str) -> ParameterSpec:
        """The declaration of a parameter. The ValueError for an unknown one lists all of them."""
        first, _, rest = name.partition(".")
        for field, value in self._fields():
            if field.name == first:
                if rest and isinstance(value, Model):
                    return value.parameter_spec(rest)
                if not rest and _PARAMETER in field.metadata:
                    return field.metadata[_PARAMETER]
        names = ", ".join(self.parameters()) or "none"
        raise ValueError(
            f"{type(self).__name__} has no parameter {name}; its parameters are {names}"
        )

    def users_of_parameters(self) -> dict[str, int]:
        """The number of users, or worlds, of each parameter that has several values, by name."""
        shapes = {
            name: validation.table_shape(name, value) for name, value in self.parameters().items()
        }
        return {
            name: shape[0]
            for name, shape in shapes.items()
            if shape.rank == self.parameter_spec(name).rank + 1 and shape[0] is not None
        }

    def with_parameters(self, values: Mapping[str, Any]) -> Self:
        """The model with some parameters replaced.

        Args:
          values: the new values, by name as in `parameters`.

        Raises:
          ValueError: for an unknown parameter, or a value that the model refuses.
        """
        if not isinstance(values, Mapping):
            raise ValueError(f"values must be a dict by name, got {type(values).__name__}")
        fields: dict[str, Any] = {}
        inner: dict[str, dict[str, Any]] = {}
        for name, value in values.items():
            self.parameter_spec(name)
            first, _, rest = name.partition(".")
            if rest:
                inner.setdefault(first, {})[rest] = value
            else:
                fields[name] = value
        for field, value in self._fields():
            if field.name in inner:
                fields[field.name] = value.with_parameters(inner[field.name])
        return self.replaced(**fields) if fields else self

    def replaced(self, **fields: Any) -> Self:
        """The model with some fields replaced.

        It does the same as `dataclasses.replace`, but without the constructor. A constructor that
        gin configures would build all bound arguments again, also in the middle of a graph.
        """
        model = object.__new__(type(self))
        for field, value in self._given():
            setattr(model, field.name, fields.pop(field.name, value))
        if fields:
            raise TypeError(f"{type(self).__name__} has no field {next(iter(fields))}")
        model.__post_init__()
        return model

    def for_users(self, name: str, values: Sequence[Any]) -> np.ndarray:
        """Values of a parameter for V users, an array [V, ...] for `with_parameters`."""
        rows = np.asarray([tf.convert_to_tensor(value).numpy() for value in values])
        num_missing = max(self.parameter_spec(name).rank + 1 - rows.ndim, 0)
        return rows.reshape([len(rows), *[1] * num_missing, *rows.shape[1:]])

    def differences(self, model: "Model") -> Iterator[str]:
        """Differences to another model, one sentence for each field."""
        return _differences("", self, model)

    def _fields(self) -> Iterator[tuple[dataclasses.Field, Any]]:
        for field in dataclasses.fields(self):
            yield field, self._value(field.name)

    def _given(self) -> Iterator[tuple[dataclasses.Field, Any]]:
        """The fields with their values as given, None where the model makes the value."""
        for field in dataclasses.fields(self):
            is_drawn = field.metadata.get(_DRAWN)
            yield field, vars(self)[field.name] if is_drawn else self._value(field.name)

    def _value(self, name: str) -> Any:
        """The value of a field. Nothing else in this class reads an attribute by its name."""
        return getattr(self, name)

    def per_user(self, name: str, rank: int = 1, dtype: tf.DType | None = None) -> tf.Tensor:
        """A parameter, shaped to broadcast against a [B, ...] tensor of the given rank.

        Args:
          name: the name of the field.
          rank: the rank of the tensor that the parameter broadcasts against.
          dtype: the dtype of the result, by default the dtype of the model.

        Raises:
          ValueError: for a name that is no parameter. The message lists the parameters.
        """
        spec = self.parameter_spec(name)
        return per_user(self._value(name), rank, dtype or self._value("dtype"), spec.rank)


def _trace_key(value: Any, field: dataclasses.Field, with_tensors: bool) -> Hashable:
    if isinstance(value, Model):
        return value.trace_key(with_tensors)
    if _PARAMETER in field.metadata and isinstance(value, tf.Tensor | tf.Variable):
        return _Same(value) if with_tensors else tf.TensorSpec(value.shape, value.dtype)
    try:
        hash(value)
    except TypeError:
        return _Same(value)
    # 1, 1.0 and True are equal, so the type belongs to the key.
    return type(value), value


@dataclasses.dataclass(frozen=True, eq=False)
class _Same:
    """A key that is equal to every key of the same object."""

    value: Any

    def __hash__(self) -> int:
        return id(self.value)

    def __eq__(self, other: object) -> bool:
        return isinstance(other, _Same) and other.value is self.value


def _differences(name: str, left: Any, right: Any) -> Iterator[str]:
    if isinstance(left, Model) and type(left) is type(right):
        for (field, value), (_, right_value) in zip(left._fields(), right._fields(), strict=True):
            inner = f"{name}.{field.name}" if name else field.name
            yield from _differences(inner, value, right_value)
    elif not _equal(left, right):
        yield f"{name or 'the model'} is {_described(right)} there, not {_described(left)}"


def _equal(left: Any, right: Any) -> bool:
    first, second = _numbers(left), _numbers(right)
    if first is None or second is None:
        return _described(left) == _described(right)
    if first.dtype.kind == second.dtype.kind == "f":
        # Python's floats are doubles, which models round to their own dtype.
        narrow = min(first.dtype, second.dtype, key=lambda dtype: dtype.itemsize)
        return np.array_equal(first.astype(narrow), second.astype(narrow), equal_nan=True)
    return np.array_equal(first, second)


def _numbers(value: Any) -> np.ndarray | None:
    try:
        array = np.asarray(value)
    except ValueError:
        return None
    return array if array.dtype.kind in "biuf" else None


def _described(value: Any) -> str:
    array = _numbers(value)
    if array is not None:
        many = array.size > _MAX_PRINTED
        return f"an array {list(array.shape)}" if many else str(array.tolist())
    if callable(value) and not isinstance(value, Model | tf.DType):
        return f"{value.__module__}.{value.__qualname__}"
    return type(value).__qualname__ if isinstance(value, Model) else repr(value)
