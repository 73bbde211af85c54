# SPDX-License-Identifier: Apache-2.0
"""Tables of choices, of choices with dwell times, and of clicks with purchases: simulated, written,
read, scored and fitted.
"""

import numpy as np
import pandas as pd
import pytest
import tensorflow as tf
from tensorflow_probability import distributions as tfd

import recsim_tf
from recsim_tf import Clicks, Simulator, UserModel, fitting, logs, policies
from recsim_tf.choice import MultinomialLogit, with_engagement
from recsim_tf.fitting.predictions.choices import predict_choices
from recsim_tf.logs import from_table
from tests.fitting.sessions import Ids
from tests.worlds.purchases import purchases

TRUTH = {
    "users.price_effect": 0.7,
    "users.cascade.continue_after_no_click": 0.8,
    "users.cascade.continue_after_click": 0.55,
}
COLUMNS = ("session", "step", "position", "document", "clicked", "purchased")


def as_table(log: logs.Log) -> pd.DataFrame:
    session, step, position = np.nonzero(log.shown & log.active[..., np.newaxis])
    where = session, step, position
    values = (*where, log.documents[where], *(leaf[where] for leaf in log.response))
    return pd.DataFrame(dict(zip(COLUMNS, values, strict=True)))


@pytest.fixture(scope="module")
def simulator() -> Simulator:
    return purchases()


@pytest.fixture(scope="module")
def simulated(simulator) -> logs.Log:
    trajectory = simulator.rollout(policies.random_policy(simulator), 400, 5, seed=0)
    return logs.from_trajectory(trajectory)


@pytest.fixture(scope="module")
def read(simulated) -> logs.Log:
    return from_table(as_table(simulated), {name: name for name in COLUMNS}, departed=False)


def test_a_table_of_purchases_is_scored_as_what_was_simulated(simulator, simulated, read):
    for leaf, written in zip(read.response, simulated.response, strict=True):
        np.testing.assert_array_equal(leaf, written)
    read = read._replace(initial=simulated.initial)
    np.testing.assert_array_equal(
        fitting.session_log_prob(simulator, read), fitting.session_log_prob(simulator, simulated)
    )


@pytest.mark.slow
def test_a_fit_to_the_table_finds_the_parameters(simulator, simulated, read):
    parameters = {
        "users.price_effect": fitting.Parameter(start=0.0),
        "users.cascade.continue_after_no_click": fitting.Parameter(start=0.5, support="unit"),
        "users.cascade.continue_after_click": fitting.Parameter(start=0.5, support="unit"),
    }
    result = fitting.fit(simulator, parameters, read._replace(initial=simulated.initial))
    assert result.converged
    for name, estimate in result.estimates.items():
        assert abs(estimate.value - TRUTH[name]) < 3 * estimate.standard_error
        assert 0 < estimate.standard_error < 0.1


LENGTH = np.float32([1.0, 2.0, 3.0])
DWELLS = ("session", "step", "position", "document", "clicked", "engagement")


class Viewers(UserModel):
    """Viewers who watch longer what is longer."""

    def initial_draws(self, num_users):
        return tfd.Uniform(tf.zeros([num_users]), 1.0)

    def response(self, state, slate):
        length = tf.gather(LENGTH, slate.documents)
        return with_engagement(
            MultinomialLogit(no_click_mass=1.0)(length - state[:, tf.newaxis], slate.mask),
            lambda clicked: tfd.LogNormal(tf.reduce_sum(clicked * length, axis=1), 0.5),
        )

    def outcome(self, state, slate, draw):
        return Clicks(tf.one_hot(draw.choice, slate.mask.shape[1]))

    def observe(self, state):
        return state


@pytest.mark.slow
def test_a_table_of_choices_and_dwell_times_is_scored_as_what_was_simulated():
    simulator = Simulator(Viewers(), Ids(len(LENGTH)), slate_size=2, num_candidates=3)
    trajectory = simulator.rollout(policies.random_policy(simulator), 20, 3, seed=0)
    simulated = logs.from_trajectory(trajectory)
    session, step, position = where = np.nonzero(simulated.shown)
    clicked = simulated.response.choice[session, step] == position
    engagement = np.where(clicked, simulated.response.engagement[session, step], np.nan)
    values = (*where, simulated.documents[where], clicked, engagement)
    table = pd.DataFrame(dict(zip(DWELLS, values, strict=True)))
    read = from_table(table, {name: name for name in DWELLS}, departed=False)
    log = read.with_engagement()._replace(initial=simulated.initial)
    np.testing.assert_array_equal(log.response[0], simulated.response.choice)
    assert (log.response[0] == 2).any(), "some choose nothing"
    log_prob = fitting.session_log_prob(simulator, log)
    assert np.isfinite(log_prob).all()
    np.testing.assert_array_equal(log_prob, fitting.session_log_prob(simulator, simulated))
    # The choice beside the dwell time is predicted.
    predictions = predict_choices(simulator, log)
    np.testing.assert_array_equal(predictions.logged, simulated.response.choice)
    chosen = np.take_along_axis(predictions.probs, log.response[0][..., np.newaxis], axis=-1)
    np.testing.assert_allclose(predictions.log_prob, np.log(chosen[..., 0]), rtol=1e-5)


class Watchers(Viewers):
    """Viewers whose watching depends on a parameter, which choices do not."""

    patience: float = recsim_tf.parameter(1.0)

    def response(self, state, slate):
        patience = tf.reshape(self.per_user("patience"), [-1, 1])
        length = patience * tf.gather(LENGTH, slate.documents)
        return with_engagement(
            MultinomialLogit(no_click_mass=1.0)(tf.zeros_like(length), slate.mask),
            lambda clicked: tfd.LogNormal(tf.reduce_sum(clicked * length, axis=1), 0.5),
        )


@pytest.mark.slow
def test_a_fit_leaves_out_what_a_log_does_not_know():
    simulator = Simulator(Watchers(), Ids(len(LENGTH)), slate_size=2, num_candidates=3)
    simulated = logs.simulated_log(simulator, 200, 3, seed=0)
    is_known = np.arange(200) % 2 == 0
    choice, engagement = simulated.response
    some = np.where(is_known[:, np.newaxis], engagement, np.float32(np.nan))
    log = simulated._replace(response=(choice, some))
    log_prob = fitting.session_log_prob(simulator, log)
    expected_known = fitting.session_log_prob(simulator, simulated.take(is_known))
    np.testing.assert_allclose(log_prob.numpy()[is_known], expected_known, rtol=1e-6)
    # Elsewhere it is that of the choices.
    chosen = np.take_along_axis(log.documents, np.minimum(choice, 1)[..., np.newaxis], axis=2)
    of_minutes = tfd.LogNormal(LENGTH[chosen[..., 0]], 0.5).log_prob(engagement)
    of_minutes = np.where(log.active & (choice < 2), of_minutes, 0).sum(axis=1)
    expected = fitting.session_log_prob(simulator, simulated) - of_minutes
    np.testing.assert_allclose(log_prob[~is_known], expected[~is_known], rtol=1e-4)
    parameters = {"users.patience": fitting.Parameter(start=0.5)}
    of_some = fitting.fit(simulator, parameters, log).estimates["users.patience"]
    of_known = fitting.fit(simulator, parameters, simulated.take(is_known))
    of_known = of_known.estimates["users.patience"]
    assert abs(of_some.value - of_known.value) < 1e-3 * of_known.standard_error
    assert of_some.standard_error == pytest.approx(of_known.standard_error, rel=1e-3)
    assert abs(of_some.value - 1) < 3 * of_some.standard_error
