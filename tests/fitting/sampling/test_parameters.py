# SPDX-License-Identifier: Apache-2.0
import dataclasses
from typing import Any

import numpy as np
import pytest
import tensorflow as tf
from tensorflow_probability import bijectors as tfb
from tensorflow_probability import distributions as tfd

from recsim_tf.core.base.parameters import parameter
from recsim_tf.core.base.types import Clicks
from recsim_tf.core.models.models import UserModel
from recsim_tf.core.simulator import Simulator
from recsim_tf.environments.interest_evolution import UtilityVideos
from recsim_tf.fitting import (
    LBFGS,
    NUTS,
    Exact,
    MeanField,
    Parameter,
    fit,
    sample_parameters,
)
from recsim_tf.logs import from_trajectory
from tests.fitting.sessions import HAZARD, evolution, rollout
from tests.refusals import assert_refused


class CoinUsers(UserModel):
    """Users who click on all of a slate with probability `click_prob`, or on none of it; their
    outcomes are of three `kinds`.
    """

    click_prob: Any = parameter(0.3)
    kinds: Any = parameter((0.2, 0.3, 0.5), rank=1)
    unused: Any = parameter(1.0)
    dtype: tf.DType = dataclasses.field(default=tf.float64, kw_only=True)

    def initial_draws(self, num_users):
        kinds = self.per_user("kinds", 2, tf.float64)
        return tfd.Categorical(probs=tf.broadcast_to(kinds, [num_users, 3]))

    def response(self, state, slate):
        return tfd.Bernoulli(
            probs=tf.broadcast_to(self.per_user("click_prob", 1, tf.float64), state.shape)
        )

    def outcome(self, state, slate, draw):
        return Clicks(clicked=tf.cast(slate.mask & (draw > 0)[:, tf.newaxis], tf.float64))

    def observe(self, state):
        return state


def coin() -> Simulator:
    return Simulator(CoinUsers(), UtilityVideos(dtype=tf.float64), slate_size=1, num_candidates=2)


def assert_mean_and_variance(samples, expected: tfd.Distribution, effective_sample_size):
    """Within four standard errors, the variance's as for a normal distribution."""
    mean, variance = (
        expected.mean().numpy(),
        np.atleast_2d(expected.covariance() if expected.event_shape.rank else expected.variance()),
    )
    variance = np.diag(variance) if expected.event_shape.rank else variance[0, 0]
    flat = samples.reshape([-1, *samples.shape[2:]])
    np.testing.assert_array_less(
        np.abs(flat.mean(0) - mean), 4 * np.sqrt(variance / effective_sample_size)
    )
    np.testing.assert_array_less(
        np.abs(flat.var(0) - variance), 4 * variance * np.sqrt(2 / effective_sample_size)
    )


@pytest.fixture(scope="module")
def coin_log():
    # So few sessions that the posterior would be another one without the Jacobian.
    return from_trajectory(rollout(coin(), num_users=3, num_steps=1))


@pytest.mark.parametrize(
    ("prior", "start"),
    [(tfd.Beta(np.float64(3.0), 2.0), 0.5), (None, None)],
    ids=["beta", "flat-from-a-fit"],
)
@pytest.mark.slow
def test_the_posterior_of_a_probability_is_the_conjugate_one(coin_log, prior, start):
    name = "users.click_prob"
    parameters = {name: Parameter(support="unit", prior=prior)}
    start = None if start is None else {name: start}
    posterior = sample_parameters(
        coin(), parameters, coin_log, sampler=NUTS(400, 100, jit_compile=False), start=start
    )
    clicks, total = coin_log.response.sum(), coin_log.num_steps
    ones, zeros = (3, 2) if prior else (1, 1)
    expected = tfd.Beta(np.float64(ones + clicks), np.float64(zeros + total - clicks))
    assert posterior.samples[name].shape == (2, 400)
    assert_mean_and_variance(
        posterior.samples[name], expected, posterior.effective_sample_size[name]
    )
    assert posterior.effective_sample_size[name] > 100
    assert posterior.r_hat[name] < 1.05
    assert (posterior.num_divergent == 0).all()
    assert (abs(posterior.acceptance_rate - 0.8) < 0.15).all()


@pytest.mark.slow
def test_the_posterior_of_a_vector_on_the_simplex_is_the_conjugate_one(coin_log):
    parameters = {
        "users.kinds": Parameter(
            support=tfb.IteratedSigmoidCentered(), prior=tfd.Dirichlet(np.ones(3))
        )
    }
    start = {"users.kinds": np.array([0.3, 0.3, 0.4])}
    posterior = sample_parameters(
        coin(), parameters, coin_log, sampler=NUTS(400, 100, jit_compile=False), start=start
    )
    expected = tfd.Dirichlet(1.0 + np.bincount(coin_log.initial, minlength=3))
    samples = posterior.samples["users.kinds"]
    np.testing.assert_allclose(samples.sum(-1), 1)
    assert_mean_and_variance(samples, expected, posterior.effective_sample_size["users.kinds"])


@pytest.mark.slow
def test_no_draw_is_impossible(coin_log):
    # The prior ends within the standard error of the log, so that chains start beyond it.
    parameters = {"users.click_prob": Parameter(prior=tfd.Uniform(np.float64(0.1), 0.6))}
    posterior = sample_parameters(
        coin(),
        parameters,
        coin_log,
        sampler=NUTS(100, 50, jit_compile=False),
        num_chains=4,
        start={"users.click_prob": 0.3},
    )
    samples = posterior.samples["users.click_prob"]
    assert ((samples >= 0.1) & (samples <= 0.6)).all()
    assert (samples.std(axis=1) > 0.05).all()


@pytest.mark.long
def test_over_many_sessions_the_posterior_is_that_of_maximum_likelihood_and_its_standard_errors():
    simulator = evolution(**HAZARD)
    log = from_trajectory(rollout(simulator, num_users=100, num_steps=6))
    parameters = {
        name: Parameter(support="positive")
        for name in ("users.choice_model.no_click_mass", "users.user_update_alpha")
    }
    result = fit(simulator, parameters, log)
    # Batches of which the last one is short.
    method = Exact(search=LBFGS(batch_size=60))
    posterior = sample_parameters(
        simulator, parameters, log, method=method, sampler=NUTS(300, 100), start=result
    )
    for name, estimate in result.estimates.items():
        samples = posterior.samples[name]
        assert abs(samples.mean() - estimate.value) < 0.5 * estimate.standard_error
        assert samples.std() == pytest.approx(estimate.standard_error, rel=0.3)
        assert posterior.r_hat[name] < 1.05


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"method": MeanField()}, "method must be Exact.*, without posteriors, got MeanField"),
        ({"start": {"users.kinds": 0.5}}, "start must have .*, got none for users.click_prob"),
        ({"start": {"users.click_prob": 1.5}}, "users.click_prob must start within its support"),
        (
            {"parameters": {"users.unused": Parameter(1.0)}, "start": {"users.unused": 1.0}},
            r"neither the log nor a prior tells anything about users\.unused",
        ),
        ({"log": "log.csv"}, "log must be a Log or a LogStream, .* got str"),
    ],
)
def test_what_cannot_be_sampled_is_named(coin_log, arguments, message):
    parameters = {"users.click_prob": Parameter(support="unit")}
    start = {"users.click_prob": 0.5}
    arguments = {"parameters": parameters, "start": start, "log": coin_log, **arguments}
    assert_refused(lambda: sample_parameters(coin(), **arguments), message)


@pytest.mark.slow
def test_a_fixed_parameter_is_not_sampled(coin_log):
    parameters = {
        "users.click_prob": Parameter(support="unit"),
        "users.unused": Parameter(2.0, fixed=True),
    }
    sampler = NUTS(num_samples=4, num_burnin_steps=2, progress=False)
    start = {"users.click_prob": 0.3}
    posterior = sample_parameters(
        coin(), parameters, coin_log, sampler=sampler, num_chains=2, start=start
    )
    assert set(posterior.samples) == {"users.click_prob"}
