"""How well choices are predicted from what was logged before them: their log-likelihood beside that
of guesses without a model, and whether clicks come as often as they are predicted.
"""

from typing import NamedTuple

import numpy as np
import tensorflow as tf
from tensorflow_probability import distributions as tfd

from recsim_tf.adapters.episodes import session_spec
from recsim_tf.choice import ChoiceDistribution, ClickDistribution
from recsim_tf.core import random
from recsim_tf.core.execution import compiled
from recsim_tf.core.simulator import Simulator
from recsim_tf.core.stages import log_prob_per_user
from recsim_tf.core.types import Nest, Seed, Trajectory
from recsim_tf.core.validation import check_at_least
from recsim_tf.fitting.likelihood.batches import take_sessions
from recsim_tf.fitting.likelihood.initial import copies
from recsim_tf.fitting.likelihood.missing import (
    draw_parts,
    log_prior,
    missing_parts,
    with_zeros,
)
from recsim_tf.fitting.logs.session_log import SessionLog
from recsim_tf.fitting.logs.trajectories import as_trajectory, by_field, scoring_simulator

# Stages of a step that tell of the user.
_OF_USERS = ("response", "innovation", "departure")


class ChoicePredictions(NamedTuple):
    """Predictions of each step given all that was logged before it. Values at steps after the end
    of a session mean nothing.
    """

    # float [S, T, K + 1], of each position and of "no click"; or [S, T, K] where any number of
    # positions may be clicked
    probs: np.ndarray
    log_prob: np.ndarray  # float [S, T], of what was logged
    # what was logged: int32 [S, T], the position or K for "no click"; or [S, T, K], the clicks
    logged: np.ndarray
    # float [S, T, K], log-probabilities of what was logged at each position, given what was logged
    # above it too; () for choices of one position or none
    conditional: Nest = ()


def predict_choices(
    simulator: Simulator,
    log: SessionLog,
    batch_size: int = 1000,
    num_draws: int = 200,
    seed: Seed = 0,
) -> ChoicePredictions:
    """Probabilities of clicks at each step of logged sessions, and of what was logged.

    Where a response is a choice and more, as a `tfd.JointDistributionNamed` of a choice and a
    rating, its choice is predicted, given the parts that are drawn before it. The rest has no part
    in it.

    Initial draws that the log lacks are drawn many times from the models, and each draw counts in
    proportion to the likelihood that it gives to what was logged before a step. So the first steps
    are those of a new user, and later ones are predicted by what the user did before. The longer a
    session is, the more draws it takes.

    Args:
      simulator: its user model draws choices of one position or none (`ChoiceDistribution`), or
        clicks (`ClickDistribution`), with purchases or not; alone or as a part of a joint
        distribution.
      log: with everything that the user model draws but some or all of the initial draws.
      batch_size: sessions that are predicted at once; memory grows with it and with the draws.
      num_draws: of each session whose initial draws the log lacks.
      seed: of these draws, an integer or int32 [2].

    Raises:
      ValueError: for another kind of response, or a number below 1.
    """
    check_at_least(1, batch_size=batch_size, num_draws=num_draws)
    scorer = scoring_simulator(simulator)
    size = min(batch_size, log.num_sessions)
    spec = session_spec(scorer, size).initial.user
    logged_draws = by_field(spec, log.initial)
    missing = missing_parts(scorer.users, size, spec, logged_draws)
    log = log._replace(initial=with_zeros(missing, spec, logged_draws, log.num_sessions))
    number = num_draws if missing else 1

    @compiled
    def predict(trajectory, seed):
        num_steps = trajectory.transitions.reward.shape[0]
        sessions = trajectory
        if missing:
            sessions = Trajectory(
                copies(trajectory.initial, number), copies(trajectory.transitions, number, 1), ()
            )
            sessions = draw_parts(missing, scorer.users, sessions, seed)

        def mixed(values, log_weights):
            """[B, ...] of [N * B, ...]: the mean with these weights [N, B]."""
            by_draw = tf.reshape(values, [number, size, *values.shape[1:]])
            weights = tf.exp(log_weights)
            weights = tf.reshape(weights, [*weights.shape, *[1] * (values.shape.rank - 1)])
            return tf.reduce_sum(weights * by_draw, axis=0)

        def record(carry, step, state, transition, log_probs):
            arrays, log_weights = carry
            response = scorer.users.response(state.user, scorer.shown(state, transition))
            clicks, logged = _clicks(response, transition.draws.response)
            log_prob = (
                log_probs["response"]
                if clicks is response
                else log_prob_per_user("response", clicks, logged)
            )
            is_choice = isinstance(clicks, ChoiceDistribution)
            probs = clicks.probs if is_choice else clicks.mean()
            conditional = log_prob[:, tf.newaxis] if is_choice else clicks.conditional(logged)
            down_to = tf.cumsum(conditional, axis=1)
            if missing:
                probs = mixed(probs, log_weights)
                log_prob, down_to = (
                    tf.reduce_logsumexp(
                        log_weights[..., tf.newaxis] + tf.reshape(values, [number, size, -1]), 0
                    )
                    for values in (log_prob, down_to)
                )
                log_prob, logged = log_prob[:, 0], logged[:size]
            values = (probs, log_prob, tf.cast(logged, tf.int32), down_to)
            arrays = tuple(
                array.write(step, value) for array, value in zip(arrays, values, strict=True)
            )
            of_step = sum(log_probs[name] for name in _OF_USERS if name in log_probs)
            log_weights += tf.reshape(of_step, log_weights.shape)
            return arrays, _normalized(log_weights)

        dtype = trajectory.transitions.reward.dtype
        kinds = (dtype, dtype, tf.int32, dtype)
        arrays = tuple(tf.TensorArray(kind, num_steps) for kind in kinds)
        log_weights = tf.zeros([number, size], dtype)
        if missing:
            # Known fields may depend on those that were drawn.
            user = sessions.initial.user
            of_all = log_prob_per_user("user", scorer.users.initial_draws(number * size), user)
            of_drawn = log_prior(missing, scorer.users, user)
            log_weights += tf.reshape(of_all - of_drawn, log_weights.shape)
        carry = arrays, _normalized(log_weights)
        found, _ = scorer.retrace(sessions, record, carry, score=True)
        return tuple(array.stack() for array in found)

    trajectory = as_trajectory(log, scorer, size)
    parts = []
    starts = range(0, log.num_sessions, size)
    for start, own in zip(starts, random.split_seed(seed, len(starts)), strict=True):
        rows = tf.minimum(tf.range(start, start + size), log.num_sessions - 1)
        found = predict(take_sessions(trajectory, rows), own)
        parts.append(
            [np.swapaxes(values.numpy(), 0, 1)[: log.num_sessions - start] for values in found]
        )
    *found, down_to = (np.concatenate(values) for values in zip(*parts, strict=True))
    predictions = ChoicePredictions(*found)
    if is_one_of_k(predictions, log):
        return predictions
    # Below what is impossible nothing is possible.
    with np.errstate(invalid="ignore"):
        conditional = np.diff(down_to, axis=2, prepend=0)
    conditional[np.isnan(conditional)] = -np.inf
    return predictions._replace(conditional=conditional)


def _normalized(log_weights: tf.Tensor) -> tf.Tensor:
    """Logs of weights [N, B] that sum to one, even ones where none is possible."""
    total = tf.reduce_logsumexp(log_weights, axis=0)
    return tf.where(tf.math.is_finite(total), log_weights - total, -np.log(log_weights.shape[0]))


def _clicks(response: tfd.Distribution, draw: Nest) -> tuple[tfd.Distribution, tf.Tensor]:
    """The distribution of clicks in a response, and what was logged of it. Raises a ValueError if
    there is none, or more than one.
    """
    parts = [
        (distribution, value)
        for distribution, value in _parts(response, draw)
        if isinstance(distribution, ChoiceDistribution | ClickDistribution)
    ]
    if len(parts) != 1:
        raise ValueError(
            "responses must be choices of a position or clicks of a ClickModel, alone or as one"
            f" part of a joint distribution, got the distribution {response.name}"
        )
    return parts[0]


def _parts(distribution: tfd.Distribution, draw: Nest) -> list[tuple[tfd.Distribution, Nest]]:
    """The parts of a joint distribution, each given those drawn before it, beside their draws. Of
    clicks and purchases it is the clicks.
    """
    if isinstance(distribution, ClickDistribution):
        clicks = distribution.clicks
        return [(clicks, draw if clicks is distribution else draw.clicked)]
    if not isinstance(distribution, tfd.JointDistribution):
        return [(distribution, draw)]
    # Nothing is sampled, since all values are given.
    distributions, draws = distribution.sample_distributions(value=draw, seed=random.as_seed(0))
    leaves, found = iter(tf.nest.flatten(draws)), []
    for part in tf.nest.flatten(distributions):
        own = [next(leaves) for _ in tf.nest.flatten(part.dtype)]
        found += _parts(part, tf.nest.pack_sequence_as(part.dtype, own))
    return found


class Mean(NamedTuple):
    """A mean over steps."""

    value: float
    standard_error: float  # between sessions; NaN for one session, or where the mean is not finite


def mean_by_session(values: np.ndarray, counted: np.ndarray) -> Mean:
    """The mean of what is counted, with a standard error that is robust to dependence within
    sessions.

    The mean is a ratio of sums over sessions, and its error that of a ratio estimator (Cochran
    1977, "Sampling Techniques", equation 6.13).

    Args:
      values: float [S, ...].
      counted: bool [S, ...], somewhere true.
    """
    count = counted.sum()
    mean = float(np.sum(values, where=counted, dtype=np.float64) / count)
    num_sessions = len(values)
    if num_sessions < 2 or not np.isfinite(mean):
        return Mean(mean, float("nan"))
    axes = tuple(range(1, values.ndim))
    residuals = np.sum(values - mean, axis=axes, where=counted, dtype=np.float64)
    return Mean(
        mean, float(np.sqrt(num_sessions / (num_sessions - 1) * np.sum(residuals**2)) / count)
    )


class ChoiceScores(NamedTuple):
    """Log-likelihoods of the logged choices or clicks a step, in nats."""

    model: Mean
    uniform: Mean  # of a guess that takes all outcomes for equally likely
    frequencies: Mean  # of how often each position was clicked in this log
    gain: Mean  # of the model over the frequencies, paired by step
    # how often the likeliest of K + 1 outcomes came; None where several positions may be clicked
    hit_rate: Mean | None
    impossible: int  # steps whose choice or clicks have probability zero under the model
    num_sessions: int
    num_steps: int


def is_one_of_k(predictions: ChoicePredictions, log: SessionLog) -> bool:
    """Whether one position or none is chosen at a step; if not, any number may be clicked."""
    return predictions.probs.shape[2] == log.slate_size + 1


def logged_clicks(predictions: ChoicePredictions, log: SessionLog) -> np.ndarray:
    """bool [S, T, K]: the positions clicked."""
    if is_one_of_k(predictions, log):
        return predictions.logged[..., np.newaxis] == np.arange(log.slate_size)
    return predictions.logged > 0


def score_choices(predictions: ChoicePredictions, log: SessionLog) -> ChoiceScores:
    """Scores predictions of a log beside two guesses.

    The guesses know which positions hold a document. The frequencies are those of the same log,
    which gives them an advantage. The arguments are those of `calibrate`.
    """
    active = log.active
    choose = _score_choice if is_one_of_k(predictions, log) else _score_clicks
    uniform, frequencies = choose(predictions, log)
    possible = np.isfinite(predictions.log_prob)
    gain = np.where(possible, predictions.log_prob, 0) - frequencies
    hit_rate = None
    if is_one_of_k(predictions, log):
        hit_rate = mean_by_session(
            (np.argmax(predictions.probs, axis=-1) == predictions.logged).astype(np.float64), active
        )
    impossible = int(np.sum(~possible & active))
    return ChoiceScores(
        model=mean_by_session(predictions.log_prob, active),
        uniform=mean_by_session(uniform, active),
        frequencies=mean_by_session(frequencies, active),
        gain=Mean(-np.inf, np.nan) if impossible else mean_by_session(gain, active),
        hit_rate=hit_rate,
        impossible=impossible,
        num_sessions=log.num_sessions,
        num_steps=log.num_steps,
    )


def _score_choice(predictions: ChoicePredictions, log: SessionLog) -> tuple[np.ndarray, np.ndarray]:
    """The log-probabilities of one of K + 1 outcomes under both guesses, [S, T] each."""
    chosen = predictions.logged
    possible = np.concatenate([log.shown, np.ones_like(log.shown[..., :1])], axis=-1)
    frequencies = np.bincount(chosen[log.active], minlength=log.slate_size + 1) / log.num_steps
    return -np.log(possible.sum(axis=-1)), np.log(frequencies[chosen]) - np.log(
        possible @ frequencies
    )


def _score_clicks(predictions: ChoicePredictions, log: SessionLog) -> tuple[np.ndarray, np.ndarray]:
    """The log-probabilities of independent clicks under both guesses, [S, T] each."""
    clicked = logged_clicks(predictions, log)
    counted = log.shown & log.active[..., np.newaxis]
    rates = np.sum(clicked & counted, axis=(0, 1)) / np.maximum(counted.sum(axis=(0, 1)), 1)
    logged = np.where(counted, np.where(clicked, rates, 1 - rates), 1)
    return -np.log(2) * log.shown.sum(axis=-1), np.log(logged).sum(axis=-1)


class Calibration(NamedTuple):
    """Predicted and observed click rates of the positions shown, in Q bins of predictions, from low
    to high.
    """

    predicted: np.ndarray  # float64 [Q], mean prediction of the bin
    observed: np.ndarray  # float64 [Q], click rate of the bin
    # float64 [Q], of observed - predicted, between sessions; NaN for one session
    standard_error: np.ndarray
    num_shown: np.ndarray  # int64 [Q], predictions in the bin
    # mean of |observed - predicted| over all positions shown, the expected calibration error
    expected_error: float
    noise: float  # what that mean comes to for perfect predictions and these standard errors


def calibrate(predictions: ChoicePredictions, log: SessionLog, num_bins: int = 10) -> Calibration:
    """Compares predicted click probabilities with clicks, over all positions shown at all steps.

    Bins hold about equally many predictions, and fewer of them are made where predictions repeat.
    The expected calibration error is that of Naeini et al. 2015, "Obtaining well calibrated
    probabilities using Bayesian binning", with these bins.

    Args:
      predictions: of `predict_choices` for this log.
      log: which documents were shown, and when sessions ended.
      num_bins: at least 1.

    Raises:
      ValueError: if nothing was shown.
    """
    check_at_least(1, num_bins=num_bins)
    counted = log.shown & log.active[..., np.newaxis]
    if not counted.any():
        raise ValueError("the log must show at least one document, got empty slates alone")
    probs = predictions.probs[..., : log.slate_size].astype(np.float64)
    clicked = logged_clicks(predictions, log)
    edges = np.unique(np.quantile(probs[counted], np.linspace(0, 1, num_bins + 1)))
    # The highest prediction belongs to the last bin; where all are the same there is one.
    bins = np.clip(np.searchsorted(edges, probs, side="right") - 1, 0, max(len(edges) - 2, 0))
    rows = []
    for number in np.unique(bins[counted]):
        inside = counted & (bins == number)
        gap = mean_by_session(clicked - probs, inside)
        rows.append(
            (probs[inside].mean(), clicked[inside].mean(), gap.standard_error, inside.sum())
        )
    predicted, observed, error, num_shown = (np.array(column) for column in zip(*rows, strict=True))
    weights = num_shown / num_shown.sum()
    return Calibration(
        predicted=predicted,
        observed=observed,
        standard_error=error,
        num_shown=num_shown,
        expected_error=float(weights @ np.abs(observed - predicted)),
        # The mean of the absolute value of a normal variable.
        noise=float(weights @ error * np.sqrt(2 / np.pi)),
    )
