# SPDX-License-Identifier: Apache-2.0
import numpy as np
import pytest
import tree

from recsim_tf.fitting import LBFGS, Parameter, fit
from recsim_tf.fitting.methods.exact import Exact
from recsim_tf.fitting.parameters.fitted_simulator import FittedSimulator
from recsim_tf.logs import LogStream, episodes, from_episodes, from_trajectory, stream_episodes
from recsim_tf.logs.log import Sessions
from tests.fitting.sessions import HAZARD, evolution, rollout
from tests.refusals import assert_refused

PARAMETERS = {
    "users.choice_model.no_click_mass": Parameter(2.0),
    "users.alpha_y_intercept": Parameter(0.5, "positive"),
}


@pytest.fixture(scope="module")
def simulator():
    return evolution(**HAZARD)


@pytest.fixture(scope="module")
def file(tmp_path_factory, simulator):
    path = tmp_path_factory.mktemp("log") / "sessions.tfrecord"
    episodes.write(path, simulator, rollout(simulator, num_users=50, num_steps=8))
    return path


@pytest.mark.slow
def test_a_stream_has_the_log_of_the_rollout_in_pieces_of_one_length(file, simulator):
    whole, stream = from_episodes(file, simulator), stream_episodes(file, simulator, 20)
    trajectory = rollout(simulator, num_users=50, num_steps=8)
    expected = from_trajectory(trajectory, simulator)
    tree.map_structure(np.testing.assert_array_equal, whole, expected.take(range(50)))
    assert len(set(whole.length)) > 1
    assert isinstance(whole, Sessions)
    assert isinstance(stream, Sessions)
    pieces = list(stream.pieces())
    assert [piece.num_sessions for piece in pieces] == [20, 20, 10]
    assert {piece.max_length for piece in pieces} == {whole.max_length}
    assert (stream.num_sessions, stream.num_steps) == (50, whole.num_steps)
    for start, piece in zip((0, 20, 40), pieces, strict=True):
        for field in ("length", "departed", "response", "innovation", "documents"):
            found, expected = getattr(piece, field), getattr(whole, field)[start : start + 20]
            np.testing.assert_array_equal(found, expected)


@pytest.mark.slow
def test_the_likelihood_of_a_stream_is_that_of_the_log(file, simulator):
    fitted = FittedSimulator(simulator, PARAMETERS)
    whole = Exact(search=LBFGS(batch_size=50)).objective(fitted, from_episodes(file, simulator))
    stream = Exact(search=LBFGS(batch_size=8)).objective(
        fitted, stream_episodes(file, simulator, 20)
    )
    np.testing.assert_allclose(stream.by_session(), whole.by_session(), rtol=1e-9)
    assert stream.total()[0] == pytest.approx(whole.total()[0])
    np.testing.assert_allclose(stream.total()[1], whole.total()[1], rtol=1e-9)


@pytest.mark.slow
def test_every_session_of_a_stream_is_in_one_minibatch_of_a_pass(file, simulator):
    fitted = FittedSimulator(simulator, PARAMETERS)
    batches = list(
        Exact(search=LBFGS(batch_size=8))
        .objective(fitted, stream_episodes(file, simulator, 20))
        .batches(np.random.default_rng(0))
    )
    rows = np.concatenate([batch.rows.numpy()[batch.weights.numpy() > 0] for batch in batches])
    assert sorted(rows) == list(range(50))
    assert list(rows) != sorted(rows)


@pytest.mark.slow
def test_bad_streams_are_told(file, simulator):
    message = "sessions_at_once must be an integer of at least 1, got 0"
    assert_refused(lambda: stream_episodes(file, simulator, 0), message)
    with pytest.raises(ValueError, match="the log must have at least one session, got none"):
        LogStream(lambda: [])
    assert_refused(lambda: LogStream([]), "pieces must be a function, got list")
    with pytest.raises(ValueError, match=r"held_out must be a separate log, .*, got 0\.1"):
        fit(simulator, PARAMETERS, stream_episodes(file, simulator), held_out=0.1)


def test_a_log_may_be_cut_and_padded(simulator):
    log = from_trajectory(rollout(simulator, num_users=10, num_steps=8))
    length = np.maximum(log.length // 2, 1)
    cut = log.cut(length)
    assert cut.max_length == length.max()
    assert not cut.departed[length < log.length].any()
    np.testing.assert_array_equal(
        cut.response[cut.active], log.response[np.arange(8) < length[:, np.newaxis]]
    )
    padded = cut.pad(20)
    np.testing.assert_array_equal(padded.response[:, -1], cut.response[np.arange(10), length - 1])


def test_pieces_that_come_only_once_are_told(simulator):
    pieces = iter([from_trajectory(rollout(simulator, num_users=10, num_steps=3))])
    stream = LogStream(lambda: pieces)
    with pytest.raises(ValueError, match="the same logs in every call, got 10 sessions and then 0"):
        list(stream.pieces())
