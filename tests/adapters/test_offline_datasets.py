"""Sessions in the forms of RLDS and Minari, which their libraries read."""

import gc
import sys
import unittest.mock

import gymnasium
import numpy as np
import pytest
import tensorflow as tf

import recsim_tf.adapters.gymnasium  # noqa: F401
from recsim_tf.adapters import episodes
from tests.adapters.test_episodes import rollout, short_sessions


@pytest.fixture(scope="module")
def trajectory():
    return rollout(short_sessions(), num_users=8, num_steps=9)


@pytest.fixture(scope="module")
def log(tmp_path_factory, trajectory):
    path = str(tmp_path_factory.mktemp("rlds") / "log.tfrecord")
    simulator = short_sessions()
    episodes.write(path, simulator, trajectory)
    return episodes.read(path, simulator)


def test_a_session_is_an_episode_of_rlds_with_one_step_more(log, trajectory):
    transitions = trajectory.transitions
    ends = set()
    found = list(episodes.to_rlds(log))
    assert len(found) == transitions.reward.shape[1]
    for user, (episode, session) in enumerate(zip(found, log.dataset(), strict=True)):
        steps = list(episode["steps"].as_numpy_iterator())
        number = int(transitions.active[:, user].numpy().sum())
        assert [step["is_first"] for step in steps] == [True] + [False] * number
        assert [step["is_last"] for step in steps] == [False] * number + [True]
        for time, step in enumerate(steps[:-1]):
            np.testing.assert_array_equal(step["action"], transitions.slate[time, user])
            assert step["reward"] == transitions.reward[time, user]
            assert step["discount"] == 1 - int(transitions.terminated[time, user])
            assert not step["is_terminal"]
            seen = {"user": session.user, "documents": session.documents}
            tf.nest.map_structure(
                lambda leaf, of, time=time: np.testing.assert_array_equal(leaf, of[time]),
                step["observation"],
                seen,
            )
        last, before = steps[-1], steps[-2]
        tf.nest.map_structure(
            np.testing.assert_array_equal, last["observation"], before["observation"]
        )
        assert not last["action"].any()
        assert last["reward"] == last["discount"] == 0
        assert last["is_terminal"] == transitions.terminated[:, user].numpy().any()
        ends.add(bool(last["is_terminal"]))
    assert ends == {True, False}


def test_the_library_rlds_reads_the_episodes(log, trajectory, monkeypatch):
    # rlds 0.1.8 imports dm-reverb, which has no wheels for this Python, for its patterns alone.
    monkeypatch.setitem(sys.modules, "reverb", unittest.mock.MagicMock())
    rlds = pytest.importorskip("rlds", reason="rlds 0.1.8 is not installed")
    dataset = episodes.to_rlds(log)
    steps = dataset.flat_map(lambda episode: episode["steps"])
    total = rlds.transformations.sum_dataset(steps, lambda step: step["reward"])
    np.testing.assert_allclose(total, trajectory.transitions.reward.numpy().sum(), rtol=1e-5)
    lengths = [int(rlds.transformations.episode_length(each["steps"])) for each in dataset]
    active = trajectory.transitions.active.numpy().sum(0)
    assert lengths == (active + 1).tolist()
    steps = next(iter(dataset))["steps"]
    pairs = rlds.transformations.batch(steps, size=2, shift=1, drop_remainder=True)
    assert [pair["action"].shape for pair in pairs] == [(2, 2)] * int(active[0])


# Minari's recorder leaves its folder to the garbage collector.
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
