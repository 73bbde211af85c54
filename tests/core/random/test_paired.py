# SPDX-License-Identifier: Apache-2.0
"""Users of several values and seeds side by side draw what they draw alone."""

from typing import NamedTuple

import numpy as np
import pytest
import tensorflow as tf
from tensorflow_probability import distributions as tfd

from recsim_tf.core import random
from recsim_tf.core.distributions import UniformCategories
from recsim_tf.core.runs.execution import compiled
from tests.core.toy import toy_simulator
from tests.rollout_policies import first_positions, uniform_slate

NUM_VALUES, SEEDS, NUM_USERS = 3, (5, 9), 4
NUM_ROWS = NUM_VALUES * len(SEEDS) * NUM_USERS


class Pair(NamedTuple):
    first: object
    second: object


def _joint(num_users):
    return tfd.JointDistributionNamed(
        Pair(
            first=tfd.Independent(UniformCategories(7, [num_users, 3]), 1),
            second=lambda first: tfd.Normal(tf.cast(first[:, 0], tf.float32), 1.0),
        )
    )


DRAWS = {
    "uniform": lambda num_users, seed: random.uniform([num_users, 2], seed),
    "normal in float64": lambda num_users, seed: random.normal([num_users], seed, tf.float64),
    "gumbel": lambda num_users, seed: random.gumbel([num_users, 5], seed),
    "integers": lambda num_users, seed: random.uniform_integers([num_users], seed, 1000),
    "slates of a number of users that is a tensor": lambda num_users, seed: uniform_slate(
        tf.shape(tf.zeros([num_users]))[0], 9, 4, seed
    ),
    "joint distribution": lambda num_users, seed: random.sample(_joint(num_users), seed),
    "after a split": lambda num_users, seed: [
        random.uniform([num_users], one) for one in random.split_seed(seed, 3)
    ],
}


def _seed_rows():
    return tf.stack([random.as_seed(seed) for seed in SEEDS])


def _assert_blocks(rows, blocks):
    """The draws of all rows are the blocks of the seeds, for every value, up to the last bit of
    logarithms.
    """
    for leaf, *of_seeds in zip(tf.nest.flatten(rows), *map(tf.nest.flatten, blocks), strict=True):
        np.testing.assert_allclose(leaf, np.concatenate(of_seeds * NUM_VALUES), rtol=1e-6)


@pytest.mark.parametrize("draw", DRAWS.values(), ids=DRAWS)
def test_rows_hold_the_draws_of_each_seed_alone_for_every_value(draw):
    @compiled
    def drawn(seed):
        with random.paired(NUM_VALUES, len(SEEDS)):
            return draw(NUM_ROWS, seed)

    rows = drawn(_seed_rows())
    assert all(leaf.shape[0] == NUM_ROWS for leaf in tf.nest.flatten(rows))
    alone = compiled(lambda seed: draw(NUM_USERS, seed))
    _assert_blocks(rows, [alone(random.as_seed(seed)) for seed in SEEDS])


def test_one_seed_draws_the_same_for_all_values_and_seeds():
    with random.paired(NUM_VALUES, len(SEEDS)):
        rows = random.normal([NUM_ROWS, 2], random.as_seed(3))
    _assert_blocks(rows, [random.normal([NUM_USERS, 2], random.as_seed(3))] * len(SEEDS))


def test_noise_drawn_ahead_is_that_of_each_seed_alone():
    def taken(num_users, seed):
        meter = random.meter()
        for noise in (meter, None):
            noise = noise or random.noise(random.draw_noise(meter.taken, seed), seed)
            draws = (
                random.sample(_joint(num_users), noise),
                random.uniform([num_users], noise),
                random.sample(_joint(num_users), noise),
            )
        return draws, random.split_seed(noise.new_seed(), 1)[0]

    with random.paired(NUM_VALUES, len(SEEDS)):
        rows, next_seed = taken(NUM_ROWS, _seed_rows())
    blocks, next_seeds = zip(
        *(taken(NUM_USERS, random.as_seed(seed)) for seed in SEEDS), strict=True
    )
    _assert_blocks(rows, blocks)
    np.testing.assert_array_equal(next_seed, next_seeds)


def test_a_rollout_of_all_rows_is_that_of_each_seed_alone():
    simulator = toy_simulator()
    policy = first_positions(simulator.slate_size)
    with random.paired(NUM_VALUES, len(SEEDS)):
        rows = simulator.rollout(policy, NUM_ROWS, 4, _seed_rows())
    blocks = [simulator.rollout(policy, NUM_USERS, 4, random.as_seed(seed)) for seed in SEEDS]
    _assert_blocks(rows.initial, [block.initial for block in blocks])

    def users_first(trajectory):
        return tf.nest.map_structure(lambda leaf: np.swapaxes(leaf, 0, 1), trajectory.transitions)

    _assert_blocks(users_first(rows), [users_first(block) for block in blocks])


def test_what_has_no_inverse_is_drawn_for_all_rows_by_the_first_seed():
    gamma = tfd.Gamma(tf.fill([NUM_ROWS], 2.0), 1.0)
    with random.paired(NUM_VALUES, len(SEEDS)):
        rows = random.sample(gamma, _seed_rows())
    np.testing.assert_array_equal(rows, gamma.sample(seed=random.as_seed(SEEDS[0])))
    assert len(np.unique(rows)) == NUM_ROWS


def test_draws_without_the_users_axis_are_refused():
    for draw in (
        lambda seed: random.uniform([NUM_ROWS - 1], seed),
        lambda seed: random.uniform([], seed),
    ):
        with (
            random.paired(NUM_VALUES, len(SEEDS)),
            pytest.raises(
                ValueError, match=r"first axis of a draw must be 3 values \* 2 seeds \* users"
            ),
        ):
            draw(_seed_rows())


def test_several_seeds_are_refused_outside_and_in_another_number():
    with pytest.raises(ValueError, match=r"seed must be .* shape \[2\], got int32 \(2, 2\)"):
        random.uniform([4], _seed_rows())
    with random.paired(NUM_VALUES, 3), pytest.raises(ValueError, match=r"got int32 \(2, 2\)"):
        random.uniform([NUM_VALUES * 3], _seed_rows())
