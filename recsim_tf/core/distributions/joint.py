# SPDX-License-Identifier: Apache-2.0
"""Joint distributions of named parts."""

import collections
import functools
import inspect
from collections.abc import Iterator, Mapping
from typing import Any

import tensorflow as tf
from tensorflow_probability import distributions as tfd

from recsim_tf.core import random
from recsim_tf.core.base.types import Nest
from recsim_tf.core.distributions.independent import IndependentParts
from recsim_tf.core.nests import fields_of

_NAMED: Any = random.class_of_family(tfd.JointDistributionNamed)


def log_prob(distribution: tfd.Distribution, draw: tf.Tensor) -> tf.Tensor:
    """The log-probability of a draw, [B].

    It is `distribution.log_prob(draw)`. The parts of a `tfd.JointDistributionNamed` are scored
    separately, because TensorFlow Probability would trace the whole model again to learn its
    shapes. That would take most of the time of tracing a step, or of running it eagerly.
    """
    if not isinstance(distribution, _NAMED):
        return distribution.log_prob(draw)
    total = 0.0
    for _, part, drawn in _fields(distribution, draw):
        total += log_prob(part, drawn)
    return total


def log_prob_parts(distribution: tfd.Distribution, draw: Nest) -> dict[str, tf.Tensor]:
    """The log-probabilities of `parts_with_draws` by name, which sum up to `log_prob`."""
    return {
        name: log_prob(part, drawn) for name, part, drawn in parts_with_draws(distribution, draw)
    }


def parts_with_draws(
    distribution: tfd.Distribution, draw: Nest, name: str = ""
) -> Iterator[tuple[str, tfd.Distribution, Nest]]:
    """Name, distribution and draw of each part, given the parts that it depends on.

    The parts of a joint distribution have the names of its fields, or their numbers where it is a
    sequence. Names of nested parts are joined by a dot, as "taste.mean". Any other distribution is
    a single part with the name "".
    """
    if isinstance(distribution, _NAMED):
        parts = _fields(distribution, draw)
    elif isinstance(distribution, IndependentParts):
        parts = _with_draws(distribution.parts, draw)
    elif isinstance(distribution, tfd.JointDistribution):
        # Nothing is sampled, since all values are given.
        conditionals, _ = distribution.sample_distributions(value=draw, seed=random.as_seed(0))
        parts = _with_draws(conditionals, draw)
    else:
        yield name, distribution, draw
        return
    for field, part, drawn in parts:
        yield from parts_with_draws(part, drawn, f"{name}.{field}" if name else field)


def _fields(
    distribution: tfd.Distribution, draw: Nest
) -> Iterator[tuple[str, tfd.Distribution, Nest]]:
    """Name, distribution and draw of each field of a `tfd.JointDistributionNamed`."""
    draws = _items(draw)
    for name, field in _items(distribution.model).items():
        part = field
        if not isinstance(field, tfd.Distribution):
            part = field(*(draws[parent] for parent in inspect.signature(field).parameters))
        yield name, part, draws[name]


def _with_draws(parts: Nest, draw: Nest) -> Iterator[tuple[str, tfd.Distribution, Nest]]:
    """Name, distribution and draw of each part of a nest of distributions."""
    draws = _items(draw)
    for name, part in _items(parts).items():
        if isinstance(part, tfd.Distribution):
            yield name, part, draws[name]
        else:
            yield name, IndependentParts(part), draws[name]


def _items(nest: Nest) -> Mapping[str, Nest]:
    """The items of a dict, a NamedTuple or a sequence, by name or number."""
    if isinstance(nest, Mapping):
        return nest
    return fields_of(nest) or {str(number): each for number, each in enumerate(nest)}


def record(name: str, fields: Mapping[str, Nest]) -> Nest:
    """A NamedTuple of nests. Equal names and fields give the same class."""
    return _record_type(name, tuple(fields))(**fields)


@functools.cache
def _record_type(name: str, fields: tuple[str, ...]) -> type:
    return collections.namedtuple(name, fields)  # type: ignore[misc]


def joint(name: str, parts: Mapping[str, tfd.Distribution | None]) -> tfd.Distribution | None:
    """The distribution of independent draws by name. Parts that are None are left out, and it is
    None if all are. Draws are of the class `record(name, ...)`.
    """
    drawn = {field: part for field, part in parts.items() if part is not None}
    return tfd.JointDistributionNamed(record(name, drawn)) if drawn else None


def part(draws: Nest, name: str) -> Nest:
    """The draw of a part of `joint`, or () for a part that draws nothing."""
    return fields_of(draws).get(name, ())


def masked(distribution: tfd.Distribution | None, mask: tf.Tensor) -> tfd.Distribution | None:
    """The distribution in the rows where `mask` [B] is true. In other rows the draw is a constant,
    which is not scored and has no gradient.
    """
    if distribution is None:
        return None
    if not isinstance(distribution, _NAMED):
        return tfd.Masked(distribution, mask, _fixed_draw)
    model = distribution.model
    parts = {name: _masked_field(field, mask) for name, field in _items(model).items()}
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
