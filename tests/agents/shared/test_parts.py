# SPDX-License-Identifier: Apache-2.0
import itertools
from typing import NamedTuple

import numpy as np
import pytest
import tensorflow as tf

from recsim_tf.agents.shared import encoding
from recsim_tf.agents.shared.exploration import linearly_decaying_epsilon
from recsim_tf.agents.shared.returns import lambda_returns
from recsim_tf.agents.shared.slate_table import all_slates
from recsim_tf.core.runs.execution import compiled
from tests.agents.experience import bounded


@pytest.mark.parametrize(
    ("steps", "arguments"),
    [
        # RecSim 0.2.4's defaults.
        ([0, 20_000, 145_000, 270_000, 10_000_000], (0.01, 20_000, 250_000)),
        ([0, 3, 4, 5, 9, 13, 14, 100], (0.2, 4, 10)),
    ],
)
def test_epsilon_is_recsims_formula(steps, arguments):
    final, warmup, decay = arguments
    is_default = final == 0.01
    epsilon = linearly_decaying_epsilon(*([] if is_default else arguments))
    for step in steps:
        expected = final + np.clip((1 - final) * (decay + warmup - step) / decay, 0, 1 - final)
        found = epsilon(tf.Variable(step, dtype=tf.int64))
        assert found.dtype == tf.float32
        np.testing.assert_allclose(found, expected, rtol=1e-5)


class Features(NamedTuple):
    topic: tf.Tensor  # int32 in [2, 5]
    vector: tf.Tensor  # [2]
    tags: tf.Tensor  # int64 [2] in [0, 2]
    count: tf.Tensor  # an integer without bounds


SPEC = Features(
    topic=bounded([], 2, 5, tf.int32),
    vector=bounded([2], -1.0, 1.0, tf.float64),
    tags=bounded([2], 0, 2, tf.int64),
    count=tf.TensorSpec([], tf.int32),
)

VALUES = Features(
    topic=tf.constant([2, 5]),
    vector=tf.constant([[0.5, -1.0], [0.25, 0.0]], tf.float64),
    tags=tf.constant([[0, 2], [1, 1]], tf.int64),
    count=tf.constant([7, -3]),
)

ENCODED = np.float32(
    [
        [1, 0, 0, 0, 0.5, -1.0, 1, 0, 0, 0, 0, 1, 7],
        [0, 0, 0, 1, 0.25, 0.0, 0, 1, 0, 0, 1, 0, -3],
    ]
)


def test_bounded_integers_become_one_hot_and_everything_else_is_flattened():
    encoded = encoding.encode(VALUES, SPEC, 1)
    assert encoded.dtype == tf.float32
    np.testing.assert_array_equal(encoded, ENCODED)
    assert [encoding.encoded_size(spec) for spec in (SPEC, *SPEC)] == [13, 4, 2, 6, 1]


def test_documents_are_encoded_one_by_one():
    documents = tf.nest.map_structure(lambda leaf: tf.stack([leaf, leaf[::-1], leaf]), VALUES)
    np.testing.assert_array_equal(
        encoding.encode(documents, SPEC, 2), np.stack([ENCODED, ENCODED[::-1], ENCODED])
    )


@pytest.mark.parametrize("dtype", [tf.int32, tf.int64])
@pytest.mark.parametrize("ends", ["neither", "low", "high"])
def test_integers_without_both_bounds_stay_numbers(dtype, ends):
    low, high = -5 if ends == "low" else dtype.min, 5 if ends == "high" else dtype.max
    spec = bounded([], low, high, dtype)
    assert encoding.encoded_size(spec) == 1
    np.testing.assert_array_equal(
        encoding.encode(tf.constant([4, -2], dtype), spec, 1), [[4], [-2]]
    )


def test_the_spec_of_one_document_keeps_dtype_and_bounds():
    documents = Features(
        topic=bounded([6], 2, 5, tf.int32),
        vector=bounded([6, 2], -1.0, 1.0, tf.float64),
        tags=bounded([6, 2], 0, 2, tf.int64),
        count=tf.TensorSpec([6], tf.int32),
    )
    for got, expected in zip(encoding.element_spec(documents), SPEC, strict=True):
        assert type(got) is type(expected)
        assert (got.shape, got.dtype) == (expected.shape, expected.dtype)
        if type(expected) is not tf.TensorSpec:
            assert (got.minimum, got.maximum) == (expected.minimum, expected.maximum)


def test_an_observation_without_content_is_one_zero():
    spec = tf.TensorSpec([0], tf.float32)
    assert encoding.encoded_size(spec) == 1
    np.testing.assert_array_equal(encoding.encode(tf.zeros([3, 0]), spec, 1), np.zeros([3, 1]))


@pytest.mark.parametrize(
    ("ordered", "choose"), [(True, itertools.permutations), (False, itertools.combinations)]
)
def test_all_slates_are_listed_in_lexicographic_order(ordered, choose):
    np.testing.assert_array_equal(all_slates(5, 3, ordered), list(choose(range(5), 3)))


REWARDS = np.array([[1.0, 2.0, 3.0, 4.0], [5.0, 6.0, 7.0, 8.0]])

DISCOUNTS = np.array([[0.9, 0.9, 0.9, 0.9], [0.9, 0.0, 0.9, 0.9]])

NEXT_VALUES = np.array([[10.0, 20.0, 30.0, 40.0], [50.0, 60.0, 70.0, 80.0]])

# The second row's session ends at its second step; what the third frame holds is between sessions.
CONTINUES = np.array([[True, True, True, True], [True, False, False, True]])


def by_definition(td_lambda):
    expected = np.zeros_like(REWARDS)
    for user in range(2):
        following = NEXT_VALUES[user, -1]
        for step in reversed(range(4)):
            weight = td_lambda * CONTINUES[user, step]
            rest = (1 - weight) * NEXT_VALUES[user, step] + weight * following
            following = expected[user, step] = REWARDS[user, step] + DISCOUNTS[user, step] * rest
    return expected


ARGUMENTS = REWARDS, DISCOUNTS, NEXT_VALUES, CONTINUES


@pytest.mark.parametrize("td_lambda", [0.0, 0.7, 1.0])
def test_returns_are_those_of_the_definition(td_lambda):
    returns = compiled(lambda_returns, jit_compile=True) if td_lambda == 0.7 else lambda_returns
    found = returns(*map(tf.constant, ARGUMENTS), td_lambda=td_lambda)
    np.testing.assert_allclose(found, by_definition(td_lambda), rtol=1e-12)
