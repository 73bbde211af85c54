# SPDX-License-Identifier: Apache-2.0
"""Mean-field posteriors, on models whose posteriors are known."""

import numpy as np
import pytest
import tensorflow as tf
from tensorflow_probability import distributions as tfd

from recsim_tf.core.random import as_seed
from recsim_tf.core.runs.execution import compiled
from recsim_tf.core.simulator import Simulator
from recsim_tf.environments.drifting_taste import Catalogue, DriftingTasteUsers, drifting_taste
from recsim_tf.fitting import (
    LBFGS,
    Curvature,
    Exact,
    MeanField,
    Minibatches,
    Parameter,
    fit,
    hierarchical_normal,
)
from recsim_tf.fitting.parameters.mean_field import MeanFieldPosterior
from recsim_tf.fitting.parameters.parameter import BIJECTORS
from recsim_tf.logs import LogStream, simulated_log
from tests.refusals import assert_refused
from tests.worlds.latents import latents

NUM_SESSIONS, NUM_STEPS = 40, 3
SPREAD, NOISE = 1.5, 0.8


def raters(mean=0.0) -> Simulator:
    return latents(users={"mean": mean, "spread": SPREAD, "noise": NOISE})


@pytest.fixture(scope="module")
def log():
    return simulated_log(raters(mean=2.0), NUM_SESSIONS, NUM_STEPS)


def searched(simulator, parameters, log, passes=300, method=Exact):
    """A fit of logs of at most 1000 sessions, a minibatch each."""
    schedule = tf.keras.optimizers.schedules.CosineDecay(0.05, passes)
    search = Minibatches(lambda: tf.keras.optimizers.Adam(schedule), passes=passes, patience=passes)
    return fit(simulator, parameters, log, method=method(search=search))


@pytest.mark.parametrize("in_pieces", [False, True])
@pytest.mark.slow
def test_latent_initial_draws_get_their_posterior_and_the_population_its_mean(log, in_pieces):
    latent = log._replace(initial=())
    stream = LogStream(lambda: (latent.take(np.arange(i, i + 20)) for i in (0, 20)))
    parameters = {"users.mean": Parameter()}
    found = searched(
        raters(), parameters, stream if in_pieces else latent, passes=600, method=MeanField
    )
    ratings = log.response[:, :NUM_STEPS]
    # The marginal of a session's mean rating is Normal(mean, SPREAD^2 + NOISE^2 / T), the same for
    # all sessions.
    expected = ratings.mean()
    error = np.sqrt((SPREAD**2 + NOISE**2 / NUM_STEPS) / NUM_SESSIONS)
    assert abs(found.estimates["users.mean"].value - expected) < 0.1 * error
    weight = SPREAD**2 / (SPREAD**2 + NOISE**2 / NUM_STEPS)
    posterior = expected + weight * (ratings.mean(axis=1) - expected)
    np.testing.assert_allclose(found.initial_draws, posterior, atol=0.15)


@pytest.mark.slow
def test_a_mean_field_posterior_of_one_parameter_is_exact_where_it_is_normal(log):
    prior = tfd.Normal(np.float64(1.5), 0.3)
    found = searched(
        raters(), {"users.mean": Parameter(prior=prior, posterior="mean_field")}, log, passes=600
    )
    precision = 1 / 0.3**2 + NUM_SESSIONS / SPREAD**2
    mean = (1.5 / 0.3**2 + log.initial.sum() / SPREAD**2) / precision
    estimate = found.estimates["users.mean"]
    assert estimate.value == pytest.approx(mean, abs=0.2 / np.sqrt(precision))
    assert estimate.standard_error == pytest.approx(1 / np.sqrt(precision), rel=0.15)
    np.testing.assert_allclose(
        estimate.high - estimate.value, 1.96 * estimate.standard_error, rtol=1e-3
    )


def tastes(scale):
    factors = np.random.default_rng(0).standard_normal([50, 2]).astype(np.float32)
    users = DriftingTasteUsers(2, taste_scale=scale, gain=0.0, decay=1.0)
    return drifting_taste(
        slate_size=5, num_candidates=5, users=users, documents=Catalogue(50, 2, factors=factors)
    )


@pytest.mark.slow
def test_the_spread_of_hidden_tastes_is_found_or_the_fit_says_that_it_is_not_there_yet():
    log = simulated_log(tastes(1.2), 300, 20)._replace(initial=())
    parameters = {"users.taste_scale": Parameter(0.5, "positive")}
    enough, too_few = (
        fit(tastes(1.0), parameters, log, method=MeanField(search=Minibatches(passes=passes)))
        for passes in (300, 20)
    )
    assert enough.ending == "converged"
    assert len(enough.history) == 300
    assert abs(enough.estimates["users.taste_scale"].value - 1.2) < 0.2
    assert too_few.ending == "did not converge"
    assert abs(too_few.estimates["users.taste_scale"].value - 1.2) > 0.2


@pytest.mark.parametrize("support", ["real", "positive"])
def test_a_divergence_from_one_draw_is_that_of_tfp_on_average(support):
    posterior = MeanFieldPosterior(tf.Variable(np.float64([0.3, -0.2])), "x")
    posterior.log_scales.assign(np.log([0.5, 0.7]))
    bijector = BIJECTORS[support]()
    # The prior of softplus(x) for a normal x: the divergence does not depend on the bijector.
    prior = tfd.TransformedDistribution(tfd.Normal(np.float64(0.5), 1.2), bijector)
    exact = tf.reduce_sum(
        tfd.kl_divergence(posterior.distribution(), tfd.Normal(np.float64(0.5), 1.2))
    )
    divergence = compiled(lambda seed: posterior.divergence(prior, bijector, seed))
    draws = np.array([divergence(as_seed(seed)) for seed in range(400)])
    assert abs(draws.mean() - exact) < 4 * draws.std() / 20
    known = posterior.divergence(tfd.Normal(np.float64(0.5), 1.2), BIJECTORS["real"](), 0)
    assert float(known) == pytest.approx(float(exact))


@pytest.mark.slow
def test_a_hierarchical_prior_learns_its_spread_and_what_features_tell():
    features = np.repeat(np.eye(2, dtype=np.float32), 50, axis=0)
    generator = np.random.default_rng(0)
    bias = (np.where(features[:, 0], 1.0, -1.0) + 0.3 * generator.standard_normal(100)).astype(
        np.float32
    )
    users = DriftingTasteUsers(1, taste_scale=1e-3, gain=0.0, decay=1.0)
    simulator = drifting_taste(
        slate_size=3, num_candidates=3, users=users, documents=Catalogue(100, 1, bias)
    )
    log = simulated_log(simulator, 400, 20)
    prior = hierarchical_normal((), features)
    fitted = drifting_taste(
        slate_size=3, num_candidates=3, users=users, documents=Catalogue(100, 1)
    )
    found = searched(
        fitted,
        {"documents.bias": Parameter(np.zeros(100), prior=prior, posterior="mean_field")},
        log,
        passes=150,
    )
    # A bias that all items share cannot be seen in choices.
    loc = tf.convert_to_tensor(prior.loc).numpy()
    assert loc[0] - loc[-1] == pytest.approx(2.0, abs=0.25)
    assert float(tf.convert_to_tensor(prior.scale)) == pytest.approx(0.3, abs=0.1)
    error = found.estimates["documents.bias"].value - bias
    assert np.std(error) < 0.2
    assert found.estimates["documents.bias"].standard_error.mean() == pytest.approx(
        np.std(error), rel=0.4
    )


@pytest.mark.parametrize(
    ("options", "message"),
    [
        (
            {"search": LBFGS()},
            r"search must be Minibatches\(\) where posteriors are fitted.* got LBFGS",
        ),
        (
            {"uncertainty": Curvature()},
            r"uncertainty must be left out or None where posteriors are fitted.* got Curvature\(",
        ),
    ],
)
def test_what_does_not_go_with_posteriors_is_refused(log, options, message):
    posterior = Parameter(prior=tfd.Normal(np.float64(1.5), 0.3), posterior="mean_field")
    assert_refused(
        lambda: fit(raters(), {"users.mean": posterior}, log, method=Exact(**options)), message
    )
