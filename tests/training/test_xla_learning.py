# SPDX-License-Identifier: Apache-2.0
"""The learning loop under XLA."""

import numpy as np
import pytest
import tensorflow as tf

from recsim_tf.adapters.tf_agents import SlateEnvironment
from recsim_tf.core.random import seeds
from recsim_tf.core.targets import for_accelerators
from recsim_tf.environments.interest_exploration import interest_exploration
from recsim_tf.experiment import config
from recsim_tf.training import Training, loop
from recsim_tf.training.loop import Iteration, LearningLoop
from tests.experiment.tiny_runs import TINY
from tests.training.test_driver_learning import REPLAY_LENGTH, SESSION_STEPS, loop_of
from tests.training.test_loop import Recorder

pytestmark = pytest.mark.slow


def _bits(shape, seed):
    """Hashes (the finaliser of MurmurHash3) of a seed and the position, uint32 [...]: what graph
    mode and XLA compute alike.
    """

    def mix(x):
        for shift, factor in ((16, 0x85EBCA6B), (13, 0xC2B2AE35)):
            x = tf.bitwise.bitwise_xor(
                x, tf.bitwise.right_shift(x, tf.constant(shift, tf.uint32))
            ) * tf.constant(factor, tf.uint32)
        return tf.bitwise.bitwise_xor(x, tf.bitwise.right_shift(x, tf.constant(16, tf.uint32)))

    high, low = tf.unstack(tf.bitcast(seed, tf.uint32))
    position = tf.reshape(
        tf.cast(tf.range(tf.reduce_prod(tf.cast(shape, tf.int32))), tf.uint32), shape
    )
    return mix(position + mix(low + mix(high + tf.constant(0x9E3779B9, tf.uint32))))


@pytest.fixture
def _the_same_draws_in_graph_mode_and_under_xla(monkeypatch):
    def uniform(shape, dtype, seed, alg):
        del alg
        return (
            tf.cast(tf.bitwise.right_shift(_bits(shape, seed), tf.constant(9, tf.uint32)), dtype)
            * 2.0**-23
        )

    def full_integers(shape, dtype, seed, alg):
        del alg
        return tf.bitcast(_bits([*shape, dtype.size // 4], seed), dtype)

    def integers(shape, minval, maxval, seed, alg):
        del alg
        return minval + tf.cast(
            _bits(shape, seed) % tf.constant(maxval - minval, tf.uint32), tf.int32
        )

    philox = tf.random.Algorithm.PHILOX.value
    monkeypatch.setattr(seeds, "generator", lambda seed: {"seed": seed, "alg": philox})
    monkeypatch.setattr(tf.raw_ops, "StatelessRandomUniformV2", uniform)
    monkeypatch.setattr(tf.raw_ops, "StatelessRandomUniformFullIntV2", full_integers)
    monkeypatch.setattr(tf.raw_ops, "StatelessRandomUniformIntV2", integers)


@pytest.mark.usefixtures("_the_same_draws_in_graph_mode_and_under_xla")
@pytest.mark.parametrize("name", ["slate_q_on_sequences", "reinforce"])
def test_the_compiled_loop_collects_samples_and_learns_as_in_graph_mode(name):
    loop, compiled_loop = loop_of(name), loop_of(name, jit_compile=True)
    loop._is_side_by_side = False  # XLA stores the frames of a step before it draws from them
    losses, compiled_losses = ([each.run(4), each.run(1)] for each in (loop, compiled_loop))

    def check(values, compiled_values):
        exact = values.dtype.is_integer or values.dtype.is_bool
        # Adam magnifies the rounding of gradients that are zero but for it, as that of a bias to
        # all logits.
        np.testing.assert_allclose(
            compiled_values, values, rtol=0 if exact else 1e-3, atol=0 if exact else 1e-4
        )

    tf.nest.map_structure(
        check, loop.replay.latest(REPLAY_LENGTH), compiled_loop.replay.latest(REPLAY_LENGTH)
    )
    tf.nest.map_structure(check, losses, compiled_losses)
    assert len(loop.agent.variables) > 0
    tf.nest.map_structure(check, loop.agent.variables, compiled_loop.agent.variables)


def test_under_xla_sessions_are_those_of_graph_mode_in_distribution():
    def collected(jit_compile):
        environment = SlateEnvironment(
            interest_exploration(slate_size=2, num_candidates=4, max_steps=SESSION_STEPS),
            300,
            seed=1,
        )
        agent = Recorder(environment, sequence_length=1)
        loop = LearningLoop(environment, agent, Iteration(8, 5, jit_compile=jit_compile), seed=2)
        loop.collect(10 * (SESSION_STEPS + 1))
        return loop.metrics.read_and_clear(1.0)

    # On a CPU graph mode collects for both.
    with for_accelerators():
        graph, xla = collected(False), collected(True)
    assert xla.keys() == graph.keys()
    assert xla["AverageEpisodeLength/train"] == graph["AverageEpisodeLength/train"] == SESSION_STEPS
    # 3,000 sessions each.
    standard_error = np.hypot(
        graph["StdEpisodeRewards/train"], xla["StdEpisodeRewards/train"]
    ) / np.sqrt(3000)
    assert (
        abs(xla["AverageEpisodeRewards/train"] - graph["AverageEpisodeRewards/train"])
        < 4 * standard_error
    )
    assert xla["CTR/train"] != graph["CTR/train"]


def test_the_configuration_chooses_xla(monkeypatch):
    chosen = []

    def compiled(jit_compile):
        chosen.append(jit_compile)
        return lambda function: function

    monkeypatch.setattr(loop, "compiled", compiled)
    config.load([TINY], ["Iteration.jit_compile = True"])
    Training()
    # On a CPU a warm-up is not worth the compilation.
    assert chosen == [False, True]


def test_with_mixed_precision_hidden_layers_compute_in_bfloat16_and_weights_are_float32():
    bindings = ["experiment.mixed_precision = 'mixed_bfloat16'", "Iteration.jit_compile = True"]
    config.load([TINY], bindings)
    parts = Training()
    parts.loop.collect(5)
    loss_info = parts.loop.run(2)
    assert loss_info.loss.dtype == tf.float32
    assert np.isfinite(loss_info.loss)
    assert {variable.dtype for variable in parts.agent.network.variables} == {tf.float32}
    layers = [
        layer
        for layer in parts.agent.network.submodules
        if isinstance(layer, tf.keras.layers.Dense)
    ]
    assert {layer.compute_dtype for layer in layers} == {"bfloat16", "float32"}
    assert tf.keras.mixed_precision.global_policy().name == "float32"
