"""Likelihoods of logs that lack initial draws of the users: the draws are summed out exactly, by
importance sampling, or by a posterior for each session. Particle filters share what sampling needs.
"""

import abc
import dataclasses
from typing import ClassVar

import gin
import numpy as np
import tensorflow as tf
from tensorflow_probability import distributions as tfd

from recsim_tf.core import random
from recsim_tf.core.base.types import Nest, Seed, Trajectory
from recsim_tf.core.base.validation import check_at_least
from recsim_tf.core.step.stages import log_prob_per_user
from recsim_tf.fitting.likelihood.batches import Lacking, SessionLikelihood, SessionScore
from recsim_tf.fitting.likelihood.exact import EXACT
from recsim_tf.fitting.parameters.mean_field import MeanFieldPosterior
from recsim_tf.fitting.parameters.unconstrained import bijector_to
from recsim_tf.logs.missing import Part


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

            scores = tf.stack([of_class(number) for number in range(num_classes)])
            total = tf.reduce_logsumexp(scores, axis=0)
            known = part.known(sessions)
            # A known class is the same in all summands.
            return total if known is None else tf.where(known, scores[0], total)

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
            return inner.score(simulator, complete, rows, seeds.of_inner()) + bonus

        return inner._replace(
            score=score,
            variables=(*inner.variables, *posterior.variables),
            initial_draws=lambda users: {
                part: posterior.center(bijector(users, lacking.num_sessions)),
                **inner.initial_draws(users),
            },
        )


def propose(
    stage: str, distribution: tfd.Distribution, seed: Seed
) -> tuple[Nest, tf.Tensor | float]:
    """A draw of a stage [B, ...] from its own distribution, and the log of its probability over
    that of its proposal, [B] or a number: zero, but with the gradient of a draw that is not
    reparameterised.
    """
    draw = random.sample(distribution, seed)
    if all(
        kind == tfd.FULLY_REPARAMETERIZED
        for kind in tf.nest.flatten(distribution.reparameterization_type)
    ):
        return draw, 0.0
    draw = tf.nest.map_structure(tf.stop_gradient, draw)
    log_prob = log_prob_per_user(stage, distribution, draw)
    return draw, log_prob - tf.stop_gradient(log_prob)


def copies(nest: Nest, number: int, axis: int = 0) -> Nest:
    """A nest of [B, ...] so many times, [number * B, ...]; or along another axis."""

    def tiled(leaf):
        multiples = [1] * leaf.shape.rank
        multiples[axis] = number
        return tf.tile(leaf, multiples)

    return tf.nest.map_structure(tiled, nest)


def log_mean(log_estimates: tf.Tensor) -> tf.Tensor:
    """[...]: the log of a quantity from the logs [N, ...] of N unbiased estimates of it, N >= 2.

    The log of their mean is low by half its relative variance. The jackknife that leaves one
    estimate out at a time takes the part of this bias away that falls as 1 / N (Nowozin 2018,
    "Debiasing evidence approximations", ICLR): it adds -(N - 1) / N sum_i log(1 - q_i), where
    q_i = (Z_i / mean(Z) - 1) / (N - 1). This grows without bound where one estimate outweighs all
    others, and a search would go there. The first terms of its series, up to q^4, add 13/12 at
    most.
    """
    number = log_estimates.shape[0]
    log_sum = tf.reduce_logsumexp(log_estimates, axis=0)
    is_possible = tf.math.is_finite(log_sum)
    parts = tf.nn.softmax(tf.where(is_possible, log_estimates, 0), axis=0)
    excess = (number * parts - 1) / (number - 1)
    series = excess**2 / 2 + excess**3 / 3 + excess**4 / 4
    correction = (number - 1) * tf.reduce_mean(series, axis=0)
    return log_sum - np.log(number) + correction


@gin.configurable(module="recsim_tf")
@dataclasses.dataclass(frozen=True)
class Draws(InitialLikelihood):
    """An estimate of the likelihood by importance sampling, for logs that lack initial draws,
    continuous or not.

    Each session has draws from the model's own distribution. The mean of the likelihoods given each
    draw is an unbiased estimate of the likelihood. Its log is low by half its variance over the
    number of draws; a jackknife takes most of that away, see `log_mean`. The variance grows with
    what a session tells of its user: long sessions want many draws, or a posterior. With few draws
    the estimate is too low, and standard errors are of the estimate's noise as much as of the
    parameters: take more until they stay, or `uncertainty=None`. Memory grows with the number of
    draws, and with the batch size of the search.

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
            of_draws = inner.score(simulator, complete, copies(rows, number), seeds.of_inner())
            # The proposal is the prior, so that the probability of the draw itself cancels.
            log_likelihood = of_draws - prior.log_prob(draw) + log_factor
            known = part.known(repeated)
            if known is not None:
                log_likelihood = tf.where(known, of_draws, log_likelihood)
            return log_mean(tf.reshape(log_likelihood, [number, num_users]))

        return inner._replace(score=score)
