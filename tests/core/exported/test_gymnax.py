# SPDX-License-Identifier: Apache-2.0
"""One user of an exported environment, by the interface of gymnax."""

import importlib.metadata
import sys
import types
from typing import NamedTuple

import numpy as np
import pytest

import recsim_tf
from tests.core.exported.readers import NUM_USERS, read_exported

jax = pytest.importorskip("jax", reason="the readers of an exported environment are in JAX")
jnp = jax.numpy


class _Discrete(NamedTuple):
    n: int


class _Box(NamedTuple):
    low: object
    high: object
    shape: tuple
    dtype: object = jnp.float32


@pytest.fixture(scope="module", name="gymnax", params=["0.0.9", "1.0.1"])
def fixture_gymnax(request, folder):
    """The module for gymnax, with a stand-in for the spaces of its versions, which the judges of
    `benchmarks/judges.py` install.
    """
    spaces = types.ModuleType("gymnax.environments")
    spaces.spaces = types.SimpleNamespace(Discrete=_Discrete, Box=_Box, Space=object)
    modules = {"gymnax": types.ModuleType("gymnax"), "gymnax.environments": spaces}
    with pytest.MonkeyPatch.context() as patched:
        for name, module in modules.items():
            patched.setitem(sys.modules, name, module)
        patched.setattr(importlib.metadata, "version", lambda name: request.param)
        yield read_exported(folder, "in_gymnax")


@pytest.fixture(scope="module")
def user(gymnax, environment):
    return gymnax.GymnaxEnvironment(environment)


@pytest.fixture
def flat(environment):
    def flat(observation):
        leaves = [observation[name] for name in environment.observation_space]
        rows = [np.reshape(each, [len(each), -1]) for each in leaves]
        return np.concatenate(rows, axis=1, dtype=np.float32)

    return flat


def test_a_map_over_users_is_a_call_of_all_users(user, gymnax, environment, flat):
    keys = jax.random.split(jax.random.key(0), NUM_USERS)
    observation, state = jax.jit(jax.vmap(user.reset))(keys)
    expected, states = environment.reset(gymnax._joined(keys))
    np.testing.assert_array_equal(observation, flat(expected))
    assert observation.shape[1:] == user.observation_space().shape
    assert all((state[name] == states[name]).all() for name in states)
    slates = jnp.tile(jnp.int32([2, 1]), [NUM_USERS, 1])
    rewards = jax.jit(jax.vmap(user.step))(keys, state, slates)[2]
    expected = environment.step(gymnax._joined(keys), states, slates)[2]
    np.testing.assert_array_equal(rewards, expected)


def test_observations_are_in_their_space(gymnax, tmp_path):
    world = recsim_tf.make("InterestEvolution-v1", slate_size=1, num_candidates=3)
    path = world.export_environment(tmp_path / "folder", NUM_USERS)
    user = gymnax.GymnaxEnvironment(read_exported(path).Environment(path))
    space, keys = user.observation_space(), jax.random.split(jax.random.key(0), NUM_USERS)
    observation, state = jax.vmap(user.reset)(keys)
    for _ in range(3):
        assert (observation >= space.low).all()
        assert (observation <= space.high).all()
        observation, state, *_ = jax.vmap(user.step)(keys, state, jnp.zeros([NUM_USERS], jnp.int32))


@pytest.mark.parametrize("num_users", [1, 3, 4, 10])
def test_any_number_of_users_may_be_mapped(user, gymnax, environment, num_users, flat):
    keys = jax.random.split(jax.random.key(0), num_users)
    observation, state = jax.vmap(user.reset)(keys)
    assert observation.shape[0] == num_users
    slates = jnp.tile(jnp.int32([2, 1]), [num_users, 1])
    rewards = jax.vmap(user.step)(keys, state, slates)[2]
    assert rewards.shape == (num_users,)
    # The last batch has users of the first in the rows that are left.
    batches = keys[jnp.arange(-(-num_users // NUM_USERS) * NUM_USERS) % num_users]
    expected = np.concatenate(
        [
            flat(environment.reset(gymnax._joined(batch))[0])
            for batch in batches.reshape(-1, NUM_USERS)
        ]
    )
    np.testing.assert_array_equal(observation, expected[:num_users])


def test_a_user_alone_is_the_first_of_a_batch(user, environment, flat):
    key = jax.random.key(3)
    observation, state = user.reset(key)
    np.testing.assert_array_equal(observation, flat(environment.reset(key)[0])[0])
    assert np.isfinite(user.step(key, state, jnp.int32([0, 1]))[2])


def test_users_meet_new_draws_where_the_key_of_another_stays(user):
    keys = jax.random.split(jax.random.key(0), NUM_USERS)
    observation, _ = jax.vmap(user.reset)(keys)
    for place in range(NUM_USERS):
        others = jax.random.split(jax.random.key(1), NUM_USERS).at[place].set(keys[place])
        assert (jax.vmap(user.reset)(others)[0] != observation).any(axis=1).all()


def test_seeds_and_users_may_be_mapped_at_once(user, gymnax, environment, flat):
    keys = jax.random.split(jax.random.key(0), [2, NUM_USERS])
    observation, _ = jax.jit(jax.vmap(jax.vmap(user.reset)))(keys)
    expected = flat(environment.reset(gymnax._joined(keys[1]))[0])
    np.testing.assert_array_equal(observation[1], expected)


def test_parameters_may_be_mapped(user):
    keys = jax.random.split(jax.random.key(0), 2)
    _, state = jax.vmap(user.reset)(keys)
    models = user.default_params.models
    several = {name: jnp.stack([each] * 2) for name, each in models.items()}
    several["users.choc_mean"] = jnp.float32([5.0, 50.0])
    params = user.default_params._replace(models=several)
    axes = params._replace(max_steps_in_episode=None, models=0)
    slates = jnp.zeros([2, 2], jnp.int32)
    rewards = jax.vmap(user.step, in_axes=(0, 0, 0, axes))(keys, state, slates, params)[2]
    alone = [
        user.step(keys[place], {name: each[place] for name, each in state.items()}, slates[0])[2]
        for place in range(2)
    ]
    assert rewards[0] == pytest.approx(float(alone[0]), rel=1e-6)
    assert rewards[1] > alone[1]


def test_steps_end_as_in_the_gymnax_that_is_installed(user, gymnax):
    keys = jax.random.split(jax.random.key(0), NUM_USERS)
    observation, state = jax.vmap(user.reset)(keys)
    step = jax.jit(jax.vmap(user.step))
    ends = []
    for _ in range(4):
        observation, state, _, *ends, info = step(keys, state, jnp.zeros([4, 2], jnp.int32))
    if gymnax._SPLIT:
        terminated, truncated = ends
        assert truncated.all()
        assert not terminated.any()
        last = info["final_observation"]
        assert last.shape == observation.shape
        assert (last != observation).any()
    else:
        [done] = ends
        assert done.all()
        assert info["truncated"].all()


def test_one_document_is_a_number(gymnax, tmp_path):
    world = recsim_tf.make("LongTermSatisfaction-v1", slate_size=1, num_candidates=5)
    path = world.export_environment(tmp_path / "folder", NUM_USERS)
    environment = read_exported(path).Environment(path)
    user = gymnax.GymnaxEnvironment(environment)
    assert user.action_space() == _Discrete(5)
    assert user.num_actions == 5
    keys = jax.random.split(jax.random.key(0), NUM_USERS)
    _, state = jax.vmap(user.reset)(keys)
    actions = jnp.int32([0, 1, 2, 3])
    rewards = jax.vmap(user.step)(keys, state, actions)[2]
    expected = environment.step(gymnax._joined(keys), state, actions[:, np.newaxis])[2]
    np.testing.assert_array_equal(rewards, expected)


@pytest.mark.slow
@pytest.mark.parametrize(
    ("environment_id", "words"),
    [
        ("Ecosystem-v0", "users of this environment share a world"),
        ("Conversation-v0", "actions must be slates alone for gymnax, got .*slate"),
    ],
)
def test_worlds_that_are_not_of_one_user_are_refused(gymnax, environment_id, words, tmp_path):
    simulator = recsim_tf.make(environment_id)
    num_users = simulator.users_per_world or NUM_USERS
    path = simulator.export_environment(tmp_path / "folder", num_users)
    with pytest.raises(ValueError, match=f"^{words}"):
        gymnax.GymnaxEnvironment(read_exported(path).Environment(path))
