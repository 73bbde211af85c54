# SPDX-License-Identifier: Apache-2.0
from typing import NamedTuple

import numpy as np
import pytest
import tensorflow as tf
from tensorflow_probability import distributions as tfd

from recsim_tf.core import random
from recsim_tf.core.random import uniforms
from recsim_tf.core.random.generator import generator as generator_of
from recsim_tf.core.random.generator import grid_step
from recsim_tf.core.random.generator import uniforms as uniforms_of
from recsim_tf.core.runs.execution import compiled
from tests.alike import assert_mean
from tests.refusals import assert_refused

NUM_DRAWS = 20_000
# A Kolmogorov-Smirnov statistic times sqrt(n) is above this with probability 0.0005.
KS_BOUND = 1.99


class Pair(NamedTuple):
    first: object
    second: object


def ks_statistic(draws, cdf):
    """sqrt(n) times the largest distance between the empirical and the given distribution
    function.
    """
    ordered = np.sort(np.asarray(draws, np.float64))
    values = np.asarray(cdf(ordered), np.float64)
    steps = np.arange(len(ordered) + 1) / len(ordered)
    return np.sqrt(len(ordered)) * max(np.max(steps[1:] - values), np.max(values - steps[:-1]))


CONTINUOUS = {
    "Uniform": (tfd.Uniform, {"low": -2.0, "high": 3.0}),
    "Normal": (tfd.Normal, {"loc": 1.0, "scale": 2.0}),
    "LogNormal": (tfd.LogNormal, {"loc": 0.3, "scale": 0.5}),
    "TruncatedNormal": (tfd.TruncatedNormal, {"loc": 1.0, "scale": 2.0, "low": -1.0, "high": 1.5}),
    "Gamma, which has no inverse here": (tfd.Gamma, {"concentration": 2.0, "rate": 1.0}),
}


@pytest.mark.parametrize("dtype", [tf.float32, tf.float64], ids=["float32", "float64"])
@pytest.mark.parametrize(("family", "parameters"), CONTINUOUS.values(), ids=CONTINUOUS)
def test_continuous_families_have_the_distribution_of_tfp(family, parameters, dtype):
    parameters = {
        name: tf.fill([NUM_DRAWS], tf.constant(value, dtype)) for name, value in parameters.items()
    }
    draws = random.sample(family(**parameters), random.as_seed(1))
    assert draws.dtype == dtype
    assert draws.shape == [NUM_DRAWS]
    one = family(**{name: values[0] for name, values in parameters.items()})
    assert np.isfinite(one.log_prob(draws)).all()
    assert ks_statistic(draws, lambda x: one.cdf(tf.constant(x, dtype))) < KS_BOUND


@pytest.mark.parametrize("dtype", [tf.float32, tf.float64], ids=["float32", "float64"])
def test_normal_draws_are_finite_and_symmetric_at_the_extreme_uniforms(dtype, monkeypatch):
    step = 2.0 ** (-23 if dtype == tf.float32 else -52)
    monkeypatch.setattr(uniforms, "uniform", lambda *_: tf.constant([0.0, 1.0 - step], dtype))
    low, high = random.sample(
        tfd.Normal(tf.zeros([2], dtype), tf.constant(1, dtype)), random.as_seed(0)
    ).numpy()
    assert -9 < low < -5
    np.testing.assert_allclose(high, -low, rtol=0.02)


@pytest.mark.parametrize("dtype", [tf.float32, tf.float64], ids=["float32", "float64"])
def test_gumbel_noise_has_its_distribution_and_is_finite_at_the_extreme_uniforms(
    dtype, monkeypatch
):
    draws = random.gumbel([NUM_DRAWS], random.as_seed(1), dtype)
    assert draws.dtype == dtype
    assert ks_statistic(draws, lambda x: np.exp(-np.exp(-x))) < KS_BOUND
    step = 2.0 ** (-23 if dtype == tf.float32 else -52)
    monkeypatch.setattr(uniforms, "uniform", lambda *_: tf.constant([0.0, step, 1.0 - step], dtype))
    np.testing.assert_allclose(
        random.gumbel([3], random.as_seed(0), dtype),
        [-np.log(step / 2), -np.log(step), -np.log(-np.log(step))],
    )


@pytest.mark.parametrize("jit_compile", [False, True], ids=["graph", "xla"])
@pytest.mark.parametrize(("low", "high"), [(-5.0, -3.0), (3.0, 5.0), (-20.0, 20.0)])
def test_truncated_normal_draws_stay_within_their_ends_and_keep_the_distribution(
    low, high, jit_compile
):
    distribution = tfd.TruncatedNormal(tf.zeros([NUM_DRAWS]), 1.0, low, high)
    draws = tf.function(random.sample, jit_compile=jit_compile, autograph=False)(
        distribution, random.as_seed(1)
    ).numpy()
    assert low <= draws.min() < draws.max() <= high
    normal = tfd.Normal(np.float64(0), np.float64(1))
    below = normal.cdf(np.float64(low))
    assert (
        ks_statistic(
            draws, lambda x: (normal.cdf(x) - below) / (normal.cdf(np.float64(high)) - below)
        )
        < KS_BOUND
    )


def test_truncated_normal_draws_are_finite_at_the_extreme_uniforms_and_differentiable(monkeypatch):
    monkeypatch.setattr(uniforms, "uniform", lambda *_: tf.constant([0.0, 1.0 - 2.0**-23]))
    scale = tf.Variable([0.1, 0.1])
    with tf.GradientTape() as tape:
        draws = random.sample(
            tfd.TruncatedNormal(tf.zeros([2]), scale, -1.0, 1.0), random.as_seed(0)
        )
    np.testing.assert_allclose(draws, [-0.53, 0.53], atol=0.02)
    np.testing.assert_allclose(tape.gradient(draws, scale), draws / scale, rtol=0.01)


@pytest.mark.parametrize("parameterisation", ["probs", "logits"])
def test_bernoulli_draws_have_their_probabilities(parameterisation):
    probs = np.array([0.0, 0.2, 0.9, 1.0], np.float32)
    with np.errstate(divide="ignore"):
        value = probs if parameterisation == "probs" else np.log(probs) - np.log1p(-probs)
    distribution = tfd.Bernoulli(
        **{parameterisation: tf.tile(tf.constant(value)[tf.newaxis], [NUM_DRAWS, 1])}
    )
    draws = random.sample(distribution, random.as_seed(2))
    assert draws.dtype == tf.int32
    for column, prob in enumerate(probs):
        assert_mean(draws[:, column], prob)
    assert set(np.unique(draws)) == {0, 1}


@pytest.mark.parametrize("parameterisation", ["probs", "logits"])
def test_categorical_draws_have_their_probabilities(parameterisation):
    probs = np.array([0.0, 0.5, 0.0, 0.3, 0.2, 0.0])
    with np.errstate(divide="ignore"):
        value = probs if parameterisation == "probs" else np.log(probs)
    distribution = tfd.Categorical(
        **{parameterisation: tf.tile(tf.constant(value, tf.float32)[tf.newaxis], [NUM_DRAWS, 1])}
    )
    draws = random.sample(distribution, random.as_seed(3)).numpy()
    assert draws.dtype == np.int32
    for category, prob in enumerate(probs):
        assert_mean(draws == category, prob)


@pytest.mark.parametrize("jit_compile", [False, True], ids=["graph", "xla"])
@pytest.mark.parametrize("dtype", [tf.float32, tf.float64], ids=["float32", "float64"])
def test_categories_of_weight_zero_are_never_drawn_from_the_extreme_uniforms(dtype, jit_compile):
    largest = 1.0 - 2.0 ** (-23 if dtype == tf.float32 else -52)
    u = tf.constant([0.0, 2.0**-23, 0.5, largest], dtype)[:, tf.newaxis]
    weights = np.array(
        [
            [0.0, 1.0, 0.0, 0.0],
            [0.0, 0.3, 0.7, 0.0],
            [0.0, 0.1, 0.0, 0.2],
            [1e-30, 0.0, 3e-30, 0.0],
            [0.0, 7.7, 1e30, 0.0],
            [5.0, 0.0, 0.0, 0.0],
            [0.0, 0.0, 0.0, 5.0],
        ]
    )
    draw = tf.function(random.categorical_from_uniform, jit_compile=jit_compile, autograph=False)
    drawn = draw(
        tf.tile(u, [1, len(weights)]), tf.constant(np.tile(weights, [4, 1, 1]), dtype)
    ).numpy()
    for row, weight in enumerate(weights):
        assert (weight[drawn[:, row]] > 0).all()


def test_the_inverse_of_a_categorical_splits_the_unit_interval_in_order():
    u = tf.constant([0.0, 0.19, 0.21, 0.49, 0.51, 0.99])
    np.testing.assert_array_equal(
        random.categorical_from_uniform(u, tf.tile([[2.0, 3.0, 5.0]], [6, 1])), [0, 0, 1, 1, 2, 2]
    )


def test_what_a_category_leaves_of_a_uniform_is_a_uniform_again():
    probs = tf.constant([0.0, 0.2, 0.0, 0.5, 0.3, 0.0])
    edges = tf.constant([0.0, 0.2, 0.7, 1 - 2.0**-23])
    u = tf.concat([random.uniform([NUM_DRAWS], 3), edges], axis=0)
    category, rest = random.category_and_rest(u, probs)
    np.testing.assert_array_equal(category, random.categorical_from_uniform(u, probs))
    assert ((rest >= 0) & (rest < 1)).numpy().all()
    for own in (1, 3, 4):
        of_own = rest[:NUM_DRAWS][category[:NUM_DRAWS] == own]
        assert ks_statistic(of_own, lambda x: x) < KS_BOUND
    alone, rest = random.category_and_rest(u, tf.ones([1]))
    np.testing.assert_array_equal(alone, np.zeros(len(u)))
    np.testing.assert_allclose(rest, u, atol=1e-6)


def test_masked_draws_the_safe_value_where_invalid():
    valid = tf.constant([True, False] * 5)
    inside = tfd.Normal(tf.zeros([10]), 1.0)
    draws = random.sample(
        tfd.Masked(inside, valid, safe_sample_fn=lambda d: tf.fill(d.batch_shape, -7.0)),
        random.as_seed(5),
    )
    expected = random.sample(inside, random.as_seed(5))
    np.testing.assert_array_equal(draws, np.where(valid, expected, -7.0))


def test_masked_draws_of_vectors_follow_the_mask_of_their_row():
    valid = tf.constant([True, False, True])
    inside = tfd.Independent(tfd.Normal(tf.zeros([3, 2]), 1.0), 1)
    draws = random.sample(
        tfd.Masked(inside, valid, safe_sample_fn=lambda d: tf.zeros([3, 2])), random.as_seed(5)
    ).numpy()
    np.testing.assert_array_equal((draws != 0).all(-1), valid)


PARENT = tfd.Normal(tf.zeros([NUM_DRAWS]), 1.0)


@pytest.mark.parametrize(
    "model",
    [
        {"second": lambda first: tfd.Normal(first * 100, 1.0), "first": PARENT},
        Pair(first=PARENT, second=lambda first: tfd.Normal(first * 100, 1.0)),
    ],
    ids=["dict, child first", "namedtuple"],
)
def test_fields_of_a_joint_may_depend_on_each_other(model):
    joint = tfd.JointDistributionNamed(model)
    draws = random.sample(joint, random.as_seed(6))
    assert type(draws) is type(model)
    parent, child = (draws["first"], draws["second"]) if isinstance(model, dict) else draws
    standard_normal = tfd.Normal(np.float64(0), np.float64(1))
    assert ks_statistic(parent, standard_normal.cdf) < KS_BOUND
    assert ks_statistic(child - parent * 100, standard_normal.cdf) < KS_BOUND
    assert_mean((child - parent * 100) * parent, 0.0)
    assert joint.log_prob(draws).shape == [NUM_DRAWS]


def test_a_field_of_a_joint_that_depends_on_no_field_is_named():
    joint = tfd.JointDistributionNamed(
        Pair(first=PARENT, second=lambda parent: tfd.Normal(parent, 1.0))
    )
    with pytest.raises(
        ValueError,
        match="function of field 'second' of a joint distribution must have arguments"
        " with the names of other fields, first, second, got parent",
    ):
        random.sample(joint, random.as_seed(6))


def test_more_families_can_be_registered():
    class Constant(tfd.Deterministic):
        pass

    @random.sample.register
    def _(distribution: Constant, seed):
        del seed
        return distribution.loc + 1

    assert float(random.sample(Constant(2.0), random.as_seed(0))) == 3.0
    assert float(random.sample(tfd.Deterministic(2.0), random.as_seed(0))) == 2.0


@pytest.mark.parametrize("seed", [0, 7, 2**31, 2**32 + 5, 2**64 - 1, np.int64(3)])
def test_integers_become_seeds_without_collisions(seed):
    value = random.as_seed(seed)
    assert value.dtype == tf.int32
    high, low = (int(word) & 0xFFFFFFFF for word in value)
    assert (high << 32) + low == int(seed)
    np.testing.assert_array_equal(random.as_seed(value), value)


@pytest.mark.parametrize(
    ("seed", "message"),
    [
        (-1, r"seed must be in \[0, 2\*\*64\), got -1"),
        (None, "seed must be an integer or an int32 tensor of shape .* got None"),
        (
            tf.constant([1, 2], tf.int64),
            "seed must be an integer or an int32 tensor of shape .* got int64",
        ),
    ],
)
def test_what_is_no_seed_is_refused(seed, message):
    assert_refused(lambda: random.as_seed(seed), message)


def test_split_seeds_give_distinct_streams():
    seeds = [tuple(seed.numpy()) for parent in range(50) for seed in random.split_seed(parent, 20)]
    assert len(set(seeds)) == len(seeds)
    streams = np.stack([random.uniform([500], tf.constant(seed)) for seed in seeds[:20]])
    correlations = np.corrcoef(streams)[np.triu_indices(20, 1)]
    # 190 correlations with standard error 1/sqrt(500) each.
    assert np.abs(correlations).max() < 4.5 / np.sqrt(500)


def test_a_split_is_reproducible_and_never_returns_its_parent():
    np.testing.assert_array_equal(random.split_seed(3, 4), random.split_seed(3, 4))
    assert not np.array_equal(random.split_seed(3, 1)[0], random.as_seed(3))


@pytest.mark.parametrize("shape", [[NUM_DRAWS], [NUM_DRAWS + 1], [NUM_DRAWS // 4, 4]])
def test_long_draws_under_xla_are_uniform_on_the_generators_grid(shape):
    draw = compiled(lambda seed: random.uniform(shape, seed), jit_compile=True)
    u = draw(random.as_seed(5)).numpy()
    assert u.shape == tuple(shape)
    np.testing.assert_array_equal(u * 2.0**23 % 1, 0)
    u = u.flatten()
    assert ks_statistic(u, lambda x: x) < KS_BOUND
    half = len(u) // 2
    # Neighbours, and the two numbers of a word: four standard errors of a correlation.
    for first, second in ((u[1:], u[:-1]), (u[:half], u[-half:])):
        assert abs(np.corrcoef(first, second)[0, 1]) < 4 / np.sqrt(half)
    assert len(np.unique(u)) > 0.99 * len(u)
    np.testing.assert_array_equal(draw(random.as_seed(5)), u.reshape(shape))
    assert np.mean(draw(random.as_seed(6)) == u.reshape(shape)) < 0.01


def test_an_unknown_algorithm_is_refused():
    message = "algorithm must be one of philox, threefry, auto_select, got 'mt19937'"
    with pytest.raises(ValueError, match=message), random.algorithm("mt19937"):
        pass


def test_the_algorithm_is_that_of_the_innermost_context():
    def draw():
        return random.uniform([4], random.as_seed(1))

    def with_threefry():
        with random.algorithm("threefry"):
            return draw()

    philox, threefry = (
        tf.function(f, jit_compile=True, autograph=False)().numpy() for f in (draw, with_threefry)
    )
    assert (philox != threefry).all()
    with random.algorithm("auto_select"), random.algorithm("philox"):
        inner = draw()
    np.testing.assert_array_equal(inner, draw())
    with pytest.raises(RuntimeError, match="inside"), random.algorithm("threefry"):
        raise RuntimeError("inside")
    np.testing.assert_array_equal(inner, draw())


def test_numbers_of_xla_are_taken_from_both_halves_of_words():
    """The bits of 64-bit draws: 23 of the upper 32 first, then 23 of the lower ones."""
    length = 20_000

    @tf.function(jit_compile=True)
    def drawn():
        with random.algorithm("threefry"):
            generator = generator_of(random.as_seed(3))
        words = tf.raw_ops.StatelessRandomUniformFullIntV2(
            shape=[length // 2], dtype=tf.uint64, **generator
        )
        return uniforms_of([length], tf.float32, generator), words

    found, words = (each.numpy() for each in drawn())
    halves = np.concatenate([words >> np.uint64(32), words & np.uint64(2**32 - 1)])
    np.testing.assert_array_equal(found, (halves >> np.uint64(9)) / 2**23)


def test_the_grid_of_uniforms_is_that_of_their_significand():
    for dtype, bits in ((tf.float16, 10), (tf.bfloat16, 7), (tf.float32, 23), (tf.float64, 52)):
        assert grid_step(dtype) == 2.0**-bits


def test_bits_are_those_of_the_published_algorithms():
    """Key and counter 0, of the known answers of Random123 (Salmon et al. 2011)."""

    @tf.function(jit_compile=True, autograph=False)
    def threefry():
        with random.algorithm("threefry"):
            return random.split_seed(random.as_seed(0), 1)[0]

    def of(words):
        return np.array(words, np.uint32).astype(np.int32)

    np.testing.assert_array_equal(threefry(), of([0x6B200159, 0x99BA4EFE]))
    np.testing.assert_array_equal(
        random.split_seed(0, 2), of([[0x6627E8D5, 0xE169C58D], [0xBC57AC4C, 0x9B00DBD8]])
    )


def test_numbers_for_a_cpu_and_for_an_accelerator_are_the_same():
    def drawn(for_cpu):
        with random.algorithm("threefry", for_cpu=for_cpu):
            return random.uniform([3000], random.as_seed(7)), random.uniform([7, 3], 8)

    for first, second in zip(
        *(tf.function(drawn, jit_compile=True, autograph=False)(each) for each in (True, False)),
        strict=True,
    ):
        np.testing.assert_array_equal(first, second)


@pytest.mark.parametrize("jit_compile", [False, True])
def test_the_first_seeds_do_not_depend_on_their_number(jit_compile):
    few, many = (
        compiled(
            lambda seed, number=number: random.derived_seeds(seed, number, 5),
            jit_compile=jit_compile,
        )(random.as_seed(3))
        for number in (3, 50)
    )
    np.testing.assert_array_equal(few, many[:3])
    assert len(np.unique(many.numpy().reshape(-1, 2), axis=0)) == 250
