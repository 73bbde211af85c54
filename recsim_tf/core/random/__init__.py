"""The one place that draws random numbers: stateless uniforms, mapped through inverse CDFs.

Every draw of the simulator is `sample(distribution, seed)`: a block of uniforms from an explicit
algorithm, pushed through the quantile function of the distribution. Graph mode and XLA therefore
agree when they are given the same uniforms, and no draw depends on the sampler that TensorFlow
Probability happens to use.

Seeds are int32 tensors of shape [2]. A seed is used once: `split_seed` makes as many new ones as
are needed. Where a seed is asked for, `Noise` may stand, from which the same numbers are taken in
turn. In the context `paired`, seeds may be int32 [S, 2].
"""

import contextlib
import contextvars
import functools
import inspect
import math
import numbers
from collections.abc import Callable

import tensorflow as tf
from tensorflow_probability import distributions as tfd

from recsim_tf.core import nests
from recsim_tf.core.random.noise import Blocks, Lengths, Meter, Noise

# Philox runs everywhere. ThreeFry is faster on the CPU, but exists only under XLA; "auto_select"
# costs a hundred times more there.
_algorithm = contextvars.ContextVar("recsim_tf_random_algorithm", default="philox")
_ALGORITHMS = ("philox", "threefry", "auto_select")
# (num_values, num_seeds) inside `paired`.
_pairing: contextvars.ContextVar[tuple[int, int] | None] = contextvars.ContextVar(
    "recsim_tf_random_pairing", default=None
)


@contextlib.contextmanager
def algorithm(name: str):
    """Chooses the bit generator for everything traced inside the context.

    Args:
      name: "philox" (the default), "threefry" (only in functions compiled by XLA) or "auto_select".
    """
    if name not in _ALGORITHMS:
        raise ValueError(f"algorithm must be one of {', '.join(_ALGORITHMS)}, got {name!r}")
    token = _algorithm.set(name)
    try:
        yield
    finally:
        _algorithm.reset(token)


@contextlib.contextmanager
def paired(num_values: int, num_seeds: int = 1):
    """Lets the same users meet V values of a parameter, with each of S seeds, side by side: row (v
    S + s) b + u is user u of b.

    In everything traced inside the context a seed may be int32 [S, 2], one for each of the S seeds.
    A draw of shape [V S b, ...] is then made of the S draws of shape [b, ...] that these seeds give
    outside of the context, and is the same for all values; with a seed of shape [2] all rows of a
    user are the same. So single sessions (`auto_reset=False`) are those of separate runs with b
    users each.

    Distributions without an inverse CDF in `sample`, as Beta and Gamma, cannot be paired: the first
    seed draws them for all rows, so that values and seeds have noise of their own. Draws that users
    share, as those of `SharedCandidates`, are refused.

    Args:
      num_values: V.
      num_seeds: S.

    Raises:
      ValueError: inside the context, for a draw whose first axis is not V S b long.
    """
    token = _pairing.set((num_values, num_seeds))
    try:
        yield
    finally:
        _pairing.reset(token)


def as_seed(seed) -> tf.Tensor:
    """Turns a Python integer into a seed; a seed tensor passes through, and `Noise` gives a new
    one.

    Args:
      seed: an integer in [0, 2**64), an int32 tensor of shape [2], or `Noise`; inside `paired` also
        int32 [S, 2].

    Returns:
      int32 [2] or [S, 2].
    """
    if isinstance(seed, Noise):
        return seed.new_seed()
    if isinstance(seed, numbers.Integral):
        value = int(seed)
        if not 0 <= value < 2**64:
            raise ValueError(f"seed must be in [0, 2**64), got {value}")
        words = ((value >> 32) & 0xFFFFFFFF, value & 0xFFFFFFFF)
        return tf.constant([word - 2**32 if word >= 2**31 else word for word in words], tf.int32)
    if seed is None:
        raise ValueError("seed must be an integer or an int32 tensor of shape [2], got None")
    seed = tf.convert_to_tensor(seed)
    pairing = _pairing.get()
    if seed.dtype != tf.int32 or (
        seed.shape != [2] and (pairing is None or seed.shape != [pairing[1], 2])
    ):
        raise ValueError(
            f"seed must be an integer or an int32 tensor of shape [2], got {seed.dtype.name}"
            f" {seed.shape}"
        )
    return seed


def split_seed(seed, n: int) -> list:
    """Derives `n` independent seeds, each of the shape of the one seed; `Noise` is its own `n`
    seeds.
    """
    if isinstance(seed, Noise):
        return [seed] * n
    seeds = _for_each_seed(
        lambda generator: tf.raw_ops.StatelessRandomUniformFullIntV2(
            shape=[n, 2], dtype=tf.int32, **generator
        ),
        seed,
    )
    return tf.unstack(seeds, axis=-2)


def uniform(shape, seed, dtype=tf.float32) -> tf.Tensor:
    """Uniforms in [0, 1) of the given shape and dtype."""
    block = _block_shape(shape)
    if isinstance(seed, Noise) and (static := _static(block)) is not None:
        return _all_rows(seed.take("uniform", static, tf.as_dtype(dtype)), static)
    return _all_rows(_uniform_block(block, seed, dtype), block)


def normal(shape, seed, dtype=tf.float32) -> tf.Tensor:
    """Standard normals of the given shape and dtype."""
    block = _block_shape(shape)
    if isinstance(seed, Noise) and (static := _static(block)) is not None:
        return _all_rows(seed.take("normal", static, tf.as_dtype(dtype)), static)
    return _normal_quantile(_open_uniform(shape, seed, dtype))


def _normal_quantile(u):
    return math.sqrt(2.0) * tf.math.erfinv(2.0 * u - 1.0)


# Kinds of noise.
_FROM_UNIFORM = {"uniform": tf.identity, "normal": _normal_quantile}


def draw_noise(lengths: Lengths, seed) -> Blocks:
    """Blocks of noise of the given lengths, for `Noise`; all that has one dtype is drawn by one
    operation a seed.
    """
    by_dtype: dict[str, list[str]] = {}
    for name in sorted(lengths):
        by_dtype.setdefault(name.split("/")[1], []).append(name)
    blocks: dict[str, tf.Tensor] = {}
    for (dtype, names), dtype_seed in zip(
        by_dtype.items(), split_seed(seed, max(len(by_dtype), 1)), strict=False
    ):
        u = _opened(
            _uniform_block([sum(lengths[name] for name in names)], dtype_seed, dtype), dtype
        )
        parts = tf.split(u, [lengths[name] for name in names], axis=-1)
        blocks |= {
            name: _FROM_UNIFORM[name.split("/")[0]](part)
            for name, part in zip(names, parts, strict=True)
        }
    return blocks


def noise(blocks: Blocks, seed) -> Noise:
    """`Noise` from blocks; seeds that it gives follow from `seed`, and have its shape."""
    return Noise(blocks, _seeds_after(seed))


def meter() -> Meter:
    """Finds out how much noise is taken: it gives zeros, of which nothing is left in a graph that
    does not use them.
    """
    return Meter(_seeds_after(as_seed(0)))


def _seeds_after(seed: tf.Tensor) -> Callable[[], tf.Tensor]:
    last = [seed]

    def new_seed():
        last[0], new = split_seed(last[0], 2)
        return new

    return new_seed


def _static(shape) -> tf.TensorShape | None:
    """A shape as far as it is known before the graph runs."""
    if tf.is_tensor(shape):
        shape = tf.get_static_value(shape)
    shape = tf.TensorShape(shape)
    return shape if shape.is_fully_defined() else None


def gumbel(shape, seed, dtype=tf.float32) -> tf.Tensor:
    """Standard Gumbel noise of the given shape and dtype: -log of exponentials."""
    # The zero of an exponential draw stands for what lies below the generator's grid, and is moved
    # to the middle of that.
    exponential = tf.maximum(-tf.math.log1p(-uniform(shape, seed, dtype)), 0.5 * _grid_step(dtype))
    return -tf.math.log(exponential)


def uniform_integers(shape, seed, high: int) -> tf.Tensor:
    """Uniform int32 in [0, high) of the given shape."""
    block = _block_shape(shape)

    def draw(generator):
        return tf.raw_ops.StatelessRandomUniformIntV2(
            shape=block, minval=0, maxval=high, **generator
        )

    return _all_rows(_for_each_seed(draw, seed), block)


def _block_shape(shape):
    """The shape of what is drawn for a draw of that shape; inside `paired` that of the users of one
    value and seed.
    """
    pairing = _pairing.get()
    if pairing is None:
        return shape
    copies = math.prod(pairing)
    shape = tf.convert_to_tensor(shape, tf.int32)
    static = _static(shape)
    if static is None:
        return tf.concat([shape[:1] // copies, shape[1:]], axis=0)
    if not static.rank or static[0] % copies:
        rows = f"{pairing[0]} values * {pairing[1]} seeds * users"
        raise ValueError(
            f"side by side on the user axis, the first axis of a draw must be {rows}, got the shape"
            f" {static}"
        )
    return [static[0] // copies, *static[1:]]


def _for_each_seed(draw, seed) -> tf.Tensor:
    """`draw(generator)` with the generator of the seed; for seeds [S, 2] of all of them, [S,
    ...].
    """
    seed = as_seed(seed)
    if seed.shape.rank == 1:
        return draw(_generator(seed))
    return tf.stack([draw(_generator(one)) for one in tf.unstack(seed)])


def _all_rows(drawn, block) -> tf.Tensor:
    """The rows of all values and seeds, from what was drawn in the shape of `_block_shape`, or [S,
    ...] of it for S seeds.
    """
    pairing = _pairing.get()
    if pairing is None:
        return drawn
    num_values, num_seeds = pairing
    rank = len(block) if isinstance(block, list | tf.TensorShape) else block.shape[0]
    rows, copies = (
        (nests.merge_outer(drawn), num_values)
        if drawn.shape.rank > rank
        else (drawn, num_values * num_seeds)
    )
    return tf.tile(rows, [copies] + [1] * (rank - 1))


def _uniform_block(shape, seed, dtype) -> tf.Tensor:
    return _for_each_seed(
        lambda generator: tf.raw_ops.StatelessRandomUniformV2(
            shape=shape, dtype=dtype, **generator
        ),
        seed,
    )


def _generator(seed: tf.Tensor) -> dict:
    """What the raw operations need. `tf.random.stateless_uniform` derives the same numbers from a
    seed with fifteen operations more.
    """
    name = _algorithm.get()
    if name == "threefry":
        key, counter = tf.reshape(tf.bitcast(seed, tf.uint64), [1]), tf.zeros([1], tf.uint64)
    else:
        key, counter = tf.raw_ops.StatelessRandomGetKeyCounter(seed=seed)
    return {"key": key, "counter": counter, "alg": tf.random.Algorithm[name.upper()].value}


def _open_uniform(shape, seed, dtype):
    """Uniforms in (0, 1): half a step of the generator's grid above `uniform`, so that a quantile
    of them is finite.
    """
    u = uniform(shape, seed, dtype)
    # Noise is that already.
    return u if isinstance(seed, Noise) else _opened(u, dtype)


def _opened(u, dtype):
    return u + tf.as_dtype(dtype).as_numpy_dtype(0.5 * _grid_step(dtype))


def _grid_step(dtype) -> float:
    return {tf.float16: 2.0**-10, tf.bfloat16: 2.0**-7, tf.float32: 2.0**-23, tf.float64: 2.0**-52}[
        tf.as_dtype(dtype)
    ]


def batch_shape(distribution):
    """A distribution's batch shape, static where that is known."""
    shape = distribution.batch_shape
    return shape if shape.is_fully_defined() else distribution.batch_shape_tensor()


def categorical_from_uniform(u, probs):
    """Inverse CDF of a categorical.

    Args:
      u: uniforms [...] in [0, 1).
      probs: [..., C], non-negative, with outer axes that broadcast to those of `u`; they need not
        sum to one.

    Returns:
      int32 [...], the category in [0, C). A category of weight zero is never returned.
    """
    cdf = tf.cumsum(probs, axis=-1)
    # Scaling by the total rather than dividing keeps rounding from reaching a last category of
    # weight zero.
    threshold = (u * cdf[..., -1])[..., tf.newaxis]
    return tf.reduce_sum(tf.cast(threshold >= cdf[..., :-1], tf.int32), axis=-1)


def public_or_private(family: type) -> type:
    """The class of every distribution that `family(...)` makes.

    Families that hold other distributions make objects of a private base class where those are no
    composite tensors, as those of this package.
    """
    base = family.__mro__[1]
    return base if base.__name__ == f"_{family.__name__}" else family


@functools.singledispatch
def sample(distribution, seed):
    """One draw of every batch member of a TFP distribution.

    Families used by the models have an inverse CDF here; any other distribution is drawn by its own
    `sample(seed=seed)`. Register more with `sample.register`.

    Args:
      distribution: a `tfd.Distribution`.
      seed: int32 [2], inside `paired` also [S, 2].

    Returns:
      A draw (a nest for joint distributions) with the shape batch_shape + event_shape.
    """
    return _own_sample(distribution, seed)


def _own_sample(distribution, seed):
    seed = as_seed(seed)
    return distribution.sample(seed=seed if seed.shape.rank == 1 else seed[0])


@sample.register
def _(distribution: tfd.Uniform, seed):
    u = uniform(batch_shape(distribution), seed, distribution.dtype)
    low = tf.convert_to_tensor(distribution.low)
    return low + (distribution.high - low) * u


@sample.register
def _(distribution: tfd.Normal, seed):
    return distribution.loc + distribution.scale * normal(
        batch_shape(distribution), seed, distribution.dtype
    )


@sample.register
def _(distribution: tfd.LogNormal, seed):
    return tf.exp(
        distribution.loc
        + distribution.scale * normal(batch_shape(distribution), seed, distribution.dtype)
    )


@sample.register
def _(distribution: tfd.TruncatedNormal, seed):
    # An interval further than about 5 (in float64, 8) standard deviations from the mean has no
    # digits left here.
    loc, scale = tf.convert_to_tensor(distribution.loc), tf.convert_to_tensor(distribution.scale)
    low, high = (
        tf.math.erf((end - loc) / scale / math.sqrt(2.0))
        for end in (distribution.low, distribution.high)
    )
    u = _open_uniform(batch_shape(distribution), seed, distribution.dtype)
    draw = loc + scale * math.sqrt(2.0) * tf.math.erfinv(low + u * (high - low))
    return tf.clip_by_value(draw, distribution.low, distribution.high)


@sample.register
def _(distribution: tfd.Bernoulli, seed):
    probs = distribution.probs_parameter()
    return tf.cast(
        uniform(batch_shape(distribution), seed, probs.dtype) < probs, distribution.dtype
    )


@sample.register
def _(distribution: tfd.Categorical, seed):
    probs = distribution.probs_parameter()
    u = uniform(batch_shape(distribution), seed, probs.dtype)
    return tf.cast(categorical_from_uniform(u, probs), distribution.dtype)


@sample.register(public_or_private(tfd.BatchBroadcast))
def _(distribution, seed):
    inner = distribution.distribution
    if not isinstance(inner, tfd.Categorical):
        return _own_sample(distribution, seed)
    # The few different tables of probabilities broadcast against the uniforms: as many tables as
    # users would be a large constant for XLA.
    probs = inner.probs_parameter()
    u = uniform(batch_shape(distribution), seed, probs.dtype)
    return tf.cast(categorical_from_uniform(u, probs), distribution.dtype)


@sample.register(public_or_private(tfd.Independent))
def _(distribution, seed):
    return sample(distribution.distribution, seed)


@sample.register(public_or_private(tfd.Masked))
def _(distribution, seed):
    draw = sample(distribution.distribution, seed)
    safe = distribution.safe_sample_fn(distribution.distribution)
    mask = tf.convert_to_tensor(distribution.validity_mask)
    mask = tf.reshape(
        mask,
        tf.concat([tf.shape(mask), tf.ones([draw.shape.rank - mask.shape.rank], tf.int32)], axis=0),
    )
    return tf.where(mask, draw, safe)


@sample.register(public_or_private(tfd.JointDistributionNamed))
def _(distribution, seed):
    model = distribution.model
    fields = model._asdict() if hasattr(model, "_asdict") else dict(model)
    seeds = dict(zip(fields, split_seed(seed, len(fields)), strict=True))
    draws: dict = {}
    while len(draws) < len(fields):
        for name, field in fields.items():
            parents = (
                []
                if isinstance(field, tfd.Distribution)
                else list(inspect.signature(field).parameters)
            )
            if name not in draws and all(parent in draws for parent in parents):
                conditional = (
                    field
                    if isinstance(field, tfd.Distribution)
                    else field(*(draws[parent] for parent in parents))
                )
                draws[name] = sample(conditional, seeds[name])
    draws = {name: draws[name] for name in fields}
    return type(model)(**draws) if hasattr(model, "_asdict") else draws
