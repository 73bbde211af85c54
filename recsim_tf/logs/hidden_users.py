# SPDX-License-Identifier: Apache-2.0
"""Initial draws that a log lacks, drawn given all that it has of a session."""

from collections.abc import Sequence

import numpy as np
import tensorflow as tf

from recsim_tf.core import nests, random
from recsim_tf.core.base.types import InitialDraws, Nest, Seed, Trajectory
from recsim_tf.core.runs.execution import compiled, traced_call
from recsim_tf.core.simulator import Simulator
from recsim_tf.logs.episodes import Session, session_spec
from recsim_tf.logs.log import Log
from recsim_tf.logs.missing import Part, draw_parts, lacks_innovations
from recsim_tf.logs.trajectories import (
    as_trajectory,
    by_field,
    scoring_simulator,
    take_sessions,
)

# Draws of a user, of which one is kept.
_NUM_DRAWS = 100
_OF_USERS = ("response", "innovation", "departure")


def draw_users(
    simulator: Simulator, log: Log, parts: Sequence[Part], rows: tf.Tensor, seed: Seed
) -> Nest:
    """The initial draws [B, ...] of users whose sessions are those of a log.

    Parts that the log lacks are drawn 100 times from the models, given the logged parts that they
    depend on. A draw is kept with a probability in proportion to the density that it gives to
    what the log has of the session: the logged parts that depend on it, and, where the log has
    them, responses, innovations and departures (sampling importance resampling, Rubin 1988, "Using
    the SIR algorithm to simulate posterior distributions"). A log of the documents that the model
    does not show, or of other responses than the model's, has the logged parts alone.

    Args:
      simulator: the models, whose parameters may have a value for each user.
      log: a log of S sessions, with any values for the parts that all sessions lack.
      parts: the `missing_parts` of its initial draws.
      rows: the session of each user, int32 [B], in [0, S).
      seed: an integer or int32 [2].
    """
    num_users = rows.shape[0]
    spec = session_spec(simulator, num_users)
    scorer = _scorer_of(simulator, log, spec) if parts else None
    with tf.init_scope():
        # Tensors that traced functions capture, since constants of a graph are limited.
        logged = tf.nest.map_structure(
            lambda like, leaf: tf.cast(leaf, like.dtype), spec.initial.user, log.initial
        )
        sessions = Trajectory(InitialDraws(logged, (), (), ()), (), ())  # type: ignore[arg-type]
        drawn: tuple[str, ...] = ()
        if scorer is not None:
            is_latent = lacks_innovations(log, spec.draws.innovation)
            drawn = ("innovation",) if is_latent else ()
            sessions = as_trajectory(log, scorer, num_users, latent=is_latent)
    if not parts:
        return tf.nest.map_structure(lambda leaf: tf.gather(leaf, rows), logged)

    @compiled
    def draw(rows: tf.Tensor, seed: Seed) -> Nest:
        taken = take_sessions(sessions, rows)

        def one(seed: Seed) -> tuple[Nest, tf.Tensor]:
            parts_seed, innovation_seed, choice_seed = random.split_seed(seed, 3)
            begun, score = draw_parts(parts, simulator.users, taken, parts_seed)
            if scorer is not None:
                score += _log_likelihood(scorer, begun, drawn, innovation_seed)
            # The largest sum of a log-weight and a Gumbel variable is a choice by the weights.
            noise = -tf.math.log(
                -tf.math.log(random.uniform([num_users], choice_seed, score.dtype))
            )
            return begun.initial.user, tf.where(tf.math.is_finite(score), score + noise, -np.inf)

        def body(number: tf.Tensor, best: Nest, highest: tf.Tensor, seed: Seed):
            seed, own_seed = random.split_seed(seed, 2)
            user, score = one(own_seed)
            is_higher = score > highest
            return number + 1, nests.where(is_higher, user, best), tf.maximum(score, highest), seed

        first_seed, seed = random.split_seed(seed, 2)
        begun = (1, *one(first_seed), seed)
        return tf.while_loop(lambda *_: True, body, begun, maximum_iterations=_NUM_DRAWS - 1)[1]

    return traced_call(draw, rows, random.as_seed(seed))


def _log_likelihood(
    scorer: Simulator, sessions: Trajectory, drawn: Sequence[str], seed: Seed
) -> tf.Tensor:
    """The log-density [B] of what users did in their sessions, given their initial draws."""

    def add(total, step, state, transition, log_probs):
        of_step = tf.add_n([log_probs[stage] for stage in _OF_USERS if stage in log_probs])
        return total + tf.where(transition.active, tf.cast(of_step, total.dtype), 0)

    total = tf.zeros([nests.batch_size(sessions.initial.user)], scorer.users.dtype)
    return scorer.retrace(sessions, add, total, score=True, drawn=drawn, seed=seed)


def _scorer_of(simulator: Simulator, log: Log, spec: Session) -> Simulator | None:
    """A simulator that scores the sessions of a log; None if the log lacks what it would score."""
    if simulator.documents.shared or not can_be_scored(log, spec):
        return None
    return scoring_simulator(simulator)


def can_be_scored(log: Log, spec: Session) -> bool:
    """True for a log with the documents, responses and departures that a model of these specs
    draws.
    """
    if not all(tf.nest.flatten(getattr(log, name)) for name in ("departed", "shown", "response")):
        return False
    draws = spec.draws
    steps = {"response": draws.response, "hidden": draws.hidden, "query": spec.query}
    if not lacks_innovations(log, draws.innovation):
        steps["innovation"] = draws.innovation
    logged = log._replace(innovation=by_field(draws.innovation, log.innovation, "innovation"))
    return is_of(log.documents, draws.candidates, allow_floats=False) and all(
        is_of(getattr(logged, name), like) for name, like in steps.items()
    )


def is_of(logged: Nest, spec: Nest, allow_floats: bool = True) -> bool:
    """True for logged arrays [S, T, ...] of the ranks of specs."""
    leaves, specs = tf.nest.flatten(logged), tf.nest.flatten(spec)
    return len(leaves) == len(specs) and all(
        np.ndim(leaf) == 2 + like.shape.rank
        and (allow_floats or like.dtype.is_floating or np.asarray(leaf).dtype.kind != "f")
        for leaf, like in zip(leaves, specs, strict=True)
    )
