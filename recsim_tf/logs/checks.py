# SPDX-License-Identifier: Apache-2.0
"""Checks of the fields of a log."""

from typing import Any

import numpy as np
import tensorflow as tf

# The fields with an axis of time.
STEPS = (
    *("documents", "shown", "hidden", "response", "innovation", "query", "engagement"),
    *("slate", "candidates", "reward", "propensity", "target", "observation", "discount"),
)
_ROUNDING = 1e-5  # rounding error of probabilities, which are mostly float32
# Absolute and relative difference that two fields with the same log-probability may have.
LOG_ROUNDING = 1e-3
_LARGEST_REWARD = 1e100  # of which float64 has the square, for standard errors
_KINDS = {"b": "bool", "iu": "integers", "biuf": "numbers"}


def check(log: Any) -> None:
    """Raises the errors of `Log.check`."""
    _check_sizes(log)
    if not isinstance(log.slate, tuple):
        _check_slates(log)
    if not isinstance(log.reward, tuple):
        _require(log, "reward must be finite", np.isfinite(log.reward), log.reward)
        is_small = np.abs(np.asarray(log.reward, np.float64)) <= _LARGEST_REWARD
        _require(log, f"reward must be at most {_LARGEST_REWARD:g} in size", is_small, log.reward)
        if log.reward.shape[2] > 1 and not isinstance(log.slate, tuple):
            earned = (log.slate >= 0) | (log.reward == 0)
            _require(log, "reward of an empty position must be 0", earned, log.reward)
    if not isinstance(log.discount, tuple):
        in_range = (log.discount >= 0) & (log.discount <= 1)
        _require(log, "discount must be in [0, 1]", in_range, log.discount)
    for name, log_probs in (("propensity", log.propensity), ("target", log.target)):
        _check_log_probs(log, name, log_probs)


def require_once(log: Any, name: str, values: np.ndarray) -> None:
    """Raises a ValueError if a step of [S, T, K] contains a number other than -1 twice."""
    ordered = np.sort(values, axis=2)
    is_repeated = np.zeros(ordered.shape, bool)
    is_repeated[..., 1:] = (ordered[..., 1:] == ordered[..., :-1]) & (ordered[..., 1:] >= 0)
    _require(log, f"{name} must contain a document at most once in a step", ~is_repeated, ordered)


def _check_sizes(log: Any) -> None:
    slates = log.slate if isinstance(log.shown, tuple) else log.shown
    if not _is_array(log.length, 1) or not len(log.length) or not _is_array(slates, 3):
        raise ValueError(
            "log must have sessions with slates: length [S], and shown or slate [S, T, K]"
        )
    number, (_, num_steps, size) = len(log.length), slates.shape
    _check_lengths(log.length, num_steps)
    for name in STEPS:
        for leaf in tf.nest.flatten(getattr(log, name)):
            if tuple(getattr(leaf, "shape", ()))[:2] != (number, num_steps):
                raise ValueError(
                    f"{name} must have the sessions and steps of the log,"
                    f" {[number, num_steps]}, got {_described(leaf)}"
                )
    for leaf in tf.nest.flatten(log.initial):
        if tuple(getattr(leaf, "shape", ()))[:1] != (number,):
            raise ValueError(
                f"initial must have the {number} sessions of the log, got {_described(leaf)}"
            )
    steps = (number, num_steps)
    _require_array("departed", log.departed, "b", (number,))
    _require_array("shown", log.shown, "b", (*steps, size))
    _require_array("slate", log.slate, "biuf", (*steps, size))
    _require_array("engagement", log.engagement, "biuf", (*steps, size))
    _require_array("discount", log.discount, "biuf", steps)
    if _is_array(log.reward, 3) and log.reward.shape[2] not in (1, size):
        raise ValueError(
            f"reward must have 1 or slate_size={size} entries a step, got {[log.reward.shape[2]]}"
        )
    _require_array("reward", log.reward, "biuf", (*steps, 1), (*steps, size))
    num_candidates = [leaf.shape[2] for leaf in _seen_candidates(log)[:1]]
    if not isinstance(log.candidates, tuple):
        num_candidates = num_candidates or [
            log.candidates.shape[2] if _is_array(log.candidates, 3) else 1
        ]
        _require_array("candidates", log.candidates, "iu", (*steps, *num_candidates))
    for leaf in tf.nest.flatten(log.documents):
        if tuple(leaf.shape[:3]) != (*steps, size):
            raise ValueError(
                f"documents must have the positions of slates, {[*steps, size]}, got"
                f" {_described(leaf)}"
            )
    for name, log_probs in (("propensity", log.propensity), ("target", log.target)):
        for field, values in log_probs._asdict().items():
            shape = (*steps, size) if field in ("prefix", "position") else steps
            _require_array(f"{name}.{field}", values, "biuf", shape)


def _check_lengths(length: np.ndarray, num_steps: int) -> None:
    wrong = ~((length >= 1) & (length <= num_steps) & (length == np.floor(length)))
    if wrong.any():
        raise ValueError(
            f"length must be whole numbers in [1, {num_steps}], got {length[wrong][0]} of session"
            f" {np.argmax(wrong)}"
        )
    _require_array("length", length, "iu", length.shape)


def _check_slates(log: Any) -> None:
    slate, highest, most = log.slate, 2**31, "2^31"
    is_given = not isinstance(log.candidates, tuple)
    candidates = [log.candidates] if is_given else _seen_candidates(log)
    if candidates:
        highest = candidates[0].shape[2]
        most = f"the number of candidates, {highest}"
    is_position = (slate >= -1) & (slate < highest) & (slate == np.floor(slate))
    message = f"slate must hold whole numbers from -1 to below {most}"
    _require(log, message, is_position, slate)
    if is_given:
        require_once(log, "candidates", log.candidates)
    # Policies that are judged from a log show no document twice.
    if is_given or tf.nest.flatten([log.propensity, log.target]):
        require_once(log, "slate", slate)


def _check_log_probs(log: Any, name: str, log_probs: Any) -> None:
    for field, values in log_probs._asdict().items():
        if isinstance(values, tuple):
            continue
        argument = f"{name}.{field} must be a log-probability"
        _require(log, f"{argument}, at most 0", values <= _ROUNDING, values)
        if name == "propensity":
            _require(log, f"{argument} of what was shown", values > -np.inf, values)
    prefix, whole = log_probs.prefix, log_probs.slate
    if not isinstance(prefix, tuple):
        before = np.concatenate([np.zeros_like(prefix[..., :1]), prefix[..., :-1]], axis=2)
        falls = prefix <= before + _ROUNDING
        _require(log, f"{name}.prefix must fall along the slate", falls, prefix)
        if not isinstance(whole, tuple):
            last = prefix[..., -1]
            same = np.isclose(last, whole, LOG_ROUNDING, LOG_ROUNDING) | (last == whole)
            message = f"{name}.prefix of the last position must be {name}.slate"
            _require(log, message, same, last)
    if isinstance(whole, tuple):
        return
    for field, least in (("set", whole), ("position", whole[..., np.newaxis])):
        values = getattr(log_probs, field)
        if not isinstance(values, tuple):
            holds = values >= least - LOG_ROUNDING
            _require(log, f"{name}.{field} must be at least {name}.slate", holds, values)


def _require(log: Any, message: str, holds: np.ndarray, values: np.ndarray) -> None:
    wrong = np.argwhere(log.where_active(~holds))
    if len(wrong):
        names = ("session", "step", "position")
        place = ", ".join(f"{name} {at}" for name, at in zip(names, wrong[0], strict=False))
        raise ValueError(f"{message}, got {values[tuple(wrong[0])]:g} at {place}")


def _require_array(name: str, value: Any, kinds: str, *shapes: tuple[int, ...]) -> None:
    """Raises a ValueError unless a field is (), or an array of an allowed kind and shape."""
    if isinstance(value, np.ndarray):
        holds = value.dtype.kind in kinds and value.shape in shapes
    else:
        holds = isinstance(value, tuple) and not value
    if holds:
        return
    allowed = " or ".join(str(list(shape)) for shape in shapes)
    raise ValueError(f"{name} must be {_KINDS[kinds]} {allowed}, got {_described(value)}")


def _is_array(value: Any, rank: int) -> bool:
    return isinstance(value, np.ndarray) and value.ndim == rank


def _seen_candidates(log: Any) -> list[Any]:
    """The agents' observations of the candidates, [S, T, N, ...] each."""
    return tf.nest.flatten(getattr(log.observation, "documents", ()))


def _described(value: Any) -> str:
    """The type and shape of an array, or the type of something else."""
    if not hasattr(value, "shape"):
        return type(value).__name__
    return f"{np.asarray(value).dtype.name} {list(value.shape)}"
