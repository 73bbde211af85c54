"""What a model says of another policy, period or segment than that to which it was fitted."""

from collections.abc import Mapping
from typing import Any, NamedTuple

import numpy as np

from recsim_tf.core.nests import fields_of
from recsim_tf.fitting.checks.choices import mean_by_session
from recsim_tf.logs.log import Log
from recsim_tf.support.means import Mean

_FIRST = 200  # events of the other log
_LEAST = 1e-6  # probability


class Foretold(NamedTuple):
    """A model's click probabilities on another log."""

    predicted: float  # the click rate of a document shown
    logged: Mean  # the same of the log, with its error between sessions
    gap: Mean  # logged less predicted
    # nats a document shown, beyond the rate of the first 200 events of that log
    gain: Mean

    @property
    def z_score(self) -> float:
        """The gap in its standard errors; NaN where these are zero."""
        return self.gap.value / (self.gap.standard_error or float("nan"))


def foretell(
    probs: np.ndarray, clicked: np.ndarray, counted: np.ndarray, users: Any = ()
) -> Foretold:
    """Of click probabilities [S, T, K], clicks and what counts, bool [S, T, K], and users as of
    `mean_by_session`.
    """
    probs = probs.astype(np.float64)
    first = clicked[counted][:_FIRST]
    rate = (first.sum() + 0.5) / (len(first) + 1)
    return Foretold(
        predicted=float(probs[counted].mean()),
        logged=mean_by_session(clicked.astype(np.float64), counted, users),
        gap=mean_by_session(clicked - probs, counted, users),
        gain=mean_by_session(nats(probs, clicked) - nats(rate, clicked), counted, users),
    )


def nats(probs: np.ndarray | float, clicked: np.ndarray) -> np.ndarray:
    """The log-probabilities of clicks, and of none, under probabilities in [1e-6, 1 - 1e-6], which
    others become.
    """
    probs = np.clip(np.asarray(probs, np.float64), _LEAST, 1 - _LEAST)
    return np.where(clicked, np.log(probs), np.log1p(-probs))


def in_segment(log: Log, segment: Mapping[str, Any]) -> np.ndarray:
    """bool [S]: the sessions of which fields of the initial draws have these values.

    Raises:
      ValueError: for a field that the log lacks, and a segment of all sessions or none.
    """
    known = log.initial if isinstance(log.initial, Mapping) else fields_of(log.initial)
    fields = {name: leaf for name, leaf in known.items() if np.shape(leaf) == (log.num_sessions,)}
    inside = np.ones(log.num_sessions, bool)
    for name, value in segment.items():
        if name not in fields:
            raise ValueError(
                "hold_out_segment must name fields of the log's initial draws that are one number a"
                f" session, {', '.join(fields) or 'of which it has none'}, got {name}"
            )
        inside &= np.asarray(fields[name]) == value
    if inside.all() or not inside.any():
        raise ValueError(
            f"hold_out_segment must be a part of the {log.num_sessions:,} sessions, got"
            f" {segment!r} of {inside.sum():,}"
        )
    return inside
