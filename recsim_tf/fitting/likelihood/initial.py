"""Likelihoods of logs that lack initial draws of the users: the draws are summed out exactly, by
importance sampling, or by a posterior for each session.
"""

import abc
import dataclasses
from typing import ClassVar

import gin
import numpy as np
import tensorflow as tf

from recsim_tf.core import random
from recsim_tf.core.base.types import Trajectory
from recsim_tf.core.base.validation import check_at_least
from recsim_tf.fitting.likelihood.batches import SessionLikelihood
from recsim_tf.fitting.likelihood.draws import copies, effective_number, log_mean, propose
from recsim_tf.fitting.likelihood.scores import EXACT, Lacking, Scored, SessionScore
from recsim_tf.fitting.parameters.mean_field import MeanFieldPosterior
from recsim_tf.fitting.parameters.unconstrained import bijector_to
from recsim_tf.logs.missing import Part

# Fewer than usual: they matter only where what a log has depends on what it lacks.
_DRAWS_OF_KNOWN = 100
# Of the median session, see `Draws`.
FEWEST_EFFECTIVE_DRAWS = 10


@dataclasses.dataclass(frozen=True)
class InitialLikelihood(SessionLikelihood):
    """A likelihood of logs that lack initial draws of the users, all of them or some fields, in all
    sessions or in some. Where several fields are missing, a finite one is summed out exactly.
    """

    @property
    def of_others(self) -> "InitialLikelihood":
        return self

    def session_score(self, lacking: Lacking) -> SessionScore:
        return self.around(EXACT, lacking)

    def known_score(self, inner: SessionScore, lacking: Lacking) -> SessionScore:
        return self.around(inner, lacking)

    def around(self, inner: SessionScore, lacking: Lacking) -> SessionScore:
        """The score of sessions that lack parts, from the score of sessions that have them. Raises
        the error of `session_score`.
        """
        if not lacking.parts:
            raise ValueError(
                f"likelihood must not have {self} for a log that has the users' initial draws"
            )
        for part in reversed(lacking.parts):
            own = self._of(part, lacking)
            words = f"{part.described} {own.treatment}", *inner.latents
            inner = own.without(part, inner, lacking)._replace(latents=words)
        return inner

    def _of(self, part: Part, lacking: Lacking) -> "InitialLikelihood":
        several = len(lacking.parts) > 1
        if several and part.num_classes(lacking.users, lacking.batch_size) is not None:
            return Classes()
        return self

    @property
    @abc.abstractmethod
    def treatment(self) -> str:
        """What is done with a part, after its name."""

    @abc.abstractmethod
    def without(self, part: Part, inner: SessionScore, lacking: Lacking) -> SessionScore:
        """The score of `around`, for a part that is missing."""


@dataclasses.dataclass(frozen=True)
class Classes(InitialLikelihood):
    """The exact sum over the classes of a user, for logs that lack a finite initial draw, such as
    the type of a user.
    """

    has_scores: ClassVar[bool] = True
    treatment = "summed out"

    def without(self, part: Part, inner: SessionScore, lacking: Lacking) -> SessionScore:
        num_classes = part.num_classes(lacking.users, lacking.batch_size)
        if num_classes is None:
            raise ValueError(
                "likelihood must be MeanField() or Draws() for initial draws that are no class, got"
                f" {self}"
            )
        structure = part.prior(lacking.users, lacking.batch_size).dtype
        (dtype,) = tf.nest.flatten(structure)

        def score(simulator, sessions, rows, seeds):
            def of_class(number):
                values = tf.nest.pack_sequence_as(
                    structure, [tf.fill(rows.shape, tf.cast(number, dtype))]
                )
                return inner.score(simulator, part.filled(sessions, values), rows, seeds)

            of_classes = [of_class(number) for number in range(num_classes)]
            scores = tf.stack([scored.log_likelihood for scored in of_classes])
            total = tf.reduce_logsumexp(scores, axis=0)
            known = part.known(sessions)
            # A known class is the same in all summands.
            log_likelihood = total if known is None else tf.where(known, scores[0], total)
            if of_classes[0].effective_draws is None:
                return Scored(log_likelihood)
            counts = tf.stack([scored.effective_draws for scored in of_classes])
            # Their mean over the classes, of the probabilities that the session gives them.
            mean = tf.math.multiply_no_nan(counts, tf.nn.softmax(scores, axis=0))
            return Scored(log_likelihood, tf.reduce_sum(mean, axis=0))

        return inner._replace(score=score)


@gin.configurable(module="recsim_tf")
@dataclasses.dataclass(frozen=True)
class MeanField(InitialLikelihood):
    """A lower bound on the log of the evidence, for logs that lack continuous initial draws, such
    as tastes. Each session gets a mean-field posterior of them, whose prior is the model's own
    distribution. The parameters of the prior may change; its support may not. The search must be
    `Minibatches`. Sessions that are held out are those of new users, whose likelihood is estimated
    by `Draws()`.
    """

    treatment = "with a posterior of each session"

    @property
    def of_others(self) -> "Draws":
        return Draws(jit_compile=self.jit_compile)

    def known_score(self, inner: SessionScore, lacking: Lacking) -> SessionScore:
        return Draws(_DRAWS_OF_KNOWN).around(inner, lacking)

    def without(self, part: Part, inner: SessionScore, lacking: Lacking) -> SessionScore:
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
            known = part.known(sessions)
            bonus = bonus if known is None else tf.where(known, tf.zeros_like(bonus), bonus)
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


@gin.configurable(module="recsim_tf")
@dataclasses.dataclass(frozen=True)
class Draws(InitialLikelihood):
    """An estimate of the likelihood by importance sampling, for logs that lack initial draws,
    continuous or not.

    Each session has draws from the model's own distribution. The mean of the likelihoods given each
    draw is an unbiased estimate of the likelihood. Its log is low by half its variance over the
    number of draws; a jackknife takes most of that away, see `log_mean`. The variance grows with
    what a session tells of its user: long sessions want many draws, or a posterior.

    `LBFGS` has the same draws in all its evaluations, so it climbs their noise too. The likelihood
    of the draws that it climbed is too high. `fit` therefore reports the likelihood under fresh
    draws, and keeps the other one as `FitResult.climbed_log_likelihood`. A large gap says that the
    estimates follow the draws as much as the log, and so do standard errors: take more draws until
    both stay, or `uncertainty=None`.

    The effective number of draws of a session is (sum w)^2 / sum w^2, where w are its likelihoods
    given each fresh draw. One over it is about the relative variance of the session's estimated
    likelihood. `fit` warns where the median session has fewer than 10: the estimate then has a
    standard error of a third or more, too much for the jackknife, which is a series in this error.
    The number comes from the draws too: it is too large where none of them is near the user.

    Memory grows with the number of draws, and with the batch size of the search.

    Args:
      num_draws: of each session, at least 2.
      jit_compile: whether to compile with XLA.
    """

    num_draws: int = 1000

    def __post_init__(self):
        check_at_least(2, num_draws=self.num_draws)

    @property
    def treatment(self) -> str:
        return f"summed out by {self.num_draws} draws of each session"

    def without(self, part: Part, inner: SessionScore, lacking: Lacking) -> SessionScore:
        del lacking

        def score(simulator, sessions, rows, seeds):
            number, num_users = self.num_draws, rows.shape[0]
            repeated = Trajectory(
                copies(sessions.initial, number), copies(sessions.transitions, number, axis=1), ()
            )
            prior = part.prior(simulator.users, number * num_users, repeated.initial.user)
            draw, log_factor = propose("user", prior, seeds.initial)
            complete = part.filled(repeated, draw)
            scored = inner.score(simulator, complete, copies(rows, number), seeds.of_inner())
            of_draws = scored.log_likelihood
            # The proposal is the prior, so that the probability of the draw itself cancels.
            log_likelihood = of_draws - prior.log_prob(draw) + log_factor
            known = part.known(repeated)
            if known is not None:
                log_likelihood = tf.where(known, of_draws, log_likelihood)
            by_draw = tf.reshape(log_likelihood, [number, num_users])
            count = effective_number(by_draw)
            if known is not None:
                count = tf.where(known[:num_users], tf.constant(np.nan, count.dtype), count)
            return Scored(log_mean(by_draw), count)

        return inner._replace(score=score, is_estimate=True)
