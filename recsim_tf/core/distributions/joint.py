"""Joint distributions of named parts."""

import inspect
from collections.abc import Iterator, Mapping
from typing import Any

import tensorflow as tf
from tensorflow_probability import distributions as tfd

from recsim_tf.core import random
from recsim_tf.core.distributions.independent import IndependentParts
from recsim_tf.core.types import Nest

_NAMED: Any = random.public_or_private(tfd.JointDistributionNamed)


def log_prob(distribution: tfd.Distribution, draw) -> tf.Tensor:
    """[B]: the log-probability of a draw.

    It is `distribution.log_prob(draw)`. For a `tfd.JointDistributionNamed` the parts are scored one
    by one, since TensorFlow Probability traces the whole model once more to learn its shapes. That
    takes most of the time in which a step is traced, or run eagerly.
    """
    if not isinstance(distribution, _NAMED):
        return distribution.log_prob(draw)
    total = 0.0
    for _, part, drawn in _fields(distribution, draw):
        total += log_prob(part, drawn)
    return total


def log_prob_parts(distribution: tfd.Distribution, draw: Nest) -> dict[str, tf.Tensor]:
    """The log-probabilities of the parts of a draw by name, which sum up to `log_prob`.

    The parts of a joint distribution have the names of its fields, or their numbers where it is a
    sequence, and parts of parts a dot between: "taste.mean". Any other distribution is one part,
    with the name "".
    """
    if isinstance(distribution, _NAMED):
        parts = {
            name: log_prob_parts(part, drawn) for name, part, drawn in _fields(distribution, draw)
        }
    elif isinstance(distribution, IndependentParts):
        return _parts_of_nest(distribution.parts, draw)
    elif isinstance(distribution, tfd.JointDistribution):
        scores = distribution.log_prob_parts(draw)
        parts = {name: {"": score} for name, score in _items(scores).items()}
    else:
        return {"": log_prob(distribution, draw)}
    return _with_names(parts)


def _fields(distribution, draw: Nest) -> Iterator[tuple[str, tfd.Distribution, Nest]]:
    """Name, distribution and draw of each field of a `tfd.JointDistributionNamed`."""
    draws = _items(draw)
    for name, field in _items(distribution.model).items():
        part = field
        if not isinstance(field, tfd.Distribution):
            part = field(*(draws[parent] for parent in inspect.signature(field).parameters))
        yield name, part, draws[name]


def _parts_of_nest(parts: Nest, draw: Nest) -> dict[str, tf.Tensor]:
    """As `log_prob_parts`, of a nest of independent distributions."""
    if isinstance(parts, tfd.Distribution):
        return log_prob_parts(parts, draw)
    draws = _items(draw)
    return _with_names(
        {name: _parts_of_nest(part, draws[name]) for name, part in _items(parts).items()}
    )


def _items(nest: Nest) -> Mapping[str, Nest]:
    """What a dict, a NamedTuple or a sequence holds, by name or number."""
    if isinstance(nest, Mapping):
        return nest
    if hasattr(nest, "_asdict"):
        return nest._asdict()
    return {str(number): each for number, each in enumerate(nest)}


def _with_names(parts: Mapping[str, Mapping[str, tf.Tensor]]) -> dict[str, tf.Tensor]:
    """Parts of parts by one name."""
    return {
        f"{name}.{own}" if own else name: score
        for name, inner in parts.items()
        for own, score in inner.items()
    }
