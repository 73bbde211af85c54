# SPDX-License-Identifier: Apache-2.0
"""Environments without TensorFlow: reset and step in JAX, beside TensorFlow's XLA."""

import json

import numpy as np
import pytest
import tensorflow as tf

import recsim_tf
from recsim_tf.core import random
from recsim_tf.core.runs.execution import compiled
from recsim_tf.core.targets import for_accelerators
from tests.core.exported.readers import NUM_USERS, read_exported
from tests.refusals import assert_refused
from tests.worlds.clicks import clicks
from tests.worlds.shared import Popular, shared

jax = pytest.importorskip("jax", reason="the reader of an exported environment is in JAX")
jnp = jax.numpy

NUM_STEPS = 6
_ENVIRONMENTS = ("InterestEvolution-v1", "LongTermSatisfaction-v1", "Conversation-v0")


def _rewards(simulator, actions):
    """The rewards [T, B] that TensorFlow's XLA gives in the steps of an exported environment."""

    def one(state, action, seed):
        step_seed, newcomer_seed = random.split_seed(seed, 2)
        state, transition = simulator.step(state, action, step_seed)
        return simulator.replace(state, state.done, newcomer_seed), transition.reward

    with for_accelerators():
        reset = compiled(lambda seed: simulator.reset(NUM_USERS, seed), jit_compile=True)
        step = compiled(one, jit_compile=True)
        state, rewards = reset(tf.constant([0, 1])), []
        for number, action in enumerate(actions):
            state, reward = step(state, action, tf.constant([number, 5]))
            rewards.append(reward.numpy())
    return np.stack(rewards)


def test_sessions_in_jax_are_those_of_tensorflow(world, environment):
    slates = np.tile(np.int32([[1, 0], [2, 4], [-1, 3]])[:, np.newaxis], [2, NUM_USERS, 1])

    def play(seed):
        _, state = environment.reset(seed)

        def body(state, step):
            number, slate = step
            key = jnp.stack([number, 5])
            _, state, reward, *_ = environment.step(key, state, slate)
            return state, reward

        numbers = jnp.arange(NUM_STEPS, dtype=jnp.int32)
        return jax.lax.scan(body, state, (numbers, jnp.asarray(slates)))[1]

    rewards = jax.jit(play)(jnp.int32([0, 1]))
    np.testing.assert_allclose(rewards, _rewards(world, list(slates)), rtol=1e-5)
    seeds = jnp.int32([[0, 1], [0, 2]])
    both = jax.jit(jax.vmap(play))(seeds)
    np.testing.assert_allclose(both[0], rewards, rtol=1e-6)
    assert not np.allclose(both[1], rewards)


class PartlyHidden(Popular):
    """Items whose clicks are known up to noise until they are shown."""

    def show(self, documents, hidden):
        return documents._replace(clicks=hidden)


def test_worlds_of_shared_items_with_hidden_attributes_are_those_of_tensorflow(tmp_path):
    world = shared(dtype=tf.float32, users_per_world=NUM_USERS // 2)
    world = world.replaced(documents=PartlyHidden(dtype=tf.float32))
    path = world.export_environment(tmp_path / "folder", NUM_USERS)
    environment = read_exported(path).Environment(path)
    _, state = environment.reset(jnp.int32([0, 1]))
    slates = np.tile(np.int32([[1, 0], [2, 4], [-1, 3]])[:, np.newaxis], [2, NUM_USERS, 1])
    rewards = []
    for number, slate in enumerate(slates):
        _, state, reward, *_ = environment.step(jnp.int32([number, 5]), state, slate)
        rewards.append(reward)
    np.testing.assert_allclose(rewards, _rewards(world, list(slates)), rtol=1e-5)
    assert 0 < np.sum(rewards) < np.size(rewards)


def test_a_user_whose_session_ended_leaves_the_row_to_a_new_one(environment):
    _, state = environment.reset(jax.random.key(0))
    step = jax.jit(environment.step)
    slate = jnp.zeros([NUM_USERS, 2], jnp.int32).at[:, 1].set(1)
    ends = []
    for number in range(8):
        observation, state, _, done, info = step(jax.random.key(number), state, slate)
        ends.append(done.all())
        assert (info["truncated"] | info["terminated"] == done).all()
        clicked = observation["response.clicked"].sum(axis=1)
        assert (clicked == np.where(done, 0, 1)).all()
        assert (info["last_observation"]["response.clicked"].sum(axis=1) == 1).all()
    assert np.flatnonzero(ends).tolist() == [3, 7]


def test_positions_out_of_range_are_empty(environment):
    _, state = environment.reset(jax.random.key(0))
    for position in (-1, 5, 99):
        slate = jnp.full([NUM_USERS, 2], position, jnp.int32)
        assert (environment.step(jax.random.key(1), state, slate)[2] == 0).all()


def test_parameters_are_arguments(environment):
    _, state = environment.reset(jax.random.key(0))
    slate = jnp.zeros([NUM_USERS, 2], jnp.int32)
    default = environment.step(jax.random.key(1), state, slate)[2]
    more = environment.step(jax.random.key(1), state, slate, {"users.choc_mean": 50.0})[2]
    assert (more > default).all()
    with pytest.raises(ValueError, match=r"params must be of default_params, got users\.choc"):
        environment.reset(jax.random.key(0), {"users.choc": 1.0})


def test_actions_are_drawn_from_their_space(environment):
    slate = environment.action_space.sample(jax.random.key(0))
    assert slate.shape == (NUM_USERS, 2)
    assert slate.min() >= 0
    assert slate.max() <= 4


def test_gradients_are_those_of_tensorflow(world, environment):
    """Of what users earn in two steps, with respect to parameters."""
    slate = np.tile(np.int32([1, 0]), [NUM_USERS, 1])
    names = ("users.choc_mean", "users.kale_mean", "users.sensitivity")

    def earned(params):
        _, state = environment.reset(jnp.int32([0, 1]), params)
        total = 0.0
        for number in range(2):
            key = jnp.int32([number, 5])
            _, state, reward, *_ = environment.step(key, state, slate, params)
            total += reward.sum()
        return total

    given = {name: jnp.asarray(environment.default_params[name]) for name in names}
    gradients = jax.jit(jax.grad(earned))(given)

    def ours(values):
        simulator = world.with_parameters(values)
        state, total = simulator.reset(NUM_USERS, tf.constant([0, 1])), 0.0
        for number in range(2):
            step_seed, newcomer_seed = random.split_seed(tf.constant([number, 5]), 2)
            state, transition = simulator.step(state, slate, step_seed)
            state = simulator.replace(state, state.done, newcomer_seed)
            total += tf.reduce_sum(transition.reward)
        return total

    @compiled(jit_compile=True)
    def gradient(values):
        with tf.GradientTape() as tape:
            tape.watch(values)
            total = ours(values)
        return tape.gradient(total, values)

    with for_accelerators():
        expected = gradient({name: tf.constant(np.asarray(given[name])) for name in names})
    for name in names:
        assert abs(float(expected[name])) > 1e-3
        np.testing.assert_allclose(gradients[name], expected[name], rtol=1e-4)
    several = jax.vmap(jax.grad(earned))(jax.tree.map(lambda each: jnp.stack([each] * 2), given))
    np.testing.assert_allclose(several[names[0]][1], expected[names[0]], rtol=1e-4)


def test_other_numbers_of_users_are_refused(environment):
    _, state = environment.reset(jax.random.key(0))
    with pytest.raises(
        ValueError, match=r"^action must have the shape \[4, 2\] in .*, got \[3, 2\]"
    ):
        environment.step(jax.random.key(1), state, jnp.zeros([3, 2], jnp.int32))


def test_a_folder_that_changed_is_refused(world, tmp_path):
    path = world.export_environment(tmp_path / "folder", NUM_USERS)
    program = path / "step.stablehlo"
    program.write_bytes(program.read_bytes()[:-1])
    with pytest.raises(ValueError, match=r"step\.stablehlo must be as it was exported"):
        read_exported(path).Environment(path)


def test_an_old_jax_is_refused(folder, monkeypatch):
    monkeypatch.setattr(jax, "__version_info__", (0, 6, 2))
    with pytest.raises(RuntimeError, match=r"^JAX must be 0\.7 or later, got"):
        read_exported(folder).Environment(folder)


def test_the_index_describes_spaces_and_programs(folder):
    index = json.loads((folder / "programs.json").read_text())
    assert index["num_users"] == NUM_USERS
    space = {"shape": [2], "dtype": "int32", "low": -1, "high": 4}
    assert index["spaces"]["action"] == space
    assert index["spaces"]["observation.documents"]["high"] == 1.0
    assert "users.choc_mean" in index["parameters"]


@pytest.mark.slow
@pytest.mark.parametrize("environment_id", _ENVIRONMENTS)
def test_environments_are_exported(environment_id, tmp_path):
    simulator = recsim_tf.make(environment_id)
    path = simulator.export_environment(tmp_path / "folder", NUM_USERS)
    environment = read_exported(path).Environment(path)
    _, state = environment.reset(jax.random.key(0))
    spaces = environment.action_space
    if isinstance(spaces, dict):
        action = {name: space.sample(jax.random.key(1)) for name, space in spaces.items()}
    else:
        action = spaces.sample(jax.random.key(1))
    reward = environment.step(jax.random.key(2), state, action)[2]
    assert np.isfinite(reward).all()


def test_a_model_that_xla_cannot_compile_is_refused_in_one_line(tmp_path):
    def of_numpy(response):
        return tf.numpy_function(lambda clicked: clicked.sum(axis=1), [response], tf.float32)

    simulator = recsim_tf.make("LongTermSatisfaction-v1").replaced(
        reward_fn=lambda response: tf.ensure_shape(of_numpy(response.clicked), [NUM_USERS])
    )
    with pytest.raises(ValueError, match=r"^step must be a function that XLA of .* 'PyFunc'"):
        simulator.export_environment(tmp_path / "folder", NUM_USERS)
    assert not list(tmp_path.iterdir())


def test_no_users_are_refused(tmp_path):
    assert_refused(
        lambda: clicks().export_environment(tmp_path / "folder", 0),
        "num_users must be an integer of at least 1, got 0",
    )
    assert not list(tmp_path.iterdir())
