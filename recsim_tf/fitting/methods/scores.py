# SPDX-License-Identifier: Apache-2.0
"""Scores of single sessions, from which likelihoods are made."""

from collections.abc import Callable, Sequence
from typing import Any, NamedTuple

import tensorflow as tf
from tensorflow_probability import distributions as tfd

from recsim_tf.core import nests, random
from recsim_tf.core.base.types import Nest, Trajectory
from recsim_tf.core.models.models import UserModel
from recsim_tf.core.simulator import Simulator
from recsim_tf.core.step.stages import log_prob_per_user
from recsim_tf.logs.log import Log
from recsim_tf.logs.missing import Part, lacking

_NAMED: Any = random.class_of_family(tfd.JointDistributionNamed)


class Seeds(NamedTuple):
    """Seeds of the draws that a log lacks, int32 [2] each, and the place of Halton points."""

    initial: tf.Tensor
    innovation: tf.Tensor
    # whether no search has had them; of Halton points, which have no seed
    are_fresh: bool = False
    num_dimensions: int = 0  # of Halton points, which other draws have
    adapts: bool = False  # whether proposals are adapted to the sessions first

    def of_inner(self) -> "Seeds":
        """Other seeds of initial draws, for the score of sessions that have a part of them."""
        return self._replace(initial=self.initial + 1)


class Scored(NamedTuple):
    """The scores of B sessions."""

    log_likelihood: tf.Tensor  # [B]
    # [B], the effective number of draws that sum the initial draws out, NaN for a session that has
    # them; None where they are not summed out by draws
    effective_draws: tf.Tensor | None = None


class SessionScore(NamedTuple):
    """The log-likelihood of single sessions. A likelihood that sums out a part of the initial draws
    makes it from the score of sessions that have the part, so that parts can be treated one by one.
    """

    # of a simulator, sessions [T, B, ...], their positions in the log int32 [B], and seeds
    score: Callable[[Simulator, Trajectory, tf.Tensor, Seeds], Scored]
    latents: tuple[str, ...] = ()  # the treatment of each draw that a log lacks, in words
    is_estimate: bool = False  # whether draws sum something out
    is_adapted: bool = False  # whether they come from proposals that are adapted to the sessions
    variables: tuple[tf.Variable, ...] = ()  # of posteriors of single sessions
    # maps the user model to posterior locations of parts, nests of [S, ...]
    initial_draws: Callable[[UserModel], dict[Part, Nest]] = lambda users: {}


class Lacking(NamedTuple):
    """A log that lacks parts of the initial draws, or none."""

    parts: tuple[Part, ...]  # each after those that it depends on
    users: UserModel  # whose initial draws they are
    num_sessions: int  # S, of the log
    batch_size: int  # sessions that are scored at once


EXACT = SessionScore(
    lambda simulator, sessions, rows, seeds: Scored(simulator.log_prob(sessions).user)
)


def _before_responses(
    simulator: Simulator, sessions: Trajectory, rows: tf.Tensor, seeds: Seeds
) -> Scored:
    del rows, seeds
    log_probs = simulator.log_prob(sessions)
    return Scored(log_probs.initial + log_probs.innovation)


def _initial(simulator: Simulator, sessions: Trajectory, rows: tf.Tensor, seeds: Seeds) -> Scored:
    del seeds
    distribution = simulator.users.initial_draws(rows.shape[0])
    return Scored(log_prob_per_user("user", distribution, sessions.initial.user))


# The score of the known draws before responses: initial draws and innovations, or initial draws
# alone, which need no walk through the sessions.
KNOWN, KNOWN_INITIAL = SessionScore(_before_responses), SessionScore(_initial)


def hidden_parts(log: Log, users: UserModel, num_users: int, spec: Nest) -> tuple[Part, ...]:
    """The parts of initial draws, of TensorSpecs `spec`, that a log lacks, each after the parts
    that it depends on. Where a log lacks all fields of a joint distribution, and all of them but
    one at the most are finite, each field is a part of its own: classes are summed out exactly.
    """
    parts, _ = lacking(log, users, num_users, spec)
    if parts != (Part(),) or not isinstance(users.initial_draws(num_users), _NAMED):
        return parts
    fields = nests.fields_of(spec).items()
    by_field = tuple(Part(name) for name, like in fields if tf.nest.flatten(like))
    sizes = [part.num_classes(users, num_users) for part in by_field]
    return by_field if len(sizes) > 1 and sizes.count(None) <= 1 else parts


def is_some_known(spec: Nest, parts: Sequence[Part]) -> bool:
    """Tells whether any initial draw, of TensorSpecs `spec`, is in a log that lacks some parts."""
    for part in parts:
        if not part.is_partly_known:
            spec = part.put(spec, ())
    return bool(tf.nest.flatten(spec))
