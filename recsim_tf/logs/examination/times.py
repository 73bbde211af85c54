# SPDX-License-Identifier: Apache-2.0
"""Checks of times: days, changes of the users, and changes of the logging policy."""

import numpy as np

from recsim_tf.logs.examination.chance import (
    FALSE_ALARM,
    chi_squared_p_value,
    shares_differ,
    trends,
    visible,
)
from recsim_tf.logs.examination.columns import Columns
from recsim_tf.logs.examination.findings import INTERVALS, SESSIONS, SOUND, WEIGHTS, Finding
from recsim_tf.logs.hashes import row_hashes
from recsim_tf.support.tables import share
from recsim_tf.support.verdicts import CANNOT_TELL, WITH_CARE

_FEWEST_DAYS, _MOST_DAYS = 3, 1000
_NUM_SPANS = 10
# Drift is hard to see, and common.
_FALSE_ALARM_OF_DRIFT = 0.01


def spans(columns: Columns) -> tuple[np.ndarray, str] | None:
    """The day of each session, int64 [S] in [0, D), or the tenth of the log's time where a day is
    unknown or there are fewer than three; and the unit. None for a log without times.
    """
    if isinstance(columns.time, tuple):
        return None
    begins = columns.begins
    if columns.are_days:
        days, index = np.unique(np.floor(begins), return_inverse=True)
        if _FEWEST_DAYS <= len(days) <= _MOST_DAYS:
            return index, "day"
    length = np.ptp(begins)
    if not length > 0:
        return None
    tenth = np.floor((begins - begins.min()) / length * _NUM_SPANS)
    return np.minimum(tenth, _NUM_SPANS - 1).astype(np.int64), "tenth of the time"


def days(columns: Columns) -> Finding:
    """Looks for returns that differ from day to day by more than chance."""
    finding = Finding(
        "days",
        "Do returns differ from day to day?",
        CANNOT_TELL,
        None,
        "of the mean return, standard deviation between days",
        "The log has no times or no rewards.",
        harms=INTERVALS,
    )
    of_sessions = spans(columns)
    if isinstance(columns.time, tuple) or isinstance(columns.reward, tuple):
        return finding
    index, unit = of_sessions or (np.zeros(columns.num_sessions, np.int64), "day")
    counts = np.bincount(index)
    is_used = counts > 1
    number, size = int(is_used.sum()), counts[is_used]
    if number < _FEWEST_DAYS or columns.num_sessions < 5 * number:
        return finding._replace(sentence="The log has too few sessions a day to tell.")
    sums = np.bincount(index, columns.returns)[is_used]
    mean, variance = columns.returns.mean(), columns.returns.var(ddof=1)
    if not variance:
        return finding._replace(word=SOUND, value=0.0, sentence="All returns are the same.")
    total = float(np.sum(size * (sums / size - mean) ** 2) / variance)
    excess = max(total - (number - 1), 0.0) * variance / np.sum(size)
    part = float(np.sqrt(excess) / max(abs(mean), 1e-300))
    chance = np.sqrt(variance / np.mean(size)) / max(abs(mean), 1e-300)
    finding = finding._replace(
        word=SOUND,
        value=part,
        sentence=f"Returns do not differ from {unit} to {unit} by more than chance.",
        power=f"A standard deviation of {share(chance * np.sqrt(visible(1) * np.sqrt(2 / number)))}"
        f" between units of a {unit} would be seen.",
    )
    if chi_squared_p_value(total, number - 1) > FALSE_ALARM:
        return finding
    return finding._replace(
        word=WITH_CARE,
        sentence=f"Returns go up and down by {share(part)} from {unit} to {unit}, so sessions of a"
        f" {unit} are not independent.",
        advice=f"Intervals must be of {number} {unit}s, not of {columns.num_sessions:,} sessions.",
    )


def drift(columns: Columns) -> Finding:
    """Looks for users who answer the same document differently early and late in the log."""
    finding = Finding(
        "drift",
        "Do users stay as they were?",
        CANNOT_TELL,
        None,
        "p-value",
        "The log has no times, documents or clicks.",
        harms=SESSIONS,
    )
    unknown = (columns.time, columns.slate, columns.clicked)
    if any(isinstance(each, tuple) for each in unknown):
        return finding
    rows = columns.independent
    places = columns.shown[rows]
    cells, hits = columns.documents[rows][places], columns.clicked[rows][places]
    positions = np.broadcast_to(np.arange(places.shape[1]), places.shape)[places]
    contexts = np.broadcast_to(columns.context[rows][:, np.newaxis], places.shape)[places]
    order = np.argsort(np.argsort(columns.time[rows], kind="stable"), kind="stable")
    order = np.broadcast_to(order[:, np.newaxis], places.shape)[places]
    rates = np.bincount(positions, hits) / np.maximum(np.bincount(positions), 1)
    hits = hits - rates[positions]  # Positions take no part in what changes.
    partitions = [
        row_hashes([cells, positions.astype(np.int64)], len(cells)),
        row_hashes([cells, contexts], len(cells)),
    ]
    tests = [trends(each, order, hits) for each in partitions]
    asked = [p_value for p_value, number in tests if number]
    if not asked:
        return finding._replace(sentence="No document is shown often enough to tell.")
    p_value = min(1.0, min(asked) * len(asked))
    finding = finding._replace(
        word=SOUND,
        value=p_value,
        sentence="Early and late users click on the same documents alike.",
    )
    if p_value > _FALSE_ALARM_OF_DRIFT:
        return finding
    return finding._replace(
        word=WITH_CARE,
        sentence="Users click on the same documents otherwise late than early in the log (p"
        f" {p_value:.1g}), so a value is of the log's days, not of those to come.",
        advice="Judge policies from the last days alone, or again when they are live.",
    )


def changing_policy(columns: Columns) -> Finding:
    """Looks for a logging policy that changed during the log, as a bandit does."""
    finding = Finding(
        "logging policy",
        "Did the logging policy stay the same?",
        CANNOT_TELL,
        None,
        "p-value",
        "The log has no times or documents.",
        harms=WEIGHTS,
    )
    if isinstance(columns.time, tuple) or isinstance(columns.slate, tuple):
        return finding
    rows = columns.independent
    is_late, slates = _is_late(columns, rows), columns.documents[rows]
    tests = [shares_differ(documents, is_late) for documents in slates.T]
    asked = [p_value for p_value, number in tests if number > 1]
    if not asked:
        return finding._replace(sentence="The log has too few slates to tell.")
    p_value = min(1.0, min(asked) * len(asked))
    finding = finding._replace(
        word=SOUND, value=p_value, sentence="Early and late slates have the same documents."
    )
    if p_value > FALSE_ALARM:
        return finding
    return finding._replace(
        word=WITH_CARE,
        sentence="The logging policy changed during the log (p"
        f" {p_value:.1g}), as a policy that learns does: slates that it left have few sessions of"
        " large weight, and estimates with weights may be too high or too low.",
        advice="Judge policies from the sessions after the change, or use wide intervals.",
    )


def _is_late(columns: Columns, rows: np.ndarray) -> np.ndarray:
    """Tells which steps at places int [U] are in the later half of the log's time, bool [U]."""
    return columns.time[rows] > np.median(columns.time[rows])
