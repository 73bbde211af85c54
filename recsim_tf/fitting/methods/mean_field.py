# SPDX-License-Identifier: Apache-2.0
"""Posteriors of the initial draws of each session."""

import dataclasses
from typing import ClassVar

import tensorflow as tf

from recsim_tf.core import random
from recsim_tf.core.base.arguments import configurable
from recsim_tf.fitting.methods.draws import Draws
from recsim_tf.fitting.methods.information import ScoresOrCurvature, Uncertainty
from recsim_tf.fitting.methods.initial import InitialMethod
from recsim_tf.fitting.methods.scores import Lacking, SessionScore
from recsim_tf.fitting.parameters.mean_field import MeanFieldPosterior
from recsim_tf.fitting.parameters.unconstrained import bijector_to
from recsim_tf.fitting.searches.minibatches import Minibatches
from recsim_tf.fitting.searches.search import Search
from recsim_tf.logs.missing import Part

# Fewer than usual: they matter only where the draws that a log has depend on those that it lacks.
_DRAWS_OF_KNOWN = 100


@configurable(module="recsim_tf")
@dataclasses.dataclass(frozen=True)
class MeanField(InitialMethod):
    """A lower bound on the log of the evidence, for logs that lack continuous initial draws, such
    as tastes. Each session gets a mean-field posterior of them, whose prior is the model's own
    distribution. The parameters of the prior may change; its support may not. Sessions that are
    held out are those of new users, whose likelihood is estimated by `Draws()`.

    A bound gives no standard errors, and does not tell which parameters the log identifies. It is
    the further below the likelihood the wider the posteriors are, so spreads of hidden draws come
    out too small. `Draws()` has neither fault. A parameter with a posterior of its own has the
    standard error of this posterior.

    Args:
      search: `Minibatches()`, which is the default.
      uncertainty: None for no intervals. By default they are those of the posteriors of parameters.
      jit_compile: whether to compile with XLA.
    """

    searches: ClassVar[tuple[type[Search], ...]] = (Minibatches,)
    uncertainties: ClassVar[tuple[type[Uncertainty], ...]] = (ScoresOrCurvature,)
    treatment = "with a posterior of each session"

    @property
    def has_posteriors(self) -> bool:
        """See `SessionMethod.has_posteriors`."""
        return True

    @property
    def of_new_users(self) -> Draws:
        """See `Method.of_new_users`."""
        return Draws(jit_compile=self.jit_compile, search=self.search, uncertainty=None)

    def known_score(self, inner: SessionScore, lacking: Lacking) -> SessionScore:
        """See `SessionMethod.known_score`."""
        return Draws(_DRAWS_OF_KNOWN).around(inner, lacking)

    def without(self, part: Part, inner: SessionScore, lacking: Lacking) -> SessionScore:
        """See `InitialMethod.without`."""
        prior = part.prior(lacking.users, lacking.num_sessions)
        like = random.sample(prior, random.as_seed(0))
        unconstrained = bijector_to("initial draws", prior).inverse(like)
        locs = [
            tf.Variable(tf.zeros(leaf.shape, lacking.users.dtype))
            for leaf in tf.nest.flatten(unconstrained)
        ]
        posterior = MeanFieldPosterior(tf.nest.pack_sequence_as(like, locs), "initial_draws")

        def bijector(users, num_users):
            return part.prior(users, num_users).experimental_default_event_space_bijector()

        def score(simulator, sessions, rows, seeds):
            values, bonus = posterior.draw(
                bijector(simulator.users, rows.shape[0]),
                random.split_seed(seeds.initial, len(locs)),
                rows,
            )
            is_known = part.known(sessions)
            bonus = bonus if is_known is None else tf.where(is_known, tf.zeros_like(bonus), bonus)
            complete = part.filled(sessions, values)
            scored = inner.score(simulator, complete, rows, seeds.of_inner())
            return scored._replace(log_likelihood=scored.log_likelihood + bonus)

        return inner._replace(
            score=score,
            variables=(*inner.variables, *posterior.variables),
            initial_draws=lambda users: {
                part: posterior.center(bijector(users, lacking.num_sessions)),
                **inner.initial_draws(users),
            },
        )
