# SPDX-License-Identifier: Apache-2.0
"""Initial draws that are known, missing, or missing for some sessions, field by field, against
quadrature.
"""

import numpy as np
import pandas as pd
import pytest
import tensorflow as tf

import recsim_tf
from recsim_tf.fitting import (
    LBFGS,
    Chains,
    Classes,
    Draws,
    MeanField,
    Minibatches,
    Parameter,
    fit,
)
from recsim_tf.fitting.parameters.fitted_simulator import FittedSimulator
from recsim_tf.logs import from_table, simulated_log
from recsim_tf.logs.missing import merged
from tests.fitting.shoppers import LOC, Draw, Shoppers, exact
from tests.worlds.clicks import Clickers, Numbers

NUM_SESSIONS, NUM_STEPS = 12, 3


@pytest.fixture(scope="module", name="simulator")
def fixture_simulator():
    return recsim_tf.Simulator(Shoppers(dtype=tf.float64), Numbers(dtype=tf.float64), 2, 2)


@pytest.fixture(scope="module", name="log")
def fixture_log(simulator):
    return simulated_log(simulator, NUM_SESSIONS, NUM_STEPS, seed=1)


def by_session(simulator, log, likelihood):
    fitted = FittedSimulator(simulator, {"users.loc": Parameter()})
    return likelihood.objective(fitted, log).by_session()


@pytest.mark.slow
@pytest.mark.parametrize(
    ("known", "likelihood", "atol"),
    [
        # A taste is drawn given a device; beside it a class is summed out.
        (("device", "eager"), Draws(20_000), 0.05),
        (("device",), Draws(20_000), 0.05),
        (("taste",), Classes(), 1e-5),
    ],
)
def test_what_is_missing_is_summed_out(simulator, log, known, likelihood, atol):
    initial = {name: getattr(log.initial, name) for name in known}
    found = by_session(simulator, log._replace(initial=initial), likelihood)
    np.testing.assert_allclose(found, exact(log, **initial), atol=atol)


@pytest.mark.slow
def test_what_some_sessions_lack_is_summed_out_there_alone(simulator, log):
    lacks = np.arange(NUM_SESSIONS) % 3 == 0
    device = np.where(lacks, -1, log.initial.device)
    taste = np.where(lacks, np.nan, log.initial.taste)
    some = log._replace(initial=log.initial._replace(device=device))
    found = by_session(simulator, some, Classes())
    expected = exact(log, device, log.initial.eager, log.initial.taste)
    np.testing.assert_allclose(found, expected, rtol=1e-6)
    some = log._replace(initial=log.initial._replace(taste=taste, eager=()))
    found = by_session(simulator, some, Draws(20_000))
    expected = exact(log, log.initial.device, None, taste)
    np.testing.assert_allclose(found[~lacks], expected[~lacks], rtol=1e-6)
    np.testing.assert_allclose(found, expected, atol=0.05)


@pytest.mark.slow
def test_a_bound_is_below_and_knows_what_is_logged(simulator, log):
    taste = np.where(np.arange(NUM_SESSIONS) < 6, np.nan, log.initial.taste)
    some = log._replace(initial=log.initial._replace(taste=taste))
    search = Minibatches(passes=300, learning_rate=0.05)
    result = fit(simulator, {"users.loc": Parameter(LOC)}, some, method=MeanField(search=search))
    assert isinstance(result.method, MeanField)
    expected = "The initial draw taste, where missing, with a posterior of each session"
    assert result.latents == expected
    assert result.initial_draws.device == ()
    assert result.initial_draws.taste.shape == (NUM_SESSIONS,)
    expected = exact(log, log.initial.device, log.initial.eager, taste).sum()
    assert expected - 3 < result.log_likelihood < expected + 2


@pytest.mark.slow
def test_chains_sample_a_taste_given_a_device(simulator, log):
    device, eager = log.initial.device, log.initial.eager
    partial = log._replace(initial={"device": device, "eager": eager})
    fitted = FittedSimulator(simulator, {"users.loc": Parameter()})
    chains = Chains(30, jit_compile=True).objective(fitted, partial)
    assert chains.value() == pytest.approx(exact(log, device, eager).sum(), abs=0.6)


def test_what_was_done_with_each_field_is_a_sentence(simulator, log):
    fitted = FittedSimulator(simulator, {"users.loc": Parameter()})
    partial = log._replace(initial={"device": log.initial.device})
    assert Draws(7, search=LBFGS(batch_size=10)).objective(fitted, partial).latents == (
        "the initial draw eager summed out; the initial draw taste summed out by 7 draws of each"
        " session"
    )
    partial = log._replace(initial=log.initial._replace(taste=()))
    expected = "the initial draw taste drawn by 3 chains of each session"
    assert Chains(3).objective(fitted, partial).latents == expected
    assert recsim_tf.fitting.Exact(search=LBFGS(batch_size=10)).objective(fitted, log).latents == ""


def test_what_a_fit_found_fills_what_was_not_logged():
    found = Draw((), np.float32([7, 8]), np.float32([0.5, 1.5]))
    device = np.int32([0, 1])
    filled = merged({"device": device, "taste": np.float32([np.nan, 3.0])}, found)
    np.testing.assert_array_equal(filled.device, device)
    np.testing.assert_array_equal(filled.eager, [7, 8])
    np.testing.assert_array_equal(filled.taste, [0.5, 3.0])
    assert merged((), found) is found


def test_draws_of_one_tensor_take_any_name():
    simulator = recsim_tf.Simulator(Clickers(), Numbers(), 2, 2)
    log = simulated_log(simulator, 5, 2)
    fitted = FittedSimulator(simulator, {"users.no_click_mass": Parameter()})
    named = log._replace(initial={"taste": log.initial})
    scores = [
        recsim_tf.fitting.Exact(search=LBFGS(batch_size=5)).objective(fitted, one).by_session()
        for one in (log, named)
    ]
    np.testing.assert_array_equal(*scores)


def test_faults_are_told(simulator, log):
    def scored(initial, likelihood):
        return by_session(simulator, log._replace(initial=initial), likelihood)

    with pytest.raises(ValueError, match="must be of device, eager, taste, got divice"):
        scored({"divice": log.initial.device}, Draws(2))
    with pytest.raises(
        ValueError, match=r"must be MeanField.* for initial draws that are no class"
    ):
        scored({"device": log.initial.device}, Classes())
    with pytest.raises(ValueError, match="for a log that lacks initial draws"):
        scored({"device": log.initial.device}, recsim_tf.fitting.Exact())
    with pytest.raises(ValueError, match="missing in all sessions or in none"):
        scored(log.initial._replace(taste=log.initial.taste * np.nan), Chains(2))


@pytest.mark.slow
def test_a_table_brings_what_it_knows_of_users_into_a_fit(simulator, log):
    rows = [
        {"session": session, "step": step, "position": position, "document": position}
        | {"clicked": int(log.response[session, step] == position)}
        | {"phone": float(log.initial.device[session]) if session else np.nan}
        for session in range(NUM_SESSIONS)
        for step in range(NUM_STEPS)
        for position in range(2)
    ]
    columns = {name: name for name in ("session", "step", "position", "document", "clicked")}
    table = from_table(pd.DataFrame(rows), columns, user_columns={"device": "phone"})
    drawn = table._replace(documents=log.documents, departed=log.departed)
    known = log.initial.device.copy()
    known[0] = -1
    found = by_session(simulator, drawn, Draws(20_000))
    np.testing.assert_allclose(found, exact(log, known), atol=0.05)
