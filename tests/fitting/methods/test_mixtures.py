# SPDX-License-Identifier: Apache-2.0
"""Initial draws of a mixture, behind a bijector, where a log lacks them."""

import numpy as np
import pytest
from tensorflow_probability import bijectors as tfb
from tensorflow_probability import distributions as tfd

from recsim_tf.environments.intents import IntentUsers, intents
from recsim_tf.fitting import LBFGS, Chains, Draws, MeanField, Minibatches, Parameter, fit
from recsim_tf.fitting.parameters.fitted_simulator import FittedSimulator
from recsim_tf.logs import simulated_log

NUM_SESSIONS = 20


class BoundedUsers(IntentUsers):
    """Users whose intents are within the unit cube."""

    def initial_draws(self, num_users):
        return tfd.TransformedDistribution(super().initial_draws(num_users), tfb.Sigmoid())


@pytest.fixture(scope="module")
def bounded():
    """A simulator, the log of sessions without the intents, and their log-likelihood."""
    simulator = intents(BoundedUsers(noise=0.3))
    log = simulated_log(simulator, NUM_SESSIONS, 3, 1, latent=("initial",))
    fitted = FittedSimulator(simulator, {"users.sensitivity": Parameter(0.8)})
    likelihood = Draws(10_000, search=LBFGS(batch_size=NUM_SESSIONS)).objective(fitted, log)
    return simulator, log, likelihood.value()


@pytest.mark.long
def test_importance_sampling_and_annealed_chains_agree(bounded):
    simulator, log, expected = bounded
    fitted = FittedSimulator(simulator, {"users.sensitivity": Parameter(0.8)})
    chains = Chains(20, jit_compile=True).objective(fitted, log)
    assert chains.value() == pytest.approx(expected, abs=1.5)


@pytest.mark.slow
def test_posteriors_of_sessions_bound_the_likelihood(bounded):
    simulator, log, expected = bounded
    search = Minibatches(passes=150, learning_rate=0.05)
    result = fit(
        simulator, {"users.sensitivity": Parameter(0.5)}, log, method=MeanField(search=search)
    )
    # A normal with independent coordinates costs about a nat a session.
    assert expected - 2 * NUM_SESSIONS < result.log_likelihood < expected
    assert result.estimates["users.sensitivity"].value == pytest.approx(0.8, abs=0.05)
    assert np.all((result.initial_draws > 0) & (result.initial_draws < 1))


@pytest.mark.slow
def test_a_mixture_without_a_bijector_is_refused(bounded):
    class PlainUsers(IntentUsers):
        def initial_draws(self, num_users):
            mixture = super().initial_draws(num_users)
            return tfd.MixtureSameFamily(
                mixture.mixture_distribution, mixture.components_distribution
            )

    _, log, _ = bounded
    with pytest.raises(
        ValueError, match="latent initial draws must have a support that TFP has a bijector to, got"
    ):
        fit(intents(PlainUsers()), {"users.noise": Parameter()}, log, method=MeanField())
