# SPDX-License-Identifier: Apache-2.0
import math

import numpy as np
import pytest
import tensorflow as tf
from tensorflow_probability import distributions as tfd

from recsim_tf.core import random
from recsim_tf.core.runs.execution import compiled
from recsim_tf.core.step import turns
from recsim_tf.core.step.stages import OneSource
from tests.alike import assert_close
from tests.core.toy import toy_simulator
from tests.one_world import make
from tests.rollout_policies import first_positions

SEED = random.as_seed(3)
BLOCKS = {
    "uniform/float32": tf.constant([0.1, 0.4, 0.6, 0.9]),
    "normal/float32": tf.constant([-1.0, 0.0, 2.0]),
    "uniform/float64": tf.constant([0.25], tf.float64),
}


@pytest.fixture
def noise():
    return random.noise(BLOCKS, SEED)


def test_numbers_are_taken_in_turn_from_the_block_of_their_kind_and_dtype(noise):
    np.testing.assert_allclose(random.uniform([2], noise), [0.1, 0.4])
    np.testing.assert_allclose(random.normal([1, 2], noise), [[-1.0, 0.0]])
    np.testing.assert_allclose(random.uniform([1], noise, tf.float64), [0.25])
    np.testing.assert_allclose(random.uniform([2, 1], noise), [[0.6], [0.9]])
    assert noise.taken == {"uniform/float32": 4, "normal/float32": 2, "uniform/float64": 1}


def test_distributions_are_mapped_from_the_noise(noise):
    np.testing.assert_allclose(
        random.sample(tfd.Uniform([0.0, 10.0], [1.0, 20.0]), noise), [0.1, 14.0], rtol=1e-6
    )
    np.testing.assert_allclose(random.sample(tfd.Normal([5.0, 5.0], 2.0), noise), [3.0, 5.0])
    np.testing.assert_array_equal(random.sample(tfd.Bernoulli(probs=[0.5, 0.5]), noise), [0, 0])
    np.testing.assert_allclose(
        random.sample(tfd.LogNormal([0.0], 1.0), noise), [math.exp(2.0)], rtol=1e-6
    )


def test_a_split_of_noise_is_the_noise_and_as_a_seed_it_is_new_each_time(noise):
    assert random.split_seed(noise, 3) == [noise] * 3
    first, second = random.as_seed(noise), random.as_seed(noise)
    assert first.shape == [2]
    assert first.dtype == tf.int32
    assert np.any(first != second)


def test_any_other_distribution_draws_from_a_seed_of_the_noise(noise):
    gamma = tfd.Gamma(tf.fill([1000], 2.0), 1.0)
    first, second = random.sample(gamma, noise), random.sample(gamma, noise)
    assert abs(np.mean(first) - 2.0) < 4 * math.sqrt(2.0 / 1000)
    assert np.any(first != second)
    assert not noise.taken


def test_a_meter_tells_what_is_taken():
    meter = random.meter()
    zeros = random.sample(tfd.Independent(tfd.Normal(tf.zeros([4, 3]), 1.0), 1), meter)
    np.testing.assert_array_equal(zeros, np.zeros([4, 3]))
    random.uniform([5], meter)
    assert meter.taken == {"normal/float32": 12, "uniform/float32": 5}


def test_blocks_have_their_lengths_and_distributions():
    lengths = {"uniform/float32": 20_000, "normal/float32": 20_000, "normal/float64": 3}
    blocks = random.draw_noise(lengths, SEED)
    assert {name: (block.dtype.name, block.shape[0]) for name, block in blocks.items()} == {
        name: (name.split("/")[1], length) for name, length in lengths.items()
    }
    uniform, normal = blocks["uniform/float32"].numpy(), blocks["normal/float32"].numpy()
    assert uniform.min() > 0
    assert uniform.max() < 1
    # Four standard errors of the mean, and of the variance.
    assert abs(uniform.mean() - 0.5) < 4 / math.sqrt(12 * 20_000)
    assert abs(normal.mean()) < 4 / math.sqrt(20_000)
    assert abs(normal.var() - 1) < 4 * math.sqrt(2 / 20_000)
    assert abs(np.corrcoef(uniform, normal)[0, 1]) < 4 / math.sqrt(20_000)
    assert random.draw_noise({}, SEED) == {}


def test_quantiles_of_the_outermost_noise_are_finite():
    # The ends of the grid of a drawn block, which keeps half a step from 0 and 1.
    ends = tf.constant([2.0**-24, 1 - 2.0**-24])
    normal = random.sample(
        tfd.TruncatedNormal([0.0, 0.0], 1.0, -9.0, 9.0),
        random.noise({"uniform/float32": ends}, SEED),
    )
    assert np.all(np.abs(normal) < 6)
    assert np.all(np.isfinite(random.gumbel([2], random.noise({"uniform/float32": ends}, SEED))))
    categories = random.sample(
        tfd.Categorical(probs=[[1.0, 0.0], [0.0, 1.0]]),
        random.noise({"uniform/float32": ends}, SEED),
    )
    np.testing.assert_array_equal(categories, [0, 1])
    one = random.noise({"uniform/float32": ends[1:]}, SEED)
    np.testing.assert_array_equal(random.sample(tfd.Categorical(probs=[[1.0, 0.0]]), one), [0])


@pytest.mark.parametrize(
    "environment_id",
    ["Ecosystem-v0", "InterestEvolution-v1", "LongTermSatisfaction-v1"],
)
def test_graph_mode_and_xla_agree_on_a_step_that_is_fed_the_same_noise(environment_id):
    num_users = 6
    simulator = make(environment_id)
    action = turns.some_turn(simulator, num_users).action
    state = simulator.reset(num_users, SEED)
    meter = random.meter()

    def advance(state, noise):
        return simulator.advance(state, action, OneSource(noise), auto_reset=True)

    advance(state, meter)
    blocks = random.draw_noise(meter.taken, SEED)
    found = [
        compiled(lambda state, blocks: advance(state, random.noise(blocks, SEED)), jit_compile=xla)(
            state, blocks
        )
        for xla in (False, True)
    ]
    assert_close(*found, rtol=2e-5, atol=2e-5)


@pytest.mark.parametrize("xla", [False, True], ids=["graph", "xla"])
def test_every_newcomer_is_another_user(xla):
    # Sessions of two steps: each row needs six newcomers, many more than are drawn ahead.
    simulator = toy_simulator(limit=2.0)
    run = compiled(
        lambda seed: simulator.rollout(
            first_positions(simulator.slate_size), 5, 12, seed, auto_reset=True
        ),
        jit_compile=xla,
    )
    trajectory = run(SEED)
    ended = (trajectory.transitions.terminated | trajectory.transitions.truncated).numpy()
    assert ended.sum() == 5 * 6
    newcomers = tf.nest.flatten(trajectory.newcomers)[0].numpy()[ended]
    assert len(np.unique(newcomers)) == len(newcomers)
    assert np.all(newcomers > 0)
