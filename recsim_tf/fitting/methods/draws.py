# SPDX-License-Identifier: Apache-2.0
"""Initial draws that are summed out by importance sampling."""

import dataclasses
from collections.abc import Callable
from typing import Annotated, Any

import numpy as np
import tensorflow as tf

from recsim_tf.core import random
from recsim_tf.core.base.arguments import AtLeast, OneOf, configurable
from recsim_tf.core.base.types import Trajectory
from recsim_tf.fitting.methods.adapted import (
    AdaptedProposals,
    forward,
    num_coordinates,
    packed_draws,
)
from recsim_tf.fitting.methods.halton import HaltonPoints
from recsim_tf.fitting.methods.information import without_twins
from recsim_tf.fitting.methods.initial import InitialMethod
from recsim_tf.fitting.methods.proposals import (
    copied_sessions,
    effective_number,
    log_mean,
    propose,
)
from recsim_tf.fitting.methods.scores import Lacking, Scored, SessionScore
from recsim_tf.fitting.parameters.unconstrained import bijector_to, unpack
from recsim_tf.logs.missing import Part

# Of the median session, see `Draws`.
FEWEST_EFFECTIVE_DRAWS = 10
# Of the parts that are known. They matter only where these depend on the draws that are not.
_DRAWS_OF_KNOWN = 100
# The factor by which draws become more, and their largest number.
_MORE, _MOST_DRAWS = 4, 1024
_KINDS = {"random": "draws", "halton": "Halton points", "adapted": "adapted points"}


@configurable(module="recsim_tf")
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

    Adapted points come from a normal of each session, around the draw that the session makes most
    probable, with the curvature there. Draws of one or two numbers have the nodes of a
    Gauss-Hermite rule, as many as `num_draws` allows: 25 are 5 times 5 (Pinheiro & Bates 1995,
    "Approximations to the log-likelihood function in the nonlinear mixed-effects model"). They do
    as well as hundreds of draws, also where a session tells almost all of its user. Draws of more
    numbers have Halton points that are shifted at random for each session, and their opposites; an
    eighth of them are of a wider normal (Hesterberg 1995, "Weighted average importance sampling and
    defensive mixture distributions"). Fresh points are at random in either case. `LBFGS` begins
    again with normals that are adapted to its end, until it stays there.

    Memory grows with the number of draws, and with the batch size of the search.

    Args:
      num_draws: the draws of each session, at least 2.
      points: "random"; "halton" for initial draws that have an inverse CDF in `core.random.sample`,
        such as normals; or "adapted" for continuous ones that TFP can map to the reals.
      search: see `Exact`.
      uncertainty: `Curvature()`, which is the default, or None.
      jit_compile: whether to compile with XLA.
    """

    num_draws: Annotated[int, AtLeast(2)] = 1000
    points: Annotated[str, OneOf(tuple(_KINDS))] = "random"

    @property
    def treatment(self) -> str:
        """See `InitialMethod.treatment`."""
        most = "at most " if self.points == "adapted" else ""
        return f"summed out by {most}{self.num_draws} {_KINDS[self.points]} of each session"

    def enlarged(self) -> "Draws | None":
        """See `Method.enlarged`."""
        number = _MORE * self.num_draws
        return dataclasses.replace(self, num_draws=number) if number <= _MOST_DRAWS else None

    def information_of(self, objective: Any) -> Callable[[], np.ndarray] | None:
        """See `Method.information_of`. Adapted points stay where they are while parameters change,
        so that parameters which the log cannot tell apart differ in their noise. Draws from the
        model's own distribution move with it, and show them.
        """
        information = super().information_of(objective)
        if information is None or self.points != "adapted":
            return information

        def signed_scores(number: int) -> np.ndarray:
            moving = dataclasses.replace(self, points="random")
            return moving.objective(objective.fitted, objective.log).signed_scores(number)

        return lambda: without_twins(information(), objective.fitted, signed_scores)

    def known_score(self, inner: SessionScore, lacking: Lacking) -> SessionScore:
        """See `SessionMethod.known_score`."""
        # What is known before responses says little of the draws.
        plain = Draws(_DRAWS_OF_KNOWN) if self.points == "adapted" else self
        return plain.around(inner, lacking)

    def without(self, part: Part, inner: SessionScore, lacking: Lacking) -> SessionScore:
        """See `InitialMethod.without`."""
        if self.points == "adapted":
            return self._by_adapted_points(part, inner, lacking)
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
            return _mean(part, copied, of_draws, log_likelihood, number, jackknife=not is_halton)

        return inner._replace(score=score, is_estimate=True)

    def _by_adapted_points(self, part: Part, inner: SessionScore, lacking: Lacking) -> SessionScore:
        copies = self._copies_around(part, lacking)
        prior = part.prior(lacking.users, lacking.batch_size)
        proposals = AdaptedProposals(
            copies * lacking.num_sessions, num_coordinates(prior), lacking.users.dtype
        )

        def prior_of(simulator, sessions, rows):
            def of_copies(number):
                copied_to, copied, all_rows = copied_sessions(simulator, sessions, rows, number)
                return part.prior(copied_to.users, all_rows.shape[0], copied.initial.user)

            return of_copies

        def score(simulator, sessions, rows, seeds):
            size = rows.shape[0]
            # The normals of an inner part belong to the points of this one, which stay.
            at_random = seeds.are_fresh and not inner.is_adapted
            number = proposals.num_points(self.num_draws, at_random)
            own_rows = rows + tf.range(size) // lacking.batch_size * lacking.num_sessions
            priors = prior_of(simulator, sessions, rows)
            if seeds.adapts:
                proposals.adapt(priors, own_rows, density(simulator, sessions, rows, seeds))
                if not inner.is_adapted:
                    return Scored(tf.zeros([size], lacking.users.dtype))
            draw, log_density = proposals.draw(
                priors, own_rows, self.num_draws, seeds.initial, at_random
            )
            simulator, copied, all_rows = copied_sessions(simulator, sessions, rows, number)
            scored = inner.score(simulator, part.filled(copied, draw), all_rows, seeds.of_inner())
            of_draws = scored.log_likelihood
            return _mean(part, copied, of_draws, of_draws - log_density, number, jackknife=False)

        def density(simulator, sessions, rows, seeds):
            priors = prior_of(simulator, sessions, rows)
            like = random.sample(priors(1), seeds.initial)
            _, specs = packed_draws(bijector_to("initial draws", priors(1)).inverse(like))
            inner_seeds = seeds.of_inner()._replace(adapts=False)

            def log_density(coordinates, number):
                bijector = bijector_to("initial draws", priors(number))
                draw, log_det = forward(bijector, unpack(coordinates, specs))
                copied_to, copied, all_rows = copied_sessions(simulator, sessions, rows, number)
                complete = part.filled(copied, draw)
                scored = inner.score(copied_to, complete, all_rows, inner_seeds)
                return scored.log_likelihood + log_det

            return log_density

        return inner._replace(score=score, is_estimate=True, is_adapted=True)

    def _copies_around(self, part: Part, lacking: Lacking) -> int:
        """The copies of a session that stand for parts on which a part may depend."""
        number = 1
        for outer in lacking.parts[: lacking.parts.index(part)]:
            num_classes = outer.num_classes(lacking.users, lacking.batch_size)
            number *= self.num_draws if num_classes is None else num_classes
        return number


def _mean(
    part: Part,
    copied: Trajectory,
    of_draws: tf.Tensor,
    log_estimates: tf.Tensor,
    number: int,
    jackknife: bool,
) -> Scored:
    """The likelihood of B sessions from so many draws of a part.

    Args:
      part: the part.
      copied: the sessions, copied for each draw.
      of_draws: the log-likelihoods given each draw, [N B].
      log_estimates: the logs of unbiased estimates of the likelihood by one draw each, [N B].
      number: N.
      jackknife: see `log_mean`.
    """
    is_known = part.known(copied)
    if is_known is not None:
        log_estimates = tf.where(is_known, of_draws, log_estimates)
    by_draw = tf.reshape(log_estimates, [number, -1])
    count = effective_number(by_draw)
    if is_known is not None:
        count = tf.where(is_known[: by_draw.shape[1]], tf.constant(np.nan, count.dtype), count)
    return Scored(log_mean(by_draw, jackknife=jackknife), count)
