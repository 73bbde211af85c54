# SPDX-License-Identifier: Apache-2.0
"""Predictions of responses, part by part, given the draws that were logged before each."""

import functools
import re
from collections.abc import Callable, Iterator, Sequence
from typing import Any, NamedTuple

import numpy as np
import tensorflow as tf
from tensorflow_probability import distributions as tfd

from recsim_tf.choice import ChoiceDistribution, ClickDistribution
from recsim_tf.core import nests, random
from recsim_tf.core.base.arguments import Count, checked
from recsim_tf.core.base.types import Nest, Seed, Slate, Trajectory
from recsim_tf.core.distributions import parts_with_draws
from recsim_tf.core.runs.execution import compiled, traced_call
from recsim_tf.core.simulator import Simulator
from recsim_tf.core.step.stages import log_prob_per_user
from recsim_tf.fitting.predictions.filtering import follow, normalized
from recsim_tf.logs.episodes import session_spec
from recsim_tf.logs.lengths import by_length
from recsim_tf.logs.log import Log, take_steps
from recsim_tf.logs.missing import Part, lacking, lacks_innovations
from recsim_tf.logs.trajectories import as_trajectory, scoring_simulator, take_sessions

_MASKED: Any = random.class_of_family(tfd.Masked)
# As TensorFlow tells of an id for which a table has no row.
_UNKNOWN_ID = re.compile(r"= (-?\d+) is not in \[0, (\d+)\)")
_INDEPENDENT: Any = random.class_of_family(tfd.Independent)


class Expected(NamedTuple):
    """A field of responses as the models expect it, and as it was logged; arrays of one shape.

    A choice has the probabilities of K + 1 outcomes at the end, and 1 for the one that came; the
    last, "no click", does not count.
    """

    mean: Any  # float [S, T, ...]
    logged: Any  # float [S, T, ...]
    counted: Any  # bool [S, T, ...], False where nothing is drawn or shown, or known


class ResponsePredictions(NamedTuple):
    """Predictions of each step given all that was logged before it. Values at steps after the end
    of a session mean nothing.
    """

    fields: dict[str, Expected]  # choices, and parts that have a mean
    # float [S, T], the log-probability of what was logged, of the field that says what was clicked;
    # none where no field does
    clicks: dict[str, np.ndarray]
    # float [S, T, K], where that field is of a `ClickDistribution`: the same of the positions down
    # to each one
    down_to: dict[str, np.ndarray]


@checked
def predict_responses(
    simulator: Simulator,
    log: Log,
    batch_size: Count = 1000,
    num_draws: Count = 200,
    seed: Seed = 0,
    given: Log | None = None,
) -> ResponsePredictions:
    """Expects each part of the responses at each step of logged sessions: a choice or clicks, a
    dwell time, a rating, a purchase.

    A part of a joint distribution is predicted given the fields before it, such as the dwell time
    given what was clicked. Clicks are the choice, or else the first part [B, K]. Fields have the
    names of the draw, as "engagement"; "response" where it has none.

    Initial draws and innovations that the log lacks are drawn many times from the models, and each
    draw counts in proportion to the likelihood that it gives to what was logged before. So the
    first steps are those of a new user, and later ones are predicted by what the user did before.
    The longer a session is, the more draws it takes.

    Args:
      simulator: the simulator with the user model.
      log: a log with responses, and with the initial draws and innovations that are known.
      batch_size: sessions that are predicted at once; memory grows with it and with the draws.
      num_draws: the draws of each session that lacks something.
      seed: the seed of these draws, an integer or int32 [2].
      given: earlier steps of the same sessions, row by row, which are known and not predicted,
        such as those that a fit has seen.

    Raises:
      ValueError: for a number below 1, or a log that does not go with the models.
    """
    whole = log if given is None else given.followed_by(log)
    scorer = scoring_simulator(simulator)

    def predictions(log: Log) -> ResponsePredictions:
        size = min(batch_size, log.num_sessions)
        spec = session_spec(scorer, size)
        missing, log = lacking(log, scorer.users, size, spec.initial.user)
        drawn = ("innovation",) if lacks_innovations(log, spec.draws.innovation) else ()
        trajectory = as_trajectory(log, scorer, size, latent=bool(drawn))
        number = num_draws if missing or drawn else 1

        @compiled
        def predict(rows, seed):
            sessions = take_sessions(trajectory, rows)
            predicted = _predict(scorer, sessions, missing, drawn, number, seed)
            return tf.nest.map_structure(
                lambda leaf: tf.experimental.numpy.swapaxes(leaf, 0, 1), predicted
            )

        return by_batch(
            functools.partial(traced_call, predict), np.arange(log.num_sessions), size, seed
        )

    predicted = by_length(whole, predictions)
    if given is not None:
        last = log.length[:, np.newaxis] - 1
        steps = given.length[:, np.newaxis] + np.minimum(np.arange(log.max_length), last)
        predicted = take_steps(predicted, steps)
    return predicted


def by_batch(function: Callable[..., Nest], sessions: np.ndarray, size: int, seed: Seed) -> Nest:
    """A nest of arrays [S, ...] of sessions, int [S], from a function of the rows int32 [B] of a
    batch and a seed, which gives a nest of [B, ...]. Raises a ValueError for ids that no table
    holds.
    """
    starts, parts = range(0, len(sessions), size), []
    for start, own_seed in zip(starts, random.split_seed(seed, len(starts)), strict=True):
        places = np.minimum(np.arange(start, start + size), len(sessions) - 1)
        inside = slice(len(sessions) - start)
        try:
            of_batch = function(tf.constant(sessions[places], tf.int32), own_seed)
        except tf.errors.InvalidArgumentError as error:
            if not (unknown := _UNKNOWN_ID.search(error.message)):
                raise
            number, length = unknown.groups()
            raise ValueError(
                f"the log must have ids below {length}, which the models know, got {number}"
            ) from error
        parts.append(
            tf.nest.map_structure(lambda leaf, inside=inside: np.asarray(leaf)[inside], of_batch)
        )
    return tf.nest.map_structure(lambda *leaves: np.concatenate(leaves), *parts)


def _predict(
    scorer: Simulator,
    trajectory: Trajectory,
    missing: Sequence[Part],
    drawn: Sequence[str],
    number: int,
    seed: Seed,
) -> ResponsePredictions:
    """Predictions of sessions [T, B, ...], as tensors [T, B, ...], by so many draws of each."""
    num_steps, size = trajectory.transitions.reward.shape

    def of_step(state, transition, log_weights):
        """The predictions of a step."""
        slate = scorer.shown(state, transition)
        response = scorer.users.response(state.user, slate)
        fields, clicks, down_to = {}, {}, {}
        for part, draw, expected, clicked in _parts(response, transition.draws.response, slate):
            for field, (mean, logged, counted) in expected.items():
                fields[field] = Expected(_mixed(mean, log_weights), logged[:size], counted[:size])
            if clicked:
                of_clicks, positions = _clicks(part, draw)
                log_prob = log_prob_per_user("response", of_clicks, positions)
                clicks[clicked] = _log_mixed(log_prob, log_weights)
                if isinstance(of_clicks, ClickDistribution):
                    log_probs = tf.cumsum(of_clicks.conditional(positions), axis=1)
                    down_to[clicked] = _log_mixed(log_probs, log_weights)
            log_prob = log_prob_per_user("response", part, draw)
            log_weights = normalized(log_weights + tf.reshape(log_prob, log_weights.shape))
        return ResponsePredictions(fields, clicks, down_to)

    def record(arrays, step, *of_particles):
        return nests.write(arrays, step, of_step(*of_particles))

    # Only the shapes are of use, so that a graph loses this step.
    first = nests.at_step(trajectory.transitions, 0)
    even = tf.zeros([1, size], trajectory.transitions.reward.dtype)
    like = of_step(scorer.initial_state(trajectory.initial), first, even)
    arrays = nests.arrays_like(like, num_steps)
    return nests.stack(follow(scorer, trajectory, missing, drawn, number, seed, record, arrays))


def amounts(response: tfd.Distribution, draw: Nest, slate: Slate) -> dict[str, tf.Tensor]:
    """The sums over all positions of the draws of a response beside its clicks, [B] by field. A
    number that a log does not know counts as the model expects it.
    """
    sums = {}
    for _, _, expected, clicked in _parts(response, draw, slate, imputed=True):
        for field, (_, logged, counted) in expected.items():
            if field != clicked:
                axes = list(range(1, logged.shape.rank))
                sums[field] = tf.reduce_sum(tf.where(counted, logged, 0), axes)
    return sums


def _parts(
    response: tfd.Distribution, draw: Nest, slate: Slate, imputed: bool = False
) -> Iterator[tuple[tfd.Distribution, Nest, dict[str, Expected], str | None]]:
    """Each part of a response, its draw, its predictions, and the field of these that holds the
    clicks. See `_expected` for `imputed`.
    """
    parts = list(parts_with_draws(response, draw))
    choices, slate_size = (ChoiceDistribution, ClickDistribution), slate.mask.shape[1]
    clicked = [name for name, part, _ in parts if isinstance(part, choices)]
    clicked += [name for name, part, _ in parts if part.event_shape == [slate_size]]
    for name, part, drawn in parts:
        expected = _expected(name, part, drawn, slate.mask, imputed)
        says_clicks = expected and name in clicked[:1]
        yield part, drawn, expected, next(iter(expected)) if says_clicks else None


def _expected(
    name: str, part: tfd.Distribution, draw: Nest, mask: tf.Tensor, imputed: bool
) -> dict[str, Expected]:
    """The predictions of a part, [B, ...] by field: clicks and purchases have two. Empty where the
    part has no mean and is no choice. The mask [B, K] is that of the slate. A number that a log
    does not know counts, as its prediction, only where `imputed`.
    """
    if isinstance(part, ChoiceDistribution):
        means = part.probs
        draw = tf.one_hot(draw, part.slate_size + 1, dtype=means.dtype)
        mask = tf.pad(mask, [[0, 0], [0, 1]])  # "No click" tells nothing beside the clicks.
    else:
        try:
            means = part.mean()
        except NotImplementedError:
            return {}
    named = nests.fields_of(means)
    if not named:
        means, draw, named = (means,), (draw,), {"": means}
    fields = {}
    for field, mean, drawn in zip(named, means, draw, strict=True):
        counted = _drawn(part, mean.shape.rank)
        # A negative integer stands for what is not known.
        is_known = drawn >= 0 if drawn.dtype.is_integer else ~tf.math.is_nan(drawn)
        if drawn.dtype.is_integer or not imputed:
            counted &= is_known
        if mean.shape[1:2] == mask.shape[1:]:
            counted &= _expanded(mask, mean.shape.rank)
        key = ".".join(filter(None, (name, field))) or "response"
        counted = tf.broadcast_to(counted, mean.shape)
        logged = tf.where(is_known, tf.cast(drawn, mean.dtype), mean)
        fields[key] = Expected(mean, logged, counted)
    return fields


def _drawn(part: tfd.Distribution, rank: int) -> tf.Tensor:
    """A mask, bool, that broadcasts against [B, ...] of so many axes, and is False where the part
    is masked.
    """
    while isinstance(part, _INDEPENDENT):
        part = part.distribution
    if not isinstance(part, _MASKED):
        return tf.constant(True)
    return _expanded(tf.broadcast_to(part.validity_mask, part.batch_shape), rank)


def _expanded(mask: tf.Tensor, rank: int) -> tf.Tensor:
    """A mask with axes at the end, so that it has so many."""
    return tf.reshape(mask, [*mask.shape, *[1] * (rank - mask.shape.rank)])


def _clicks(part: tfd.Distribution, draw: Nest) -> tuple[tfd.Distribution, tf.Tensor]:
    """The distribution and the draw of the clicks alone, where purchases go with them."""
    if isinstance(part, ClickDistribution) and nests.fields_of(draw):
        return part.clicks, draw.clicked
    return part, draw


def _mixed(values: tf.Tensor, log_weights: tf.Tensor) -> tf.Tensor:
    """The mean [B, ...] of N draws [N * B, ...] with the weights of logs [N, B]."""
    by_draw = tf.reshape(values, [*log_weights.shape, *values.shape[1:]])
    return tf.reduce_sum(_expanded(tf.exp(log_weights), by_draw.shape.rank) * by_draw, axis=0)


def _log_mixed(log_probs: tf.Tensor, log_weights: tf.Tensor) -> tf.Tensor:
    """The logs [B, ...] of `_mixed` probabilities, from their logs [N * B, ...]."""
    by_draw = tf.reshape(log_probs, [*log_weights.shape, *log_probs.shape[1:]])
    return tf.reduce_logsumexp(_expanded(log_weights, by_draw.shape.rank) + by_draw, axis=0)
