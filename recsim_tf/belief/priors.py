"""The families of initial draws that a `GaussianBelief` knows."""

import dataclasses
import inspect
from collections.abc import Callable
from typing import Any

import tensorflow as tf
from tensorflow_probability import bijectors as tfb
from tensorflow_probability import distributions as tfd

from recsim_tf.core import nests, random
from recsim_tf.core.base.types import Nest
from recsim_tf.core.distributions import num_outcomes

_NAMED: Any = random.class_of_family(tfd.JointDistributionNamed)
_SEQUENTIAL: Any = random.class_of_family(tfd.JointDistributionSequential)
_INDEPENDENT: Any = random.class_of_family(tfd.Independent)
_BROADCAST: Any = random.class_of_family(tfd.BatchBroadcast)
_SAMPLE: Any = random.class_of_family(tfd.Sample)
_TRANSFORMED: Any = random.class_of_family(tfd.TransformedDistribution)

# Of the normal that becomes a uniform; float32 has nothing between 1 and the probability below 5.
_MAX_QUANTILE = 5.0


@dataclasses.dataclass
class Normals:
    """A field whose draws are maps of normal coordinates."""

    name: str
    loc: tf.Tensor  # [f], mean of the coordinates
    scale: tf.Tensor  # [f, f], a square root of their covariance
    shape: list[int]  # of the coordinates as the bijector takes them, with f elements
    bijector: tfb.Bijector
    limit: float  # the largest coordinate

    @property
    def size(self) -> int:
        """f."""
        return self.loc.shape[0]

    def draws(self, coordinates: tf.Tensor) -> tf.Tensor:
        """[R, ...]: the draws with coordinates [R, f]."""
        return self.bijector.forward(tf.reshape(coordinates, [-1, *self.shape]))

    def read(self, draws: tf.Tensor) -> tf.Tensor:
        """[R, f]: the coordinates of draws [R, ...]."""
        found = tf.reshape(self.bijector.inverse(draws), [-1, self.size])
        return tf.clip_by_value(found, -self.limit, self.limit) if self.limit else found


@dataclasses.dataclass
class Categories:
    """A field of independent categories."""

    name: str
    log_probs: tf.Tensor  # [..., C]
    dtype: tf.DType  # of a draw [...]

    def read(self, draws: tf.Tensor) -> tf.Tensor:
        """int32 [R, ...]: the categories of draws [R, ...]."""
        return tf.cast(draws, tf.int32)


@dataclasses.dataclass
class Constant:
    """A field that is the same for all users."""

    value: tf.Tensor  # [...]


Field = Normals | Categories | Constant


class Prior:
    """The fields of initial draws, and the moments of all normal ones together.

    Args:
      distribution: of initial draws, of batch shape [1].
      dtype: of the moments.
    """

    def __init__(self, distribution: tfd.Distribution, dtype: tf.DType):
        self.dtype = dtype
        self.fields = fields(distribution)
        self.flat: list[Field] = tf.nest.flatten(self.fields)
        self.normals = [field for field in self.flat if isinstance(field, Normals)]
        self.categories = [field for field in self.flat if isinstance(field, Categories)]
        self.sizes = [field.size for field in self.normals]
        self.size = sum(self.sizes)  # F

    def loc(self) -> tf.Tensor:
        """[F]."""
        parts = [tf.cast(field.loc, self.dtype) for field in self.normals]
        return tf.concat([tf.zeros([0], self.dtype), *parts], axis=0)

    def scale(self) -> tf.Tensor:
        """[F, F]: a square root of the covariance."""
        if not self.size:
            return tf.zeros([0, 0], self.dtype)
        blocks = [
            tf.linalg.LinearOperatorFullMatrix(tf.cast(field.scale, self.dtype))
            for field in self.normals
        ]
        return tf.linalg.LinearOperatorBlockDiag(blocks).to_dense()

    def split(self, coordinates: tf.Tensor) -> list[tf.Tensor]:
        """[..., f] for each normal field, of coordinates [..., F]."""
        return tf.split(coordinates, self.sizes, axis=-1) if self.size else []

    def draws(self, coordinates: list[tf.Tensor], categories: list[tf.Tensor]) -> Nest:
        """A nest of [R, ...]: initial draws, of coordinates [R, f] for each normal field and
        categories int32 [R, ...] for each field of them.
        """
        coordinates, categories = list(coordinates), list(categories)
        num_rows = nests.num_rows([*coordinates, *categories])
        found = []
        for field in self.flat:
            if isinstance(field, Normals):
                found.append(field.draws(coordinates.pop(0)))
            elif isinstance(field, Categories):
                found.append(tf.cast(categories.pop(0), field.dtype))
            else:
                found.append(tf.broadcast_to(field.value, [num_rows, *field.value.shape]))
        return tf.nest.pack_sequence_as(self.fields, found)


def fields(distribution: tfd.Distribution, name: str = "the initial draw") -> Nest:
    """The fields of initial draws of batch shape [1], in a nest of the structure of a draw. Refuses
    an unknown family, and a part of a joint distribution that depends on others.
    """
    if isinstance(distribution, _NAMED):
        model = distribution.model
        parts = model if isinstance(model, dict) else model._asdict()
        found = {key: fields(_part(part, key), key) for key, part in parts.items()}
        return type(model)(**found) if isinstance(model, tuple) else found
    if isinstance(distribution, _SEQUENTIAL):
        parts = [
            fields(_part(part, f"{name}[{index}]"), f"{name}[{index}]")
            for index, part in enumerate(distribution.model)
        ]
        return type(distribution.model)(parts)
    return _field(distribution, name)


def _part(part: Any, name: str) -> tfd.Distribution:
    if isinstance(part, tfd.Distribution):
        return part
    parents = list(inspect.signature(part).parameters)
    if parents:
        raise ValueError(
            f"{name} must be drawn independently of other draws, for a GaussianBelief, got a"
            f" distribution that depends on {', '.join(parents)}"
        )
    return part()


def _field(distribution: tfd.Distribution, name: str) -> Field:
    if distribution.batch_shape != [1]:
        raise ValueError(
            f"{name} must have the users as batch axis, [num_users], for a GaussianBelief, got the"
            f" batch shape {distribution.batch_shape} for one user"
        )
    core, repeat = _core(distribution)
    if isinstance(core, tfd.Deterministic | tfd.VectorDeterministic):
        return Constant(repeat(core.loc)[0])
    if num_outcomes(core) is not None:
        return Categories(name, repeat(_log_probs(core))[0], core.dtype)
    found = _normals(distribution)
    if found is None:
        kinds = [type(each).__name__.lstrip("_") for each in (core, distribution)]
        raise ValueError(
            f"{name} must be Normal, MultivariateNormal, Uniform, a bijector of these as in"
            " LogNormal, Categorical, Bernoulli or Deterministic, for a GaussianBelief, got"
            f" {' inside of '.join(dict.fromkeys(kinds))}"
        )
    loc, spread, bijector, limit = found
    shape = loc.shape[1:].as_list()
    size = loc[0].shape.num_elements()
    is_matrix = spread.shape.rank > loc.shape.rank
    scale = (
        tf.reshape(spread, [size, size]) if is_matrix else tf.linalg.diag(tf.reshape(spread, [-1]))
    )
    return Normals(name, tf.reshape(loc, [size]), scale, shape, bijector, limit)


def _normals(distribution: tfd.Distribution):
    """Of a normal or a map of one: mean [1, ...], standard deviation [1, ...] or square root of
    the covariance [1, f, f], bijector and largest coordinate, 0 for none; None for another family.
    """
    core, repeat = _core(distribution)
    if isinstance(core, tfd.Normal):
        found = core.mean(), core.stddev(), tfb.Identity(), 0.0
    elif isinstance(core, tfd.MultivariateNormalLinearOperator):
        scale = core.scale.to_dense()
        scale = tf.broadcast_to(scale, [*core.batch_shape, *scale.shape[-2:]])
        found = core.mean(), scale, tfb.Identity(), 0.0
    elif isinstance(core, tfd.Uniform):
        low = tf.broadcast_to(core.low, core.batch_shape)
        width = tf.broadcast_to(core.range(), core.batch_shape)
        bijector = tfb.Chain([tfb.Shift(low), tfb.Scale(width), tfb.NormalCDF()])
        found = tf.zeros_like(low), tf.ones_like(low), bijector, _MAX_QUANTILE
    elif isinstance(core, _TRANSFORMED) and (inside := _normals(core.distribution)):
        loc, scale, inner, limit = inside
        found = loc, scale, tfb.Chain([core.bijector, inner]), limit
    else:
        return None
    loc, scale, *rest = found
    if core is not distribution and scale.shape.rank > loc.shape.rank:
        return None
    return repeat(loc), repeat(scale), *rest


def _log_probs(distribution: tfd.Distribution):
    """[..., C]: the log-probabilities of the outcomes."""
    outcomes = tf.range(num_outcomes(distribution), dtype=distribution.dtype)
    shape = [-1, *[1] * distribution.batch_shape.rank]
    log_probs = distribution.log_prob(tf.reshape(outcomes, shape))
    return tf.transpose(log_probs, [*range(1, log_probs.shape.rank), 0])


def _core(
    distribution: tfd.Distribution,
) -> tuple[tfd.Distribution, Callable[[tf.Tensor], tf.Tensor]]:
    """The distribution inside of wrappers that only repeat it or name its axes, and a function that
    repeats what it has, [batch of it, ...], for the whole distribution.
    """
    if not isinstance(distribution, _INDEPENDENT | _BROADCAST | _SAMPLE):
        return distribution, lambda values: values
    core, repeat = _core(distribution.distribution)
    return core, lambda values: _wrapped(distribution, repeat(values))


def _wrapped(wrapper: tfd.Distribution, values: tf.Tensor) -> tf.Tensor:
    """Values of what a wrapper holds, [batch of it, ...], for all of the wrapper."""
    inner = wrapper.distribution.batch_shape.as_list()
    rest = values.shape[len(inner) :].as_list()
    if isinstance(wrapper, _BROADCAST):
        return tf.broadcast_to(values, [*wrapper.batch_shape.as_list(), *rest])
    if isinstance(wrapper, _SAMPLE):
        rank = wrapper.event_shape.rank - wrapper.distribution.event_shape.rank
        sample = wrapper.event_shape[:rank].as_list()
        values = tf.reshape(values, [*inner, *[1] * len(sample), *rest])
        return tf.broadcast_to(values, [*inner, *sample, *rest])
    return values
