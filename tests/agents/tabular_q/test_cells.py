# SPDX-License-Identifier: Apache-2.0
import itertools
from typing import NamedTuple

import numpy as np
import pytest
import tensorflow as tf

import recsim_tf
from recsim_tf.adapters.tf_agents import SlateEnvironment
from recsim_tf.agents.shared.slate_table import all_slates
from recsim_tf.agents.tabular_q.cells import ObservationDigits, SlateCells
from recsim_tf.core.base.types import Clicks, Observation
from tests.agents.experience import bounded
from tests.agents.tabular_q.experience import OBSERVATION_SPEC
from tests.alike import assert_modes_agree

SPEC = OBSERVATION_SPEC._replace(response=Clicks(bounded([2], 0, 1, tf.int32)))


def all_combinations():
    """Each user, response, and pair of documents once."""
    users, *clicks_and_documents = zip(*itertools.product(range(3), *[range(2)] * 4), strict=True)
    parts = np.array(clicks_and_documents, np.int32).T
    return Observation(
        tf.constant(users), tf.constant(parts[:, 2:]), Clicks(tf.constant(parts[:, :2]))
    )


def first_pair(observation):
    return tf.tile(tf.constant([[0, 1]]), [len(observation.user), 1])


def test_distinct_combinations_have_distinct_cells_and_fill_the_table():
    observation = all_combinations()
    cells = SlateCells(SPEC, 2, ignore_response=False, max_cells=48)
    assert cells.num_cells == 48
    found = cells.of_slate(observation, first_pair(observation))
    assert sorted(found.numpy()) == list(range(48))


def test_an_ignored_response_is_no_part_of_the_cell():
    observation = all_combinations()
    cells = SlateCells(SPEC, 2, max_cells=12)
    assert cells.num_cells == 12
    found = cells.of_slate(observation, first_pair(observation)).numpy().reshape(3, 4, 4)
    assert (found == found[:, :1]).all()
    assert sorted(found[:, 0].ravel()) == list(range(12))


@pytest.mark.parametrize(
    ("name", "ignore_response"),
    [("InterestExploration-v1", False), ("LongTermSatisfaction-v1", True)],
)
def test_the_cells_of_all_slates_are_those_of_each_slate(name, ignore_response):
    environment = SlateEnvironment(recsim_tf.make(name, slate_size=3, num_candidates=5), 7, seed=1)
    observation = environment.step(tf.tile([[2, 1, 4]], [7, 1])).observation
    cells = SlateCells(environment.observation_spec(), 3, ignore_response, number_bins=2)
    slates = all_slates(5, 3)
    expected = [cells.of_slate(observation, tf.tile([slate], [7, 1])) for slate in slates]
    np.testing.assert_array_equal(cells.of_slates(observation, slates), expected)
    assert_modes_agree(lambda: cells.of_slates(observation, slates))


class Parts(NamedTuple):
    topic: tf.Tensor
    vector: tf.Tensor


@pytest.mark.parametrize(
    ("bounds", "number_bins", "dtype", "jit_compile"),
    [
        ((0, 10), 100, tf.float32, True),
        ((-1.0, 1.0), 7, tf.float64, True),
        ((0.1, 0.7), 1000, tf.float32, False),
        ((1000.0, 1001.0), 50, tf.float64, False),
        ((0, 10), 1, tf.float32, False),
    ],
)
def test_the_digits_of_numbers_are_those_of_numpy(bounds, number_bins, dtype, jit_compile):
    kind = dtype.as_numpy_dtype
    edges = np.linspace(*bounds, number_bins)
    near = edges.astype(kind)
    # Next to zero lie numbers that TensorFlow takes for zero.
    tiny = np.where(near == 0, np.finfo(kind).tiny, 0)
    neighbours = [
        np.nextafter(near, kind(end)) + sign * tiny for end, sign in ((np.inf, 1), (-np.inf, -1))
    ]
    random = np.random.default_rng(0).uniform(bounds[0] - 1, bounds[1] + 1, 500)
    values = np.concatenate([near, *neighbours, random, [-np.inf, -1e30, 1e30, np.inf]])
    values = values.astype(kind)
    digits = ObservationDigits(bounded([], -5.0, 5.0, dtype), bounds, number_bins)
    (found,) = tf.function(
        lambda: digits(tf.constant(values), 1), jit_compile=jit_compile, autograph=False
    )()
    np.testing.assert_array_equal(found[:, 0], np.digitize(values.astype(np.float64), edges))
    assert digits.sizes == (number_bins + 1,)
    assert (found[:, 0].numpy().min(), found[:, 0].numpy().max()) == (0, number_bins)


def test_bounded_integers_are_their_own_digits_and_each_element_has_one():
    spec = Parts(topic=bounded([2], 3, 6, tf.int32), vector=bounded([3], -1.0, 1.0))
    digits = ObservationDigits(spec, (0, 10), 11)
    assert digits.sizes == (4, 4, 12, 12, 12)
    values = Parts(
        topic=tf.constant([[3, 6], [5, 4]]),
        vector=tf.constant([[-1.0, 0.0, 0.5], [1.0, 9.9, 10.0]]),
    )
    topic, vector = digits(values, 1)
    np.testing.assert_array_equal(topic, [[0, 3], [2, 1]])
    np.testing.assert_array_equal(vector, [[0, 1, 1], [2, 10, 11]])
    sums = digits.weighted_sum(values, 1, np.array([10_000, 1000, 100, 10, 1]))
    np.testing.assert_array_equal(sums, [3000 + 11, 21_000 + 200 + 100 + 11])


def test_integers_outside_their_bounds_take_the_nearest_digit():
    # The zeros before the first response of a session, where ids begin at 3.
    (found,) = ObservationDigits(bounded([], 3, 6, tf.int64), (0, 10), 11)(
        tf.constant([0, 9], tf.int64), 1
    )
    np.testing.assert_array_equal(found, [[0], [3]])


def test_integers_without_bounds_are_cut_into_intervals():
    (found,) = ObservationDigits(tf.TensorSpec([], tf.int32), (0, 10), 6)(
        tf.constant([-1, 0, 1, 2, 10, 2**31 - 1]), 1
    )
    np.testing.assert_array_equal(found[:, 0], [0, 1, 1, 2, 6, 6])


def test_each_part_can_be_cut_by_its_own_bounds():
    spec = Parts(topic=bounded([], 0.0, 1.0), vector=bounded([2], -2.0, 2.0))
    topic, vector = ObservationDigits(spec, None, 3)(
        Parts(tf.constant([0.5]), tf.constant([[0.5, -0.1]])), 1
    )
    np.testing.assert_array_equal(topic, [[2]])
    np.testing.assert_array_equal(vector, [[2, 1]])
