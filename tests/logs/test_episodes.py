# SPDX-License-Identifier: Apache-2.0
import sys
import unittest.mock

import numpy as np
import pytest
import tensorflow as tf
import tree
from tensorflow_probability import distributions as tfd

import recsim_tf
from recsim_tf.core import nests
from recsim_tf.environments.interest_evolution import InterestEvolutionUsers
from recsim_tf.environments.long_term_satisfaction import LongTermSatisfactionUsers
from recsim_tf.logs import episodes, from_episodes, to_rlds
from recsim_tf.policies import random_policy
from tests.one_world import make
from tests.questions import SPEC, AskedUsers, Numbers, ask
from tests.refusals import assert_refused

NUM_USERS, NUM_STEPS = 3, 4


def rollout(simulator, num_users=NUM_USERS, num_steps=NUM_STEPS, seed=3, **arguments):
    return simulator.rollout(random_policy(simulator), num_users, num_steps, seed, **arguments)


def short_sessions(**arguments):
    """Interest evolution of sessions of different lengths, the longest of them cut off by the time
    limit.
    """
    users = InterestEvolutionUsers(
        time_budget=12.0, step_penalty=1.0, dtype=arguments.get("dtype", tf.float32)
    )
    return recsim_tf.interest_evolution(
        slate_size=2, num_candidates=4, users=users, max_steps=5, **arguments
    )


@pytest.fixture(scope="module")
def simulator():
    return short_sessions()


@pytest.fixture(scope="module")
def trajectory(simulator):
    """Eight sessions, of which some are shorter than others, in more steps than any of them has."""
    return rollout(simulator, num_users=8, num_steps=9)


@pytest.fixture(scope="module")
def log(tmp_path_factory, simulator, trajectory):
    path = tmp_path_factory.mktemp("logs") / "episodes.tfrecord"
    episodes.write(path, simulator, trajectory)
    return path


def records(path) -> list[bytes]:
    return list(tf.data.TFRecordDataset(str(path)).as_numpy_iterator())


def write_records(path, serialized) -> str:
    with tf.io.TFRecordWriter(str(path)) as writer:
        for record in serialized:
            writer.write(record)
    return str(path)


def assert_same_bits(one, other):
    tree.assert_same_structure(one, other)
    for (path, leaf), other_leaf in zip(
        tree.flatten_with_path(one), tree.flatten(other), strict=True
    ):
        leaf, other_leaf = np.asarray(leaf), np.asarray(other_leaf)
        assert (leaf.dtype, leaf.shape) == (other_leaf.dtype, other_leaf.shape), path
        assert leaf.tobytes() == other_leaf.tobytes(), path


def assert_same_sessions(trajectory, expected):
    """Equal bits on active steps, and nothing happens on others."""
    assert_same_bits(trajectory.initial, expected.initial)
    active = expected.transitions.active.numpy()
    num_steps = active.any(axis=1).sum()
    transitions = trajectory.transitions
    np.testing.assert_array_equal(transitions.active, active[:num_steps])
    for_active = tf.nest.map_structure(lambda leaf: leaf.numpy()[active[:num_steps]], transitions)
    assert_same_bits(
        for_active, tf.nest.map_structure(lambda leaf: leaf.numpy()[active], expected.transitions)
    )
    for leaf in (transitions.reward, transitions.terminated, transitions.truncated):
        assert not leaf.numpy()[~active[:num_steps]].any()
    assert trajectory.newcomers == ()


# One has joint draws, one hidden draws, one tables, and one a shared corpus.
KINDS = ("InterestExploration-v1", "InterestEvolution-v1", "PageClicks-v0", "Ecosystem-v0")
PERSISTENT = {"dtype": tf.float64, "resample_documents": False}
PERSISTENT_KINDS = ("Conversation-v0", "InterestEvolution-v1", "LongTermSatisfaction-v1")


@pytest.mark.parametrize(
    ("environment_id", "arguments"),
    [
        *((environment_id, {}) for environment_id in KINDS),
        *(
            pytest.param(environment_id, PERSISTENT, marks=pytest.mark.slow)
            for environment_id in PERSISTENT_KINDS
        ),
    ],
)
def test_environments_of_every_kind_come_back_bit_for_bit(tmp_path, environment_id, arguments):
    simulator = make(environment_id, slate_size=2, num_candidates=3, max_steps=3, **arguments)
    trajectory = rollout(simulator)
    episodes.write(tmp_path / "log", simulator, trajectory)
    again = episodes.read(tmp_path / "log", simulator).trajectory()
    if simulator.documents.shared:
        # What worlds draw has no row for each user; all of them end with the last step.
        first_steps = tf.nest.map_structure(lambda leaf: leaf[:3], trajectory.transitions)
        assert_same_bits(again, trajectory._replace(transitions=first_steps))
    else:
        assert_same_sessions(again, trajectory)


@pytest.mark.slow
def test_sessions_of_different_lengths_come_back(log, simulator, trajectory):
    again = episodes.read(log, simulator).trajectory()
    assert not again.transitions.active.numpy().all()
    assert again.transitions.terminated.numpy().any()
    assert again.transitions.truncated.numpy().any()
    assert_same_sessions(again, trajectory)


@pytest.mark.slow
def test_log_prob_and_its_gradients_are_those_of_the_original(tmp_path):
    """Also for log-normal draws, where zeros after the end of a session would give NaN, and with a
    parameter for each user.
    """
    users = LongTermSatisfactionUsers(time_budget=tf.constant([2.0, 4.0, 3.0]))
    simulator = recsim_tf.long_term_satisfaction(slate_size=2, num_candidates=3, users=users)
    trajectory = rollout(simulator)
    episodes.write(tmp_path / "log", simulator, trajectory)
    again = episodes.read(tmp_path / "log", simulator).trajectory()
    assert_same_sessions(again, trajectory)
    users.choc_mean, users.memory_discount = variables = tf.Variable(4.5), tf.Variable(0.6)
    results = []
    for sessions in (trajectory, again):
        with tf.GradientTape() as tape:
            log_prob = simulator.log_prob(sessions)
            total = tf.reduce_sum(log_prob.total)
        results.append((log_prob, tape.gradient(total, variables)))
    (original_log_prob, original_gradients), (log_prob, gradients) = results
    assert_same_bits(log_prob, original_log_prob)
    assert np.all(original_gradients)
    np.testing.assert_allclose(gradients, original_gradients, rtol=1e-5)


def test_the_dataset_has_one_element_a_session(log, simulator, trajectory):
    dataset = episodes.read(log, simulator).dataset()
    sessions = list(dataset)
    lengths = trajectory.transitions.active.numpy().sum(axis=0)
    assert len(set(lengths)) > 1
    assert [session.reward.shape[0] for session in sessions] == lengths.tolist()
    assert dataset.element_spec.documents.shape.as_list() == [None, 4, 20]
    states = simulator.replay(trajectory)
    for user, (session, length) in enumerate(zip(sessions, lengths, strict=True)):
        initial = nests.at_step(trajectory.initial, user)
        transitions = tf.nest.map_structure(
            lambda leaf, user=user, length=length: leaf[:length, user], trajectory.transitions
        )
        expected = episodes.Session.of(initial, session.user, session.documents, transitions)
        assert_same_bits(session, expected)
        for step in range(length):
            observation = simulator.observe(nests.at_step(states, step))
            np.testing.assert_allclose(session.user[step], observation.user[user], rtol=1e-6)
            np.testing.assert_array_equal(session.documents[step], observation.documents[user])


def test_each_response_feature_has_only_its_own_field(log):
    """RecSim 0.2.4 writes the whole response under each field's name."""
    lists = tf.train.SequenceExample.FromString(records(log)[0]).feature_lists.feature_list
    kinds = {"clicked": "float_list", "quality": "float_list", "cluster_id": "int64_list"}
    for name, kind in kinds.items():
        features = lists[f"response/{name}"].feature
        assert len(features) == len(lists["reward"].feature)
        assert {len(getattr(feature, kind).value) for feature in features} == {2}


def test_the_features_are_those_of_the_documentation(log):
    example = tf.train.SequenceExample.FromString(records(log)[0])
    assert sorted(example.context.feature) == ["initial/candidates", "initial/user", "is_last"]
    draws = ["draws/candidates", "draws/hidden", "draws/innovation", "draws/response"]
    response = [
        f"response/{field}" for field in ("clicked", "cluster_id", "liked", "quality", "watch_time")
    ]
    rest = ["documents", "is_terminal", "is_truncated", *response, "reward", "slate", "user"]
    assert sorted(example.feature_lists.feature_list) == sorted([*draws, *rest])


@pytest.mark.slow
def test_pieces_are_joined_in_one_file(tmp_path, simulator, trajectory):
    pieces = [trajectory, rollout(simulator, num_users=2, num_steps=2, seed=13)]
    with episodes.Writer(tmp_path / "log", simulator) as writer:
        for piece in pieces:
            writer.add(piece)
    again = episodes.read(tmp_path / "log", simulator).trajectory()
    assert again.transitions.reward.shape == [5, 10]
    for piece, num_steps, who in zip(pieces, (5, 2), (slice(0, 8), slice(8, 10)), strict=True):
        initial = tf.nest.map_structure(lambda leaf, who=who: leaf[who], again.initial)
        transitions = tf.nest.map_structure(
            lambda leaf, who=who, end=num_steps: leaf[:end, who], again.transitions
        )
        assert_same_sessions(again._replace(initial=initial, transitions=transitions), piece)
    assert np.isfinite(simulator.log_prob(again).total).all()


@pytest.mark.parametrize("num_bytes", [0, 5, -1], ids=["nothing", "in a header", "all but a byte"])
def test_a_file_cut_short_gives_the_sessions_before(
    tmp_path, log, simulator, trajectory, num_bytes
):
    """`num_bytes` of the third record are left, or all but one."""
    path, whole = tmp_path / "cut", log.read_bytes()
    serialized = records(log)
    write_records(path, serialized[:3])
    third_ends = len(path.read_bytes())
    write_records(path, serialized[:2])
    second_ends = len(path.read_bytes())
    path.write_bytes(whole[: third_ends - 1 if num_bytes == -1 else second_ends + num_bytes])
    with pytest.raises(episodes.ReadError) as raised:
        episodes.read(path, simulator)
    error = raised.value
    assert (error.path, error.record, error.episodes.num_sessions) == (str(path), 2, 2)
    assert str(error).startswith(f"{path}, record 2: the file ")
    assert len(list(error.episodes.dataset())) == 2
    np.testing.assert_array_equal(
        error.episodes.trajectory().initial.user, trajectory.initial.user[:2]
    )


def test_a_foreign_file_is_named(tmp_path, simulator):
    path = tmp_path / "notes.txt"
    path.write_text("not a record " * 10)
    with pytest.raises(
        episodes.ReadError, match=r"notes\.txt, record 0: .*not a TFRecord file"
    ) as raised:
        episodes.read(path, simulator)
    assert_refused(lambda: raised.value.episodes.trajectory(), "no sessions")
    with pytest.raises(FileNotFoundError, match="no episode log"):
        episodes.read(tmp_path / "nowhere", simulator)
    with pytest.raises(OSError, match=f"cannot read {tmp_path}"):
        episodes.read(tmp_path, simulator)


@pytest.mark.parametrize(
    ("other", "reason"),
    [
        (lambda: recsim_tf.interest_exploration(), "feature initial/user/user_type is missing"),
        (
            lambda: short_sessions(dtype=tf.float64),
            "feature initial/user must be a bytes_list for float64, got float_list",
        ),
        (
            lambda: recsim_tf.interest_evolution(slate_size=3, num_candidates=4),
            r"feature slate must have 3 values for the shape \[3\], got 2",
        ),
    ],
)
def test_another_environment_is_told_by_a_feature(log, other, reason):
    with pytest.raises(episodes.ReadError, match=f"record 0: {reason}"):
        episodes.read(log, other())


def test_an_existing_file_is_refused_and_kept(tmp_path, simulator, trajectory):
    path = tmp_path / "log"
    path.write_text("mine")
    with pytest.raises(FileExistsError, match=f"^episode log {path} exists, name a new file$"):
        episodes.write(path, simulator, trajectory)
    assert path.read_text() == "mine"


def test_nothing_is_left_of_a_log_that_failed(tmp_path, simulator, trajectory):
    def fail():
        with episodes.Writer(tmp_path / "log", simulator) as writer:
            writer.add(trajectory)
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        fail()
    with (
        pytest.raises(ValueError, match="a log needs a session"),
        episodes.Writer(tmp_path / "log", simulator),
    ):
        pass
    assert list(tmp_path.iterdir()) == []
    (tmp_path / "file").write_text("")
    with pytest.raises(OSError, match=r"cannot write .*file/log"):
        episodes.write(tmp_path / "file" / "log", simulator, trajectory)


def test_a_log_that_cannot_be_opened_leaves_no_lock(tmp_path, simulator, trajectory, monkeypatch):
    with monkeypatch.context() as patch:
        patch.setattr(tf.io, "TFRecordWriter", unittest.mock.Mock(side_effect=OSError("no room")))
        with pytest.raises(OSError, match="no room"):
            episodes.write(tmp_path / "log", simulator, trajectory)
    assert list(tmp_path.iterdir()) == []
    episodes.write(tmp_path / "log", simulator, trajectory)
    assert [path.name for path in tmp_path.iterdir()] == ["log"]


def test_auto_reset_trajectories_are_refused(tmp_path, simulator):
    with pytest.raises(ValueError, match="one session a row"):
        episodes.write(tmp_path / "log", simulator, rollout(simulator, auto_reset=True))


def change(example, name, values, step=0):
    """Replaces the last values of a feature at a step."""
    context, lists = example.context.feature, example.feature_lists.feature_list
    feature = context[name] if name in context else lists[name].feature[step]
    stored = getattr(feature, feature.WhichOneof("kind")).value
    stored[-len(values) :] = values


def with_unknown_feature(example):
    example.feature_lists.feature_list["draws/departure"].feature.add().int64_list.value.append(1)


def with_fewer_users(example):
    del example.feature_lists.feature_list["user"].feature[0]


def ended_twice(example):
    length = len(example.feature_lists.feature_list["reward"].feature)
    for name in ("is_terminal", "is_truncated"):
        change(example, name, [1], length - 1)


def without_steps(example):
    for features in example.feature_lists.feature_list.values():
        del features.feature[:]


def changed(name, value):
    return lambda example: change(example, name, [value])


def assert_named(path, simulator, example, message):
    """Requires that the record of an example is refused in one line."""
    path = write_records(path / "log", [example.SerializeToString()])
    with pytest.raises(episodes.ReadError, match=f"log, record 0: {message}") as raised:
        episodes.read(path, simulator)
    assert "\n" not in str(raised.value)


@pytest.mark.parametrize(
    ("edit", "message"),
    [
        (with_unknown_feature, "feature draws/departure is unknown"),
        (with_fewer_users, r"feature user has \d steps, but reward has \d"),
        (ended_twice, ".*is_truncated must be 0 where is_terminal is 1"),
        (without_steps, ".*must have at least one step, got 0"),
        (changed("reward", np.nan), "feature reward must be finite, got nan at step 0"),
        (changed("slate", -7), r"feature slate must be in \[-1, 3\], got -7 at step 0"),
        (changed("is_terminal", 2), "feature is_terminal must be 0 or 1, got 2 at step 0"),
        (
            changed("is_terminal", 1),
            "feature is_terminal must be 0 before the last step, got 1 at step 0",
        ),
        (changed("is_last", 7), r"feature is_last must be 0 or 1, got \[7\]"),
    ],
)
def test_what_no_session_has_is_named_in_one_line(tmp_path, log, simulator, edit, message):
    example = tf.train.SequenceExample.FromString(records(log)[0])
    edit(example)
    assert_named(tmp_path, simulator, example, message)


def test_a_foreign_record_is_named(tmp_path, log, simulator):
    path = write_records(tmp_path / "foreign", [records(log)[0], b"\xff"])
    with pytest.raises(episodes.ReadError, match=r"record 1: not a tf\.train\.SequenceExample"):
        episodes.read(path, simulator)


# In the form of RLDS.


@pytest.mark.slow
def test_a_session_is_an_episode_of_rlds_with_one_step_more(log, simulator, trajectory):
    read = episodes.read(log, simulator)
    transitions = trajectory.transitions
    ends = set()
    found = list(to_rlds(from_episodes(log, simulator)))
    assert len(found) == transitions.reward.shape[1]
    for user, (episode, session) in enumerate(zip(found, read.dataset(), strict=True)):
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


def test_the_library_rlds_reads_the_episodes(log, simulator, trajectory, monkeypatch):
    # rlds 0.1.8 imports dm-reverb, which has no wheels for this Python, for its patterns alone.
    monkeypatch.setitem(sys.modules, "reverb", unittest.mock.MagicMock())
    rlds = pytest.importorskip("rlds", reason="rlds 0.1.8 is not installed")
    dataset = to_rlds(from_episodes(log, simulator))
    steps = dataset.flat_map(lambda episode: episode["steps"])
    total = rlds.transformations.sum_dataset(steps, lambda step: step["reward"])
    np.testing.assert_allclose(total, trajectory.transitions.reward.numpy().sum(), rtol=1e-5)
    lengths = [int(rlds.transformations.episode_length(each["steps"])) for each in dataset]
    active = trajectory.transitions.active.numpy().sum(0)
    assert lengths == (active + 1).tolist()
    steps = next(iter(dataset))["steps"]
    pairs = rlds.transformations.batch(steps, size=2, shift=1, drop_remainder=True)
    assert [pair["action"].shape for pair in pairs] == [(2, 2)] * int(active[0])


# Queries.


class LeavingUsers(AskedUsers):
    def departure(self, state):
        return tfd.Bernoulli(probs=tf.fill(state.shape, 0.3))


def leaving():
    return recsim_tf.Simulator(LeavingUsers(), Numbers(), 2, 4, query_spec=SPEC, validate=True)


@pytest.fixture(scope="module")
def asked():
    return leaving().rollout(ask, 6, 3, seed=3)


@pytest.fixture(scope="module")
def asked_log(tmp_path_factory, asked):
    path = tmp_path_factory.mktemp("logs") / "turns.tfrecord"
    episodes.write(path, leaving(), asked)
    return path


@pytest.mark.slow
def test_queries_come_back_and_score_as_before(asked_log, asked):
    assert not np.all(asked.transitions.active)
    again = episodes.read(asked_log, leaving()).trajectory()
    assert_same_sessions(again, asked)
    assert_same_bits(leaving().log_prob(again), leaving().log_prob(asked))


def test_a_log_and_a_simulator_must_both_have_queries_or_neither(asked_log, tmp_path):
    class Unasked(LeavingUsers):
        def response(self, state, slate):
            return recsim_tf.choice.MultinomialLogit()(slate.documents, slate.mask)

        def turn_conditions(self, turn):
            return []

    unasked = recsim_tf.Simulator(Unasked(), Numbers(), 2, 4)
    with pytest.raises(episodes.ReadError, match="feature query/is_asked is unknown: not a sess"):
        episodes.read(asked_log, unasked)
    slates = unasked.rollout(lambda *args: (ask(*args)[0].slate, ()), 6, 3, seed=3)
    episodes.write(tmp_path / "slates", unasked, slates)
    assert episodes.read(tmp_path / "slates", unasked).trajectory().transitions.query == ()
    with pytest.raises(episodes.ReadError, match="feature query/is_asked is missing: not a sess"):
        episodes.read(tmp_path / "slates", leaving())


@pytest.mark.parametrize(
    ("name", "values", "allowed"),
    [
        ("query/is_asked", [2], "0 or 1, got 2"),
        ("query/strength", [0.5, 1.5], r"in \[0.0, 1.0\], got 1.5"),
    ],
)
def test_a_turn_that_is_not_taken_is_named(asked_log, tmp_path, name, values, allowed):
    example = tf.train.SequenceExample.FromString(records(asked_log)[0])
    change(example, name, values)
    assert_named(tmp_path, leaving(), example, f"feature {name} must be {allowed} at step 0")
