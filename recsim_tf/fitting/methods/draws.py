"""Initial draws that are summed out by importance sampling."""

import dataclasses

import gin
import numpy as np
import tensorflow as tf

from recsim_tf.core.base.validation import check_at_least, check_one_of
from recsim_tf.fitting.methods.halton import HaltonPoints
from recsim_tf.fitting.methods.initial import InitialMethod
from recsim_tf.fitting.methods.proposals import (
    copied_sessions,
    effective_number,
    log_mean,
    propose,
)
from recsim_tf.fitting.methods.scores import Lacking, Scored, SessionScore
from recsim_tf.logs.missing import Part

# Of the median session, see `Draws`.
FEWEST_EFFECTIVE_DRAWS = 10


@gin.configurable(module="recsim_tf")
@dataclasses.dataclass(frozen=True)
class Draws(InitialMethod):
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

    Halton points (Train 2009, "Discrete choice methods with simulation", section 9.3.3) are spread
    more evenly than draws at random. They have no seed: each session has a run of the sequence, in
    the order of the log and after its first 100 points. The mean of the likelihoods is taken
    without a jackknife, as the literature does. The fresh points of the reported likelihood are the
    next ones of the sequence.

    Memory grows with the number of draws, and with the batch size of the search.

    Args:
      num_draws: the draws of each session, at least 2.
      points: "random", or "halton" for initial draws that have an inverse CDF in
        `core.random.sample`, such as normals.
      search: see `Exact`.
      uncertainty: `Curvature()`, which is the default, or None.
      jit_compile: whether to compile with XLA.
    """

    num_draws: int = 1000
    points: str = "random"

    def __post_init__(self):
        super().__post_init__()
        check_at_least(2, num_draws=self.num_draws)
        check_one_of(("random", "halton"), points=self.points)

    @property
    def treatment(self) -> str:
        """See `InitialMethod.treatment`."""
        kind = "Halton points" if self.points == "halton" else "draws"
        return f"summed out by {self.num_draws} {kind} of each session"

    def without(self, part: Part, inner: SessionScore, lacking: Lacking) -> SessionScore:
        """See `InitialMethod.without`."""
        is_halton = self.points == "halton"

        def score(simulator, sessions, rows, seeds):
            number, size = self.num_draws, rows.shape[0]
            simulator, copied, all_rows = copied_sessions(simulator, sessions, rows, number)
            prior = part.prior(simulator.users, number * size, copied.initial.user)
            if is_halton:
                # Fresh points follow those of all sessions.
                run = rows + lacking.num_sessions if seeds.are_fresh else rows
                points = HaltonPoints(run, number, seeds.num_dimensions)
                draw, log_factor = propose("user", prior, points)
                inner_seeds = seeds.of_inner()._replace(num_dimensions=points.num_dimensions)
            else:
                draw, log_factor = propose("user", prior, seeds.initial)
                inner_seeds = seeds.of_inner()
            complete = part.filled(copied, draw)
            scored = inner.score(simulator, complete, all_rows, inner_seeds)
            of_draws = scored.log_likelihood
            # The proposal is the prior, so that the probability of the draw itself cancels.
            log_likelihood = of_draws - prior.log_prob(draw) + log_factor
            is_known = part.known(copied)
            if is_known is not None:
                log_likelihood = tf.where(is_known, of_draws, log_likelihood)
            by_draw = tf.reshape(log_likelihood, [number, size])
            count = effective_number(by_draw)
            if is_known is not None:
                count = tf.where(is_known[:size], tf.constant(np.nan, count.dtype), count)
            return Scored(log_mean(by_draw, jackknife=not is_halton), count)

        return inner._replace(score=score, is_estimate=True)
