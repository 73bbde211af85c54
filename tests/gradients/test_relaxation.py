# SPDX-License-Identifier: Apache-2.0
from typing import NamedTuple

import numpy as np
import pytest
import tensorflow as tf
from tensorflow_probability import distributions as tfd

from recsim_tf import choice
from recsim_tf.core import random
from recsim_tf.core.distributions.plackett_luce_slates import PlackettLuce
from recsim_tf.core.runs.execution import compiled
from recsim_tf.gradients import relaxed_top_k
from recsim_tf.gradients.mixtures import Label, Mixture, apply, mix_candidates, relaxed_sample
from tests.alike import assert_shares
from tests.refusals import assert_refused


class Documents(NamedTuple):
    features: tf.Tensor
    id: tf.Tensor


@pytest.mark.parametrize("dtype", [tf.float32, tf.float64])
def test_the_heaviest_outcome_of_a_relaxed_draw_has_the_probabilities_of_the_distribution(dtype):
    num_draws = 40_000
    scores = tf.tile(tf.constant([[0.5, -0.3]], dtype), [num_draws, 1])
    distribution = choice.MultinomialLogit(0.1)(scores)
    draw = relaxed_sample(distribution, random.as_seed(0), 0.7)
    assert (draw.weights.dtype, draw.weights.shape) == (dtype, [num_draws, 3])
    np.testing.assert_array_equal(draw.values[:, 0], [0, 1, 2])
    np.testing.assert_allclose(np.sum(draw.weights, axis=1), 1.0, rtol=1e-5)
    frequencies = np.bincount(np.argmax(draw.weights, axis=1)) / num_draws
    assert_shares(frequencies, distribution.probs[0], num_draws)


def test_impossible_outcomes_have_no_weight_and_leave_the_gradient_finite():
    scores = tf.constant([[0.5, -0.3]])
    with tf.GradientTape() as tape:
        tape.watch(scores)
        weights = relaxed_sample(
            choice.MultinomialLogit()(scores, mask=[[True, False]]), random.as_seed(0), 0.1
        ).weights
        first = weights[0, 0]
    np.testing.assert_array_equal(weights, [[1.0, 0.0, 0.0]])
    assert np.isfinite(tape.gradient(first, scores)).all()


def test_a_masked_draw_has_its_safe_value():
    distribution = tfd.Masked(
        tfd.Bernoulli(probs=[0.5, 0.5]),
        [True, False],
        safe_sample_fn=lambda d: tf.ones(d.batch_shape, d.dtype),
    )
    weights = relaxed_sample(distribution, random.as_seed(0), 1.0).weights
    assert 0 < weights[0, 0] < 1
    np.testing.assert_array_equal(weights[1], [0.0, 1.0])


def test_a_map_of_a_mixture_is_the_mean_of_its_maps_and_integers_become_labels():
    shown = tf.constant([7, 8])

    def outcome(draw):
        return {"clicked": tf.one_hot(draw, 2), "position": draw, "shown": shown}

    mean = apply(
        "response",
        outcome,
        Mixture(tf.constant([[0, 0], [1, 1]]), tf.constant([[0.25, 0.75], [1.0, 0.0]])),
    )
    np.testing.assert_allclose(mean["clicked"], [[0.25, 0.75], [1.0, 0.0]])
    assert mean["shown"] is shown
    message = r"response.position is an integer or bool, which has no mixture"
    assert_refused(lambda: tf.cast(mean["position"], tf.float32), message)
    assert apply("response", outcome, tf.constant([1, 0]))["position"].numpy().tolist() == [1, 0]


def test_candidates_mix_in_their_float_fields():
    documents = Documents(tf.reshape(tf.range(12.0), [1, 3, 4]), tf.constant([[0, 1, 2]]))
    mixed = mix_candidates(documents, tf.constant([[[0.5, 0.5, 0.0], [0.0, 0.0, 1.0]]]))
    np.testing.assert_allclose(mixed.features, [[[2, 3, 4, 5], [8, 9, 10, 11]]])
    assert isinstance(mixed.id, Label)


@pytest.mark.parametrize(
    "compute",
    [
        lambda label: label == 1,
        lambda label: label != tf.constant(1),
        lambda label: tf.range(3) == label,
        lambda label: label[:, tf.newaxis],
        lambda label: label.shape,
        lambda label: tf.one_hot(label, 3),
        lambda label: tf.constant([1]) * label,
        lambda label: tf.gather(tf.range(3.0), label),
    ],
)
def test_whoever_computes_with_a_label_gets_an_error_that_names_the_field(compute):
    message = r"documents.id is an integer or bool.*must read float fields"
    assert_refused(lambda: compute(Label("documents.id")), message)


LOGITS = np.array([0.3, -1.2, 2.0, 0.0, -0.4])

MASK = np.array([True, True, False, True, True])


def distribution(num_users, dtype, mask=None):
    return PlackettLuce(tf.tile(tf.constant(LOGITS, dtype)[tf.newaxis], [num_users, 1]), 3, mask)


@pytest.mark.parametrize("dtype", [tf.float32, tf.float64])
@pytest.mark.parametrize("mask", [None, MASK], ids=["all", "masked"])
def test_near_temperature_zero_it_is_the_slate_drawn_with_the_same_seed(dtype, mask):
    seed = random.as_seed(4)
    slates = random.sample(distribution(200, dtype, mask), seed)
    weights = relaxed_top_k(distribution(200, dtype, mask).keys(seed), 3, 1e-4)
    assert (weights.dtype, weights.shape) == (dtype, [200, 3, 5])
    # Two of the keys may be as near as the temperature.
    near = np.abs(weights - tf.one_hot(slates, 5, dtype=dtype)) < 1e-3
    assert near.all(axis=(1, 2)).mean() > 0.98


def test_by_hand():
    # softmax of log(1, 2, 5) at temperature 1 is 1/8, 2/8, 5/8; then the weights are 1 * 7/8, 2 *
    # 6/8, 5 * 3/8.
    weights = relaxed_top_k(tf.math.log([[1.0, 2.0, 5.0]]), 2, 1.0)
    second = np.array([7.0, 12.0, 15.0])
    np.testing.assert_allclose(
        weights[0], [[1 / 8, 2 / 8, 5 / 8], second / second.sum()], rtol=1e-6
    )


@pytest.mark.parametrize("temperature", [0.1, 1.0])
def test_gradients_are_those_of_finite_differences(temperature):
    keys = tf.constant(LOGITS[np.newaxis])
    cotangent = np.random.default_rng(0).normal(size=[1, 3, 5])
    theoretical, numerical = tf.test.compute_gradient(
        lambda keys: tf.reduce_sum(cotangent * relaxed_top_k(keys, 3, temperature)),
        [keys],
        delta=1e-6,
    )
    np.testing.assert_allclose(theoretical[0], numerical[0], rtol=1e-5, atol=1e-8)


@pytest.mark.parametrize("temperature", [0.01, 0.2])
def test_float32_keeps_the_gradient_where_a_weight_is_next_to_one(temperature):
    cotangent = np.random.default_rng(0).normal(size=[100, 3, 5])
    values = random.gumbel([100, 5], random.as_seed(1), tf.float64) + LOGITS

    @compiled(jit_compile=True)
    def gradient(keys):
        with tf.GradientTape() as tape:
            tape.watch(keys)
            total = tf.reduce_sum(
                tf.cast(cotangent, keys.dtype) * relaxed_top_k(keys, 3, temperature)
            )
        return tape.gradient(total, keys)

    exact = gradient(values).numpy()
    single = gradient(tf.cast(values, tf.float32)).numpy()
    assert np.isfinite(exact).all()
    assert np.isfinite(single).all()
    np.testing.assert_allclose(single, exact, atol=2e-3 * np.abs(exact).max())
