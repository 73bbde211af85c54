"""Nests by name, and joint distributions over them."""

import collections
import functools
import inspect
from collections.abc import Mapping
from typing import Any

import tensorflow as tf
from tensorflow_probability import distributions as tfd

from recsim_tf.core import random
from recsim_tf.core.types import Nest

_NAMED: Any = random.public_or_private(tfd.JointDistributionNamed)


def record(name: str, fields: Mapping[str, Nest]) -> Nest:
    """A NamedTuple of nests: of one class for one name and the same fields."""
    return _record_type(name, tuple(fields))(**fields)


@functools.cache
def _record_type(name: str, fields: tuple[str, ...]) -> type:
    return collections.namedtuple(name, fields)  # type: ignore[misc]


def joint(name: str, parts: Mapping[str, tfd.Distribution | None]) -> tfd.Distribution | None:
    """The distribution of independent draws by name, without the parts that draw nothing; None
    where no part draws. Draws are of the class `record(name, ...)`.
    """
    drawn = {field: part for field, part in parts.items() if part is not None}
    return tfd.JointDistributionNamed(record(name, drawn)) if drawn else None


def part(draws: Nest, name: str) -> Nest:
    """The draw of a part of `joint`; () for one that draws nothing."""
    return getattr(draws, name, ())


def masked(distribution: tfd.Distribution | None, mask: tf.Tensor) -> tfd.Distribution | None:
    """The distribution of what is drawn only where `mask` [B] is true. Elsewhere the draw is a
    fixed one, which is not scored and has no gradient.
    """
    if distribution is None:
        return None
    if not isinstance(distribution, _NAMED):
        return tfd.Masked(distribution, mask, _fixed_draw)
    model = distribution.model
    fields = model if isinstance(model, dict) else model._asdict()
    parts = {name: _masked_field(field, mask) for name, field in fields.items()}
    return tfd.JointDistributionNamed(parts if isinstance(model, dict) else type(model)(**parts))


def _masked_field(field: Any, mask: tf.Tensor) -> Any:
    if isinstance(field, tfd.Distribution):
        return masked(field, mask)

    def conditional(*parents):
        return masked(field(*parents), mask)

    # TensorFlow Probability reads the names of the parents.
    conditional.__signature__ = inspect.signature(field)  # type: ignore[attr-defined]
    return conditional


def _fixed_draw(distribution: tfd.Distribution) -> tf.Tensor:
    try:
        return distribution.mode()
    except NotImplementedError:
        return random.sample(distribution, random.as_seed(0))
