# SPDX-License-Identifier: Apache-2.0
import json

import numpy as np
import pytest
import tensorflow as tf
from tensorflow_probability import distributions as tfd

from recsim_tf.fitting import LBFGS, Checkpoints, Exact, Minibatches, Parameter, fit
from recsim_tf.fitting.methods.session_method import SessionsObjective
from recsim_tf.logs import simulated_log
from recsim_tf.support.stopping import Stop, StoppedError
from tests.fitting.sessions import HAZARD, evolution

PARAMETERS = {
    "users.choice_model.no_click_mass": Parameter(2.0),
    "users.step_penalty": Parameter(0.8, "positive"),
}


@pytest.fixture(scope="module")
def log():
    return simulated_log(evolution(**HAZARD), 60, 6)


SEARCH = Minibatches(passes=6, batch_size=25)
PRIOR = tfd.Normal(np.float64(0), np.float64(9))
# Three minibatches a pass, and the gradients of the last four passes count.
LONGER = Minibatches(passes=16, batch_size=25)


def run(log, folder=None, search=SEARCH, stop=None, seed=0):
    return fit(
        evolution(**HAZARD),
        PARAMETERS,
        log,
        method=Exact(search=search, uncertainty=None),
        seed=seed,
        checkpoints=Checkpoints(folder, 2, stop),
    )


def interrupt(monkeypatch, calls: int):
    """Stops a fit by Ctrl-C at a call of the likelihood."""
    original = SessionsObjective.value_and_gradients
    count = iter(range(calls))

    def counted(self, *arguments):
        if next(count, None) is None:
            raise KeyboardInterrupt
        return original(self, *arguments)

    monkeypatch.setattr(SessionsObjective, "value_and_gradients", counted)


def assert_same(resumed, expected):
    assert resumed.history == expected.history
    assert resumed.ending == expected.ending
    for name, estimate in resumed.estimates.items():
        np.testing.assert_array_equal(estimate.value, expected.estimates[name].value)


@pytest.mark.slow
def test_a_fit_that_was_stopped_goes_on_as_if_it_had_not_been(tmp_path, monkeypatch, log):
    expected = run(log, search=LONGER)
    with monkeypatch.context() as patch:
        interrupt(patch, calls=43)
        with pytest.raises(KeyboardInterrupt):
            run(log, tmp_path, LONGER)
    resumed = run(log, tmp_path, LONGER)
    assert_same(resumed, expected)


@pytest.mark.slow
def test_a_finished_fit_is_not_repeated(tmp_path, monkeypatch, log):
    search = LBFGS(max_iterations=50, batch_size=25)
    first = run(log, tmp_path, search)
    monkeypatch.setattr(SessionsObjective, "batches", None, raising=True)
    monkeypatch.setattr(
        SessionsObjective, "total", lambda self: (first.log_likelihood, [np.ones(()), np.ones(())])
    )
    monkeypatch.setattr(
        SessionsObjective, "known_log_density", lambda self: first.known_log_density
    )
    again = run(log, tmp_path, search)
    assert again.history == first.history
    assert (
        again.estimates["users.step_penalty"].value == first.estimates["users.step_penalty"].value
    )


@pytest.mark.slow
def test_the_folder_has_curves_for_tensorboard(tmp_path, log):
    found = run(log, tmp_path)
    (file,) = (tmp_path / "tensorboard").iterdir()
    events = list(tf.compat.v1.train.summary_iterator(str(file)))
    steps = [
        event.step
        for event in events
        for value in event.summary.value
        if value.tag == "Fit/log_likelihood"
    ]
    assert steps == [row["step"] for row in found.history]


@pytest.mark.slow
def test_the_folder_of_another_fit_is_refused_and_kept(tmp_path, log):
    run(log, tmp_path)
    before = json.loads((tmp_path / "fit.json").read_text())
    with pytest.raises(
        ValueError,
        match="holds another fit, which differs in batch_size, passes, seed: choose another folder",
    ):
        run(log, tmp_path, Minibatches(passes=7, batch_size=30), seed=1)
    assert json.loads((tmp_path / "fit.json").read_text()) == before


@pytest.mark.slow
def test_another_problem_is_another_fit(tmp_path, log):
    search = Minibatches(passes=1, batch_size=60)
    run(log, tmp_path, search)
    mass = "users.choice_model.no_click_mass"
    responses = log.response.copy()
    responses[0, 0] = (responses[0, 0] + 1) % 2
    changes = {
        "supports": {"parameters": PARAMETERS | {mass: Parameter(2.0, "positive")}},
        "start": {"parameters": PARAMETERS | {mass: Parameter(1.5)}},
        "log_prior": {"parameters": PARAMETERS | {mass: Parameter(2.0, prior=PRIOR)}},
        "log": {"log": log._replace(response=responses)},
    }
    for name, arguments in changes.items():
        given = {"parameters": PARAMETERS, "log": log, **arguments}
        with pytest.raises(ValueError, match=f"holds another fit, which differs in .*{name}"):
            fit(
                evolution(**HAZARD),
                method=Exact(search=search, uncertainty=None),
                checkpoints=Checkpoints(tmp_path, 2),
                **given,
            )


@pytest.mark.slow
def test_a_damaged_checkpoint_is_told(tmp_path, log):
    run(log, tmp_path)
    for file in (tmp_path / "checkpoints" / "6").glob("*.data*"):
        file.write_bytes(b"")
    with pytest.raises(ValueError, match=r"checkpoint .*6/search is corrupt"):
        run(log, tmp_path)
    with pytest.raises(ValueError, match="interval must be an integer of at least 1, got 0"):
        Checkpoints(tmp_path, interval=0)


@pytest.mark.slow
@pytest.mark.parametrize("search", [SEARCH, LBFGS()])
def test_a_signal_saves_a_checkpoint_from_which_the_same_fit_goes_on(tmp_path, log, search):
    expected = run(log, search=search)
    stop = Stop()
    stop.signal = 15
    with pytest.raises(StoppedError, match="the fit stopped after step"):
        run(log, tmp_path, search, stop=stop)
    resumed = run(log, tmp_path, search)
    assert_same(resumed, expected)
