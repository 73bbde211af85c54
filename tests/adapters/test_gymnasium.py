# SPDX-License-Identifier: Apache-2.0
import copy
import gc
import importlib
import sys

import gymnasium
import numpy as np
import pytest
import tensorflow as tf
from gymnasium import spaces
from gymnasium.envs.registration import EnvSpec
from gymnasium.utils.env_checker import check_env

import recsim_tf
from recsim_tf import registry
from recsim_tf.adapters.gymnasium import (
    GymnasiumEnvironment,
    GymnasiumVectorEnvironment,
    register_environments,
)
from recsim_tf.adapters.gymnasium.spaces import distinct
from recsim_tf.adapters.gymnasium.words import Words
from recsim_tf.core import random
from recsim_tf.core.base.types import Turn
from recsim_tf.environments.interest_evolution import watch_time_reward
from recsim_tf.environments.long_term_satisfaction import LongTermSatisfactionUsers
from tests.adapters.gymnasium_sessions import (
    NUM_CANDIDATES,
    NUM_USERS,
    SLATE,
    SLATE_SIZE,
    odd_sessions,
    short_sessions,
    vector_environment,
)
from tests.alike import assert_equal
from tests.core.toy import toy_simulator
from tests.questions import simulator as asked
from tests.refusals import assert_refused

FLAT, PERSISTENT = {"flatten": True}, {"dtype": tf.float64, "resample_documents": False}


# One has queries, one joint draws, one tables, and one a shared corpus.
@pytest.mark.slow
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


@pytest.mark.slow
def test_distinct_slates_take_the_next_candidates_for_repeated_documents():
    slates = tf.constant([[4, 4, 4], [0, 4, 0], [-1, 2, -1], [3, 4, 4], [1, 2, 0]])
    expected = [[4, 0, 1], [0, 4, 1], [-1, 2, -1], [3, 4, 0], [1, 2, 0]]
    np.testing.assert_array_equal(distinct(slates, num_candidates=5), expected)
    turn = Turn(slates, {"word": tf.zeros([5])})
    np.testing.assert_array_equal(distinct(turn, num_candidates=5).slate, expected)
    # Checked slates may repeat documents only where they are replaced.
    repeated = np.zeros(SLATE_SIZE, np.int64)
    ours, replaced = (
        GymnasiumEnvironment(short_sessions(validate=True), seed=1, distinct=True) for _ in range(2)
    )
    ours.reset(), replaced.reset()
    assert_equal(ours.step(np.arange(SLATE_SIZE)), replaced.step(repeated))
    environment = GymnasiumEnvironment(short_sessions(validate=True))
    environment.reset()
    assert_refused(lambda: environment.step(repeated), "twice")


def test_words_give_back_each_number_of_a_nest():
    nest = {
        "wide": (tf.constant([[2**60 + 1, -3]], tf.int64), tf.constant(0.1, tf.float64)),
        "key": tf.constant([2**32 - 1, 7], tf.uint32),
        "narrow": (tf.constant([[True], [False]]), tf.constant([-7, 100], tf.int8)),
        "half": tf.constant([0.5, -1.25, 65504.0], tf.float16),
        "count": tf.constant([[-(2**31)], [2**31 - 1]]),
        "score": tf.constant([float("nan"), 1e-42, 3.0]),
        "nothing": tf.zeros([0, 3], tf.int32),
    }
    words = Words(nest)
    vector = words.packed(nest)
    assert vector.shape == words.spec.shape
    for again in (words.tensors(vector), words.arrays(vector.numpy())):
        assert_equal(
            tf.nest.map_structure(np.asarray, again), tf.nest.map_structure(np.asarray, nest)
        )


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


@pytest.mark.slow
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
    assert_refused(lambda: environment.step(slate), message)
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


# By their names in Gymnasium, and what other libraries do with them.


NAME = "recsim_tf/LongTermSatisfaction-v1"


def test_every_registered_environment_has_a_name_in_gymnasium():
    for environment_id in recsim_tf.registered():
        spec = gymnasium.spec(f"recsim_tf/{environment_id}")
        assert spec.entry_point == "recsim_tf.adapters.gymnasium:make_environment"
        assert spec.vector_entry_point == "recsim_tf.adapters.gymnasium:make_vector_environment"


@pytest.mark.slow
def test_make_takes_the_arguments_of_the_simulator_and_of_the_environment():
    environment = gymnasium.make(NAME, seed=3, flatten=True, slate_size=2, render_mode=None)
    assert environment.unwrapped.simulator.slate_size == 2
    expected = GymnasiumEnvironment(
        recsim_tf.make("LongTermSatisfaction-v1", slate_size=2), seed=3, flatten=True
    )
    assert_equal(environment.reset(), expected.reset())
    assert_equal(environment.step([0, 1]), expected.step([0, 1]))


def test_make_vec_makes_users_who_are_stepped_at_once():
    environments = gymnasium.make_vec(NAME, 3, autoreset_mode="SameStep", slate_size=2)
    assert type(environments) is GymnasiumVectorEnvironment
    assert environments.metadata["autoreset_mode"] == gymnasium.vector.AutoresetMode.SAME_STEP
    assert environments.action_space.shape == (3, 2)


@pytest.mark.slow
def test_without_a_seed_each_environment_has_its_own_user():
    environments = gymnasium.make_vec(NAME, 2, vectorization_mode="sync")
    observation, _ = environments.reset()
    assert (observation["doc"][0] != observation["doc"][1]).any()


def test_a_spec_that_went_through_a_file_makes_the_same_environment():
    spec = gymnasium.make(NAME, seed=3, slate_size=2).spec
    first, again = (gymnasium.make(each) for each in (spec, EnvSpec.from_json(spec.to_json())))
    assert_equal(first.reset(), again.reset())


def test_an_unknown_argument_is_named():
    with pytest.raises(TypeError, match="LongTermSatisfaction-v1 has no argument render_mode"):
        gymnasium.make(NAME, render_mode="human")


@pytest.fixture
def _clean_registries(monkeypatch):
    monkeypatch.setattr(registry, "_factories", dict(registry._factories))
    known = set(gymnasium.registry)
    yield
    for name in set(gymnasium.registry) - known:
        del gymnasium.registry[name]


@pytest.mark.usefixtures("_clean_registries")
def test_environments_of_one_s_own_are_made_known():
    recsim_tf.register("Toy-v1", toy_simulator)
    register_environments()
    assert gymnasium.make("recsim_tf/Toy-v1", max_steps=2).unwrapped.simulator.max_steps == 2


# Minari's recorder leaves its folder to the garbage collector.
@pytest.mark.slow
@pytest.mark.filterwarnings("ignore:Implicitly cleaning up:ResourceWarning")
def test_minari_records_sessions_and_reads_them_back(tmp_path, monkeypatch):
    monkeypatch.setenv("MINARI_DATASETS_PATH", str(tmp_path))
    minari = pytest.importorskip("minari", reason="minari is not installed")
    environment = gymnasium.make("recsim_tf/InterestEvolution-v1", slate_size=2, max_steps=5)
    recorder = minari.DataCollector(environment, record_infos=True)
    played = []
    for seed in range(2):
        observation, _ = recorder.reset(seed=seed)
        users, slates, rewards, ended = [observation["user"]], [], [], False
        while not ended:
            slates.append(recorder.action_space.sample())
            observation, reward, terminated, truncated, _ = recorder.step(slates[-1])
            users.append(observation["user"])
            rewards.append(reward)
            ended = terminated or truncated
        played.append((users, slates, rewards))
    recorder.create_dataset(
        "recsim_tf/test-v0",
        algorithm_name="uniform",
        author="a",
        author_email="a@b.c",
        code_permalink="https://example.org",
        description="two sessions",
        eval_env=environment,
    )
    read = minari.load_dataset("recsim_tf/test-v0")
    assert read.total_episodes == 2
    for (users, slates, rewards), episode in zip(played, read.iterate_episodes(), strict=True):
        np.testing.assert_array_equal(episode.observations["user"], users)
        np.testing.assert_array_equal(episode.actions, slates)
        np.testing.assert_array_equal(episode.rewards, rewards)
        assert episode.infos["response"]["clicked"].shape == (len(users), 2)
    del recorder, read
    gc.collect()


# Turns of a slate and a query.


NUM_ASKED = 4


def turns(is_asked=1, strength=0.5, slate=(0, 1)):
    return {
        "slate": np.tile(slate, [NUM_ASKED, 1]),
        "query": {
            "is_asked": np.full([NUM_ASKED], is_asked),
            "strength": np.full([NUM_ASKED, 2], strength),
        },
    }


def test_the_action_space_is_a_dict_of_slate_and_query():
    environment = GymnasiumEnvironment(asked())
    assert environment.action_space == spaces.Dict(
        slate=spaces.MultiDiscrete([4, 4]),
        query=spaces.Dict(is_asked=spaces.Discrete(2), strength=spaces.Box(0, 1, [2], np.float32)),
    )
    assert set(environment.observation_space) == {"user", "doc", "response"}


@pytest.mark.slow
def test_a_vector_environment_asks_its_users():
    def clicks(is_asked):
        environment = GymnasiumVectorEnvironment(asked(max_steps=50), NUM_ASKED, seed=1)
        environment.reset()
        rewards = [environment.step(turns(is_asked, strength=1.0))[1] for _ in range(30)]
        return np.mean(rewards)

    assert clicks(1) > clicks(0) + 0.15


@pytest.mark.parametrize(
    ("action", "message"),
    [
        (np.zeros([NUM_ASKED, 2], int), "action must be a dict with slate, got ndarray"),
        ({"slate": np.zeros([NUM_ASKED, 2], int)}, "action must be a dict with query, got a dict"),
        ({**turns(), "query": {"strength": 1}}, "query must be a dict with is_asked, got a dict"),
        (turns(is_asked=0.5), r"query.is_asked must be int32 \[4\], got float64"),
        (turns(is_asked=2), r"query.is_asked must be in \[0, 1\]"),
        (turns(slate=(-1, -1)), "a question must have an item"),
    ],
)
def test_a_bad_turn_is_refused_in_one_line(action, message):
    environment = GymnasiumVectorEnvironment(asked(), NUM_ASKED, seed=1)
    environment.reset()
    assert_refused(lambda: environment.step(action), message)


@pytest.mark.slow
def test_a_slate_of_one_document_is_a_position():
    arguments = {"slate_size": 1, "num_candidates": 4, "seed": 3}
    environment = gymnasium.make(NAME, **arguments)
    assert environment.action_space == spaces.Discrete(4)
    environment.reset()
    by_position = environment.step(np.int64(2))
    environment = gymnasium.make(NAME, **arguments)
    environment.reset()
    assert_equal(environment.step(np.array([2])), by_position)
    users = gymnasium.make_vec(NAME, num_envs=3, **arguments)
    users.reset()
    assert users.action_space == spaces.MultiDiscrete([4, 4, 4])
    assert users.step(np.array([0, 1, 3]))[1].shape == (3,)


@pytest.mark.slow
@pytest.mark.parametrize("name", recsim_tf.registered())
def test_a_dict_of_vectors_has_the_entries_of_the_vector(name):
    vector = gymnasium.make(f"recsim_tf/{name}", seed=3, flatten=True)
    parts = gymnasium.make(f"recsim_tf/{name}", seed=3, flatten="dict")
    assert all(len(part.shape) == 1 for part in parts.observation_space.values())
    expected, observation = vector.reset()[0], parts.reset()[0]
    assert observation in parts.observation_space
    assert sorted(np.concatenate(list(observation.values()))) == sorted(expected)


def test_flatten_is_refused_in_a_line():
    with pytest.raises(ValueError, match=r"^flatten must be True or False or dict, got 'dicts'$"):
        gymnasium.make(NAME, flatten="dicts")
