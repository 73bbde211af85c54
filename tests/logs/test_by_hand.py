# SPDX-License-Identifier: Apache-2.0
"""Logs made by hand, and parts of logs."""

import numpy as np
import pytest
import tensorflow as tf

from recsim_tf import logs
from recsim_tf.logs import Log, SlateLogProbs
from tests.logs import everything
from tests.refusals import assert_refused

LOG = everything.log()


def propensity(**fields):
    return LOG._replace(propensity=LOG.propensity._replace(**fields))


def changed(array, at, value):
    array = np.array(array)
    array[at] = value
    return array


REFUSALS = [
    (LOG._replace(length=[2, 1]), r"log must have sessions with slates: length \[S\], and shown"),
    (LOG._replace(length=LOG.length[:0]), "log must have sessions with slates"),
    (LOG._replace(shown=(), slate=()), "log must have sessions with slates"),
    (LOG._replace(shown=LOG.shown[0]), "log must have sessions with slates"),
    (LOG._replace(length=np.array([2, 0])), r"length must be .* in \[1, 2\], got 0 of session 1"),
    (LOG._replace(length=np.array([3, 1])), r"length must be .* in \[1, 2\], got 3 of session 0"),
    (LOG._replace(length=np.array([2, np.nan])), "length must be whole numbers .* got nan of"),
    (
        LOG._replace(length=np.array([2.0, 1.0])),
        r"length must be integers \[2\], got float64",
    ),
    (LOG._replace(shown=LOG.shown * 1), r"shown must be bool \[2, 2, 2\], got int64 \[2, 2, 2\]"),
    (LOG._replace(departed=LOG.departed[:1]), r"departed must be bool \[2\], got bool \[1\]"),
    (LOG._replace(initial=np.zeros(3)), r"initial must have the 2 sessions of the log, got float"),
    (
        LOG._replace(documents=LOG.documents[..., :1]),
        r"documents must have the positions of slates, \[2, 2, 2\], got int32 \[2, 2, 1\]",
    ),
    (
        LOG._replace(response=[1, 2]),
        r"response must have the sessions and steps of the log, \[2, 2\], got int",
    ),
    (
        LOG._replace(engagement=LOG.engagement[..., 0]),
        r"engagement must be numbers \[2, 2, 2\], ",
    ),
    (LOG._replace(discount=np.ones([2, 2, 1])), r"discount must be numbers \[2, 2\], got float64"),
    (LOG._replace(reward=LOG.reward[..., 0]), r"reward must be numbers \[2, 2, 1\] or \[2, 2, 2\]"),
    (LOG._replace(reward=LOG.reward.astype(str)), r"reward must be numbers .*, got <?str"),
    (
        LOG._replace(candidates=LOG.candidates[..., :2]),
        r"candidates must be integers \[2, 2, 3\], got int32 \[2, 2, 2\]",
    ),
    (
        LOG._replace(slate=changed(LOG.slate, (1, 0, 1), 3)),
        "slate must hold .* below the number of candidates, 3, got 3 at session 1, step 0, pos",
    ),
    (
        LOG._replace(slate=changed(LOG.slate, (1, 0), 0)),
        "slate must contain a document at most once in a step, got 0 at session 1, step 0",
    ),
    (
        LOG._replace(candidates=changed(LOG.candidates, (0, 1), 0)),
        "candidates must contain a document at most once in a step, got 0 at session 0, step 1",
    ),
    (
        LOG._replace(reward=changed(LOG.reward, (0, 1, 0), 1)),
        "reward of an empty position must be 0, got 1 at session 0, step 1, position 0",
    ),
    (
        LOG._replace(discount=np.full([2, 2], 1.5)),
        r"discount must be in \[0, 1\], got 1.5 at session 0, step 0",
    ),
    (propensity(slate=LOG.propensity.prefix), r"propensity.slate must be numbers \[2, 2\], got fl"),
    (propensity(prefix=LOG.propensity.slate), r"propensity.prefix must be numbers \[2, 2, 2\], go"),
    (propensity(set=LOG.propensity.set - 2), "propensity.set must be at least propensity.slate, g"),
    (
        propensity(position=LOG.propensity.position - 2),
        "propensity.position must be at least propensity.slate, got",
    ),
    (
        LOG._replace(candidates=(), slate=changed(LOG.slate, (1, 0), 0)),
        "slate must contain a document at most once in a step, got 0 at session 1, step 0",
    ),
    (
        propensity(slate=changed(LOG.propensity.slate, (0, 1), 0.1)),
        "propensity.slate must be a log-probability, at most 0, got 0.1 at session 0, step 1",
    ),
    (
        propensity(set=changed(LOG.propensity.set, (0, 1), np.nan)),
        "propensity.set must be a log-probability, at most 0, got nan at session 0, step 1",
    ),
    (
        propensity(position=changed(LOG.propensity.position, (1, 0, 1), -np.inf)),
        "propensity.position must be .* of what was shown, got -inf at session 1, step 0, pos",
    ),
    (
        propensity(prefix=changed(LOG.propensity.prefix, (0, 0, 1), -0.01)),
        "propensity.prefix must fall along .*, got -0.01 at session 0, step 0, position 1",
    ),
    (
        LOG._replace(reward=changed(LOG.reward, (0, 0, 1), np.nan)),
        "reward must be finite, got nan at session 0, step 0, position 1",
    ),
    (
        LOG._replace(reward=changed(LOG.reward.astype(float), (0, 1, 0), -1e200)),
        r"reward must be at most 1e\+100 in size, got -1e\+200 at session 0, step 1, position 0",
    ),
    (
        propensity(slate=LOG.propensity.slate - 0.1, set=()),
        "propensity.prefix of the last position must be propensity.slate, got",
    ),
]


@pytest.mark.parametrize(("log", "message"), REFUSALS)
def test_a_log_that_contradicts_itself_is_refused_by_field(log, message):
    assert_refused(log.check, message)


def test_what_follows_the_end_of_a_session_does_not_count():
    reward = changed(LOG.reward, (1, 1), np.nan)
    discount = changed(np.ones([2, 2]), (1, 1), 7)
    LOG._replace(reward=reward, discount=discount).check()


def test_a_policy_that_never_shows_a_slate_may_be_judged():
    never = np.full(LOG.shown.shape, -np.inf)
    LOG._replace(target=SlateLogProbs(never[..., 0], never)).check()


def test_sessions_may_be_taken_by_positions_or_a_slice():
    longer, shorter = LOG.take(slice(1)), LOG.take(slice(1, None))
    assert (longer.num_sessions, longer.max_length) == (1, 2)
    assert (shorter.num_sessions, shorter.max_length) == (1, 1)
    assert list(shorter.labels.session) == ["a"]
    assert list(shorter.labels.user) == ["v"]
    for rows in ([1], np.array([False, True]), slice(-1, None)):
        tf.nest.map_structure(np.testing.assert_array_equal, LOG.take(rows), shorter)
    assert LOG.take([]).num_sessions == LOG.take(slice(0)).num_sessions == 0
    for rows in ([2], [0.5], np.ones(3, bool), 1):
        assert_refused(lambda rows=rows: LOG.take(rows), "rows must be positions of the 2 sessions")


MISSING = [
    ("response", r"responses of users \(clicks, or chosen documents\)"),
    ("reward", "rewards"),
    ("observation", "observations of candidates"),
    ("engagement", "engagement, such as dwell times or ratings,"),
    ("propensity", "propensities"),
    ("slate", "slate"),
]


@pytest.mark.parametrize(("field", "name"), MISSING)
def test_what_a_caller_needs_is_named(field, name):
    assert LOG.require("fit", field) is LOG
    empty = SlateLogProbs() if field == "propensity" else ()
    lacks = LOG._replace(**{field: empty})
    message = rf"^fit needs a log with {name}, got none$|^fit needs a log with {name} got none$"
    assert_refused(lambda: lacks.require("fit", "length", field), message)


def test_a_log_of_a_table_is_an_episode_of_rlds():
    for session, episode in enumerate(logs.to_rlds(LOG)):
        steps = list(episode["steps"].as_numpy_iterator())
        length = LOG.length[session]
        assert len(steps) == length + 1
        assert [step["is_last"] for step in steps] == [False] * length + [True]
        assert steps[-1]["is_terminal"] == LOG.departed[session]
        for step, values in enumerate(steps[:-1]):
            np.testing.assert_array_equal(values["action"], LOG.slate[session, step])
            assert values["reward"] == LOG.reward[session, step].sum()
            seen = values["observation"]
            np.testing.assert_array_equal(
                seen["documents"], LOG.observation.documents[session, step]
            )
            assert set(seen["user"]) == {"country", "age", "hour", "page"}


@pytest.mark.filterwarnings("ignore:.* is (set to )?None:UserWarning")
def test_a_log_of_a_table_is_a_data_set_of_minari(tmp_path, monkeypatch):
    minari = pytest.importorskip("minari", reason="Minari is not installed")
    monkeypatch.setenv("MINARI_DATASETS_PATH", str(tmp_path))
    logs.to_minari(LOG, "shop/clicks-v0", description="Clicks of a shop.")
    stored = minari.load_dataset("shop/clicks-v0")
    assert stored.total_episodes == 2
    assert stored.total_steps == LOG.num_steps
    for session, episode in enumerate(stored.iterate_episodes()):
        length = LOG.length[session]
        np.testing.assert_array_equal(episode.actions, LOG.slate[session, :length])
        np.testing.assert_allclose(episode.rewards, LOG.reward[session, :length].sum(axis=1))
        documents = episode.observations["documents"]
        np.testing.assert_array_equal(
            documents[:length], LOG.observation.documents[session, :length]
        )
        np.testing.assert_array_equal(documents[length], documents[length - 1])
        assert episode.terminations[-1] == LOG.departed[session]
        assert episode.truncations[-1] != LOG.departed[session]


@pytest.mark.filterwarnings("ignore:.* is (set to )?None:UserWarning")
def test_observations_that_are_tuples_are_tuples_of_minari(tmp_path, monkeypatch):
    minari = pytest.importorskip("minari", reason="Minari is not installed")
    monkeypatch.setenv("MINARI_DATASETS_PATH", str(tmp_path))
    documents = LOG.observation.documents
    pair = (documents, documents[..., 0])
    seen = LOG.observation._replace(documents=pair)
    logs.to_minari(LOG._replace(observation=seen), "shop/tuples-v0")
    for session, episode in enumerate(minari.load_dataset("shop/tuples-v0").iterate_episodes()):
        for part, leaf in zip(episode.observations["documents"], pair, strict=True):
            length = LOG.length[session]
            np.testing.assert_array_equal(part[:length], leaf[session, :length])


@pytest.mark.parametrize(
    "dataset_id", ["../../evil-v0", "{}/evil-v0", "shop/clicks", "shop clicks-v0", "", 5]
)
def test_an_id_that_minari_does_not_take_leaves_nothing(tmp_path, monkeypatch, dataset_id):
    pytest.importorskip("minari", reason="Minari is not installed")
    root = tmp_path / "minari" / "datasets"
    root.mkdir(parents=True)
    monkeypatch.setenv("MINARI_DATASETS_PATH", str(root))
    if isinstance(dataset_id, str):
        dataset_id = dataset_id.format(tmp_path)
    assert_refused(
        lambda: logs.to_minari(LOG, dataset_id), "dataset_id must be as shop/clicks-v0: names of"
    )
    assert not list(root.iterdir())
    assert [path.name for path in tmp_path.iterdir()] == ["minari"]


@pytest.mark.filterwarnings("ignore:.* is (set to )?None:UserWarning")
def test_a_call_that_minari_refuses_does_not_block_the_next_one(tmp_path, monkeypatch):
    pytest.importorskip("minari", reason="Minari is not installed")
    monkeypatch.setenv("MINARI_DATASETS_PATH", str(tmp_path))
    assert_refused(lambda: logs.to_minari(LOG, "clicks-v0", data_format="nonsense"), "nonsense")
    stored = logs.to_minari(LOG, "clicks-v0")
    assert stored.total_steps == LOG.num_steps
    with pytest.raises(ValueError, match="dataset_id must be new, got 'clicks-v0', which is in /"):
        logs.to_minari(LOG, "clicks-v0")
    assert stored.total_steps == LOG.num_steps


def test_exports_name_what_a_log_lacks():
    for export in (logs.to_rlds, lambda log: logs.to_minari(log, "a/b-v0")):
        for field in ("observation", "slate", "reward", "departed"):
            lacks = LOG._replace(**{field: ()})
            assert_refused(lambda export=export, lacks=lacks: export(lacks), "needs a log with")
    assert isinstance(LOG, Log)
