# SPDX-License-Identifier: Apache-2.0
"""A method of somebody else is a class: a likelihood, with the searches and errors of others."""

import dataclasses
from typing import Any, ClassVar

import numpy as np
import pytest
import tensorflow as tf
from scipy.special import log_softmax, logsumexp
from tensorflow_probability import distributions as tfd

import recsim_tf
from recsim_tf.choice import MultinomialLogit
from recsim_tf.fitting import LBFGS, Curvature, Parameter, Scores, fit
from recsim_tf.fitting.methods.initial import InitialMethod
from recsim_tf.fitting.methods.proposals import copied_sessions
from recsim_tf.fitting.methods.scores import Scored
from recsim_tf.logs import simulated_log
from tests.worlds.clicks import Numbers


@dataclasses.dataclass(frozen=True)
class Quadrature(InitialMethod):
    """The likelihood by Gauss-Hermite quadrature, for logs that lack a normal initial draw [B]
    (Butler and Moffitt 1982).
    """

    num_points: int = 40

    uncertainties: ClassVar = (Scores, Curvature)
    treatment = "integrated by quadrature"

    def without(self, part, inner, lacking):
        nodes, weights = np.polynomial.hermite_e.hermegauss(self.num_points)

        def score(simulator, sessions, rows, seeds):
            number, size = self.num_points, rows.shape[0]
            simulator, copied, all_rows = copied_sessions(simulator, sessions, rows, number)
            prior = part.prior(simulator.users, number * size, copied.initial.user)
            draw = prior.mean() + prior.stddev() * np.repeat(nodes, size).astype(np.float32)
            scored = inner.score(simulator, part.filled(copied, draw), all_rows, seeds)
            of_nodes = tf.reshape(scored.log_likelihood - prior.log_prob(draw), [number, size])
            log_weights = np.log(weights / weights.sum()).astype(np.float32)
            return Scored(tf.reduce_logsumexp(of_nodes + log_weights[:, np.newaxis], axis=0))

        return inner._replace(score=score)


class Tasteful(recsim_tf.UserModel):
    """Users of a normal taste for larger numbers."""

    spread: Any = recsim_tf.parameter(1.0, low=0)

    def initial_draws(self, num_users):
        return tfd.Normal(tf.zeros([num_users]), tf.ones([]))

    def response(self, state, slate):
        taste = self.per_user("spread") * state
        return MultinomialLogit(0.0)(slate.documents * taste[:, tf.newaxis], slate.mask)

    def observe(self, state):
        return state[:, tf.newaxis][:, :0]


@pytest.mark.slow
def test_a_method_of_somebody_else_fits_by_its_likelihood():
    simulator = recsim_tf.Simulator(Tasteful(1.3), Numbers(), 2, 2)
    log = simulated_log(simulator, 400, 5, latent=("initial",))
    method = Quadrature(search=LBFGS(progress=False), uncertainty=Scores())
    result = fit(simulator, {"users.spread": Parameter(0.5, "positive")}, log, method=method)
    spread = float(result.estimates["users.spread"].value)
    taste = np.linspace(-6, 6, 401)
    scores = log.documents[:, :, np.newaxis] * (spread * taste)[:, np.newaxis]
    scores = np.concatenate([scores, np.zeros([*scores.shape[:-1], 1])], axis=-1)
    chosen = np.asarray(log.response)[:, :, np.newaxis, np.newaxis]
    log_probs = np.take_along_axis(log_softmax(scores, axis=-1), chosen, axis=-1)[..., 0].sum(1)
    prior = tfd.Normal(0.0, 1.0).log_prob(taste.astype(np.float32)).numpy() + np.log(0.03)
    exact = logsumexp(log_probs + prior, axis=1).sum()
    assert result.log_likelihood == pytest.approx(exact, rel=1e-5)
    assert abs(spread - 1.3) < 3 * float(result.estimates["users.spread"].standard_error)
    assert "integrated by quadrature" in result.latents
