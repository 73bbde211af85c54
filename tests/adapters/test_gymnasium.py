import copy
import importlib
import sys

import gymnasium
import numpy as np
import pytest
import tensorflow as tf
from gymnasium import spaces
from gymnasium.utils.env_checker import check_env

import recsim_tf
from recsim_tf.adapters.gymnasium import GymnasiumEnvironment, GymnasiumVectorEnvironment
from recsim_tf.core import random
from recsim_tf.environments.interest_evolution import watch_time_reward
from recsim_tf.environments.long_term_satisfaction import LongTermSatisfactionUsers
from tests.adapters.gymnasium_sessions import (
    NUM_CANDIDATES,
    NUM_USERS,
    SLATE,
    SLATE_SIZE,
    assert_equal,
    odd_sessions,
    short_sessions,
    vector_environment,
)
from tests.core.toy import toy_simulator

FLAT, PERSISTENT = {"flatten": True}, {"dtype": tf.float64, "resample_documents": False}


# One has queries, one joint draws, one tables, and one a shared corpus.
@pytest.mark.parametrize(
    ("environment_id", "arguments"),
    [
        ("Conversation-v0", FLAT),
        ("InterestExploration-v1", FLAT),
        ("PageClicks-v0", FLAT),
        ("News-v0", FLAT),
        ("InterestEvolution-v1", PERSISTENT),
        ("LongTermSatisfaction-v1", PERSISTENT),
    ],
)
# Gymnasium doubts spaces without bounds. A normal quality has none.
@pytest.mark.filterwarnings("ignore:.*A Box observation space m.* value is -?infinity")
def test_gymnasium_s_own_checker_passes_environments_of_every_kind(environment_id, arguments):
    check_env(gymnasium.make(f"recsim_tf/{environment_id}", **arguments).unwrapped)


def test_the_spaces_have_recsim_s_keys_and_the_models_bounds():
    environment = GymnasiumEnvironment(short_sessions())
    observation, response = environment.observation_space, environment.observation_space["response"]
    assert set(observation) == {"user", "doc", "response"}
    assert observation["user"] == spaces.Box(-1, 1, [20], np.float32)
    assert observation["doc"] == spaces.Box(-1, 1, [NUM_CANDIDATES, 20], np.float32)
    assert set(response) == {"clicked", "cluster_id", "liked", "quality", "watch_time"}
    assert response["watch_time"] == spaces.Box(0, 100, [SLATE_SIZE], np.float32)
    assert response["quality"] == spaces.Box(-np.inf, np.inf, [SLATE_SIZE], np.float32)
    assert response["cluster_id"] == spaces.MultiDiscrete([20] * SLATE_SIZE, np.int32)
    assert environment.action_space == spaces.MultiDiscrete([NUM_CANDIDATES] * SLATE_SIZE)


def test_spaces_hold_the_observations_of_any_nest():
    simulator = odd_sessions()
    environment = GymnasiumEnvironment(simulator)
    space = environment.observation_space["user"]
    assert space["count"] == spaces.Discrete(7, start=-10)
    assert space["kinds"][0]["sign"] == spaces.Box(0, 1, [2], np.bool_)
    assert space["kinds"][1] == spaces.Box(np.iinfo(np.int32).min, 0, [], np.int32)
    assert environment.reset()[0] in environment.observation_space
    vector = GymnasiumVectorEnvironment(simulator, NUM_USERS)
    assert vector.reset()[0] in vector.observation_space
    assert vector.step(vector.action_space.sample())[0] in vector.observation_space


def test_observations_lie_in_the_spaces_and_the_response_at_reset_is_zero():
    for environment in (GymnasiumEnvironment(short_sessions()), vector_environment()):
        observation, first_info = environment.reset(seed=0)
        assert observation in environment.observation_space
        for response in (observation["response"], first_info["response"]):
            assert not any(leaf.any() for leaf in response.values())
        observation, *_, info = environment.step(environment.action_space.sample())
        assert observation in environment.observation_space
        assert observation["response"]["quality"].all()
        assert info["response"]["quality"].all()
        # Minari refuses other keys, shapes or dtypes.
        tf.nest.assert_same_structure(first_info, info)
        like = tf.nest.map_structure(lambda leaf: (leaf.shape, leaf.dtype), (first_info, info))
        assert like[0] == like[1]


def test_a_session_is_the_simulator_s():
    """The simulator, stepped by hand with the same seeds."""
    simulator = short_sessions()
    environment = GymnasiumEnvironment(simulator, seed=7)
    seed, reset_seed = random.split_seed(7, 2)
    state = simulator.reset(1, reset_seed)
    observation, _ = environment.reset()
    np.testing.assert_allclose(observation["user"], simulator.observe(state).user[0], rtol=1e-6)
    terminated = truncated = False
    while not (terminated or truncated):
        seed, step_seed, _ = random.split_seed(seed, 3)
        state, transition = simulator.step(state, tf.constant(SLATE[np.newaxis]), step_seed)
        observation, reward, terminated, truncated, info = environment.step(SLATE)
        expected = simulator.observe(state)
        np.testing.assert_allclose(observation["user"], expected.user[0], rtol=1e-5)
        np.testing.assert_allclose(observation["doc"], expected.documents[0])
        for field, value in transition.response._asdict().items():
            np.testing.assert_allclose(observation["response"][field], value[0], rtol=1e-5)
        np.testing.assert_allclose(reward, transition.reward[0], rtol=1e-6)
        assert (terminated, truncated) == (
            bool(transition.terminated[0]),
            bool(transition.truncated[0]),
        )
    assert_equal(info["response"], observation["response"])


@pytest.mark.parametrize(
    "build",
    [
        GymnasiumEnvironment,
        lambda simulator, seed=0: GymnasiumVectorEnvironment(simulator, 2, seed),
    ],
)
def test_a_seed_governs_all_that_follows(build):
    def session(environment, seed):
        first, _ = environment.reset(seed=seed)
        step = environment.step(np.broadcast_to(SLATE, environment.action_space.shape))
        again, _ = environment.reset()
        return first, step, again

    one = build(short_sessions())
    first, step, again = session(one, 5)
    assert_equal(session(one, 5), (first, step, again))
    assert_equal(session(build(short_sessions(), seed=5), None), (first, step, again))
    assert (first["user"] != again["user"]).any()
    assert (first["user"] != session(one, 6)[0]["user"]).any()


def test_leaving_is_terminated_and_the_time_limit_truncated():
    truncated = GymnasiumEnvironment(toy_simulator(limit=9.0, max_steps=2))
    terminated = GymnasiumEnvironment(toy_simulator(limit=2.0, max_steps=2))
    for environment, flags in ((truncated, (False, True)), (terminated, (True, False))):
        with pytest.raises(
            gymnasium.error.ResetNeeded, match=r"there is no session: call reset\(\)"
        ):
            environment.step(SLATE)
        for _ in range(2):
            environment.reset()
            assert environment.step([1, 0])[2:4] == (False, False)
            assert environment.step([1, 0])[2:4] == flags
            with pytest.raises(
                gymnasium.error.ResetNeeded, match=r"the session has ended: call reset\(\)"
            ):
                environment.step([1, 0])


def test_persistent_candidates_stay_until_a_seed_is_given():
    environment = GymnasiumEnvironment(
        recsim_tf.interest_exploration(num_candidates=5, resample_documents=False)
    )
    first, _ = environment.reset(seed=0)
    assert_equal(environment.step([0, 1, 2])[0]["doc"], first["doc"])
    assert_equal(environment.reset()[0]["doc"], first["doc"])
    assert (environment.reset(seed=1)[0]["doc"]["quality"] != first["doc"]["quality"]).all()


def test_info_has_what_agents_do_not_see_of_the_response():
    """RecSim's long-term satisfaction shows at most 100 of the engagement, and rewards all of
    it.
    """
    users = LongTermSatisfactionUsers(choc_mean=20.0, kale_mean=20.0)
    environment = GymnasiumEnvironment(
        recsim_tf.long_term_satisfaction(
            slate_size=SLATE_SIZE, num_candidates=NUM_CANDIDATES, users=users
        )
    )
    environment.reset(seed=0)
    observation, reward, _, _, info = environment.step(SLATE)
    assert observation["response"]["engagement"].max() == 100
    assert info["response"]["engagement"].sum() == reward > 100


def test_slates_may_be_short_and_show_a_document_twice_as_in_recsim():
    environment = GymnasiumEnvironment(short_sessions())

    def step(slate):
        environment.reset(seed=0)
        return environment.step(slate)

    assert_equal(step([2]), step(np.array([2, -1], np.int32)))
    clusters = step((1, 1))[0]["response"]["cluster_id"]
    assert clusters[0] == clusters[1] == np.argmax(environment.reset(seed=0)[0]["doc"][1])


@pytest.fixture(scope="module")
def validating():
    environment = GymnasiumEnvironment(short_sessions(validate=True))
    return environment, copy.deepcopy(environment)


@pytest.mark.parametrize(
    ("slate", "message"),
    [
        ([0, NUM_CANDIDATES], r"slate must hold candidate positions in \[0, 5\)"),
        (0, r"slate must have shape \[1, k\]"),
        ([0.0, 1.0], "slate must have dtype int32 or int64, got float64"),
        ([1, 1], r"slate must not show a document twice \(allow_duplicates=False\)"),
    ],
)
def test_bad_slates_are_refused_and_change_nothing(validating, slate, message):
    environment, other = validating
    environment.reset()
    other.reset()
    with pytest.raises(ValueError, match=message):
        environment.step(slate)
    assert_equal(environment.step(SLATE), other.step(SLATE))


@pytest.mark.parametrize(
    "build",
    [GymnasiumEnvironment, lambda simulator: GymnasiumVectorEnvironment(simulator, NUM_USERS)],
)
def test_steps_are_compiled_once(build):
    traces = []

    def reward(response):
        traces.append(None)
        return watch_time_reward(response)

    environment = build(short_sessions(reward_fn=reward))
    environment.reset(seed=0)
    slates = (
        np.broadcast_to(SLATE, environment.action_space.shape),
        np.zeros(environment.action_space.shape, np.int32),
    )
    environment.step(slates[0])
    num_traces = len(traces)
    assert num_traces >= 1
    for seed in (None, 1):
        environment.reset(seed=seed)
        for slate in slates:
            environment.step(slate)
    assert len(traces) == num_traces


def test_the_extra_is_named_where_gymnasium_is_missing(monkeypatch):
    for name in ("gymnasium", "gymnasium.vector"):
        monkeypatch.setitem(sys.modules, name, None)
    for name in [name for name in sys.modules if name.startswith("recsim_tf.adapters.gymnasium")]:
        monkeypatch.delitem(sys.modules, name)
    expected = (
        r"^recsim_tf.adapters.gymnasium needs Gymnasium 1.1 or newer: install"
        r" recsim-tf\[gymnasium\]$"
    )
    with pytest.raises(ImportError, match=expected):
        importlib.import_module("recsim_tf.adapters.gymnasium")
