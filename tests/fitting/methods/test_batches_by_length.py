# SPDX-License-Identifier: Apache-2.0
"""Likelihoods of sessions of several lengths, which are scored with those of similar lengths."""

import dataclasses

import numpy as np
import pytest
import tensorflow as tf

from recsim_tf.fitting import LBFGS, Draws, Parameter, Particles
from recsim_tf.fitting.methods.exact import Exact
from recsim_tf.fitting.methods.session_gradients import session_scores
from recsim_tf.fitting.parameters.fitted_simulator import FittedSimulator
from recsim_tf.logs import LogStream, from_trajectory, lengths
from tests.fitting.sessions import HAZARD, evolution, rollout

PARAMETERS = {"users.choice_model.no_click_mass": Parameter(), "users.step_penalty": Parameter()}


@pytest.fixture(scope="module")
def log():
    whole = from_trajectory(rollout(evolution(**HAZARD), num_users=30, num_steps=8))
    length = np.minimum(whole.length, 1 + np.arange(30) % 8)
    return whole.cut(length.astype(np.int32))


def bound(likelihood, log, lacks=(), batch_size=4):
    fitted = FittedSimulator(evolution(**HAZARD), PARAMETERS)
    log = log._replace(**{name: () for name in lacks})
    search = LBFGS(batch_size=batch_size)
    return dataclasses.replace(likelihood, search=search).objective(fitted, log)


def divided(patched):
    """Logs are divided however little it saves."""
    patched.setattr(lengths, "_LEAST_SAVING", 0)
    patched.setattr(lengths, "_GOOD_RATIO", 1.05)


def on_cores(patched, number):
    patched.setattr(tf.config.threading, "get_inter_op_parallelism_threads", lambda: number)


@pytest.mark.slow
@pytest.mark.parametrize("num_cores", [1, 2])
@pytest.mark.parametrize("jit_compile", [False, pytest.param(True, marks=pytest.mark.long)])
def test_sums_and_sessions_are_those_of_all_lengths_together(
    monkeypatch, log, jit_compile, num_cores
):
    on_cores(monkeypatch, num_cores)
    together = bound(Exact(jit_compile=jit_compile), log)
    value, gradients = together.total()
    sessions = together.by_session()
    divided(monkeypatch)
    parts = bound(Exact(jit_compile=jit_compile), log)
    assert len(parts._batches.shapes) > 2
    total, slopes = parts.total()
    np.testing.assert_allclose(total, value, rtol=1e-5)
    for slope, gradient in zip(slopes, gradients, strict=True):
        np.testing.assert_allclose(slope, gradient, rtol=1e-3, atol=1e-5)
    np.testing.assert_allclose(parts.by_session(), sessions, rtol=1e-4, atol=1e-5)


@pytest.mark.slow
@pytest.mark.parametrize(
    ("likelihood", "lacks"), [(Draws(3), ["initial"]), (Particles(3), ["innovation"])]
)
def test_what_is_drawn_of_a_session_is_the_same_in_every_sum(monkeypatch, log, likelihood, lacks):
    """It depends on the place in a batch, so that other batches have other draws."""
    on_cores(monkeypatch, 2)
    divided(monkeypatch)
    parts = bound(likelihood, log, lacks)
    assert len(parts._batches.shapes) > 2
    total, _ = parts.total()
    np.testing.assert_allclose(total, parts.by_session().sum(), rtol=1e-5)
    assert total == parts.total()[0]


@pytest.mark.slow
def test_scores_stand_in_the_order_of_the_log(monkeypatch, log):
    expected = session_scores(bound(Exact(), log))
    divided(monkeypatch)
    np.testing.assert_allclose(session_scores(bound(Exact(), log)), expected, rtol=1e-3, atol=1e-5)


@pytest.mark.slow
def test_pieces_of_a_stream_are_divided_alike(monkeypatch, log):
    expected = bound(Exact(), log)
    value, sessions = expected.value(), expected.by_session()
    divided(monkeypatch)
    pieces = [log.take(slice(start, start + 10)) for start in (0, 10, 20)]
    fitted = FittedSimulator(evolution(**HAZARD), PARAMETERS)
    stream = Exact(search=LBFGS(batch_size=4)).objective(fitted, LogStream(lambda: pieces))
    assert len(stream._batches.shapes) > 2
    np.testing.assert_allclose(stream.value(), value, rtol=1e-5)
    np.testing.assert_allclose(stream.by_session(), sessions, rtol=1e-4, atol=1e-5)


def test_minibatches_take_only_the_steps_that_their_sessions_need(monkeypatch, log):
    divided(monkeypatch)
    likelihood = bound(Exact(), log)
    batches = list(likelihood.batches(np.random.default_rng(0)))
    rows = np.concatenate([batch.rows.numpy()[batch.weights.numpy() > 0] for batch in batches])
    assert sorted(rows) == list(range(30))
    ends = [shape.num_steps for shape in likelihood._batches.shapes]
    for batch in batches:
        longest = log.length[batch.rows.numpy()].max()
        expected = min(end for end in ends if end >= longest)
        assert batch.trajectory.transitions.reward.shape[0] == expected
    assert len({batch.trajectory.transitions.reward.shape[0] for batch in batches}) > 1
