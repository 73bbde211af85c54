# SPDX-License-Identifier: Apache-2.0
"""Checks of sessions: copies, sessions that were left out, users who are no people, and amounts."""

import numpy as np

from recsim_tf.logs.examination.chance import bound
from recsim_tf.logs.examination.columns import Columns
from recsim_tf.logs.examination.findings import FAULT, INTERVALS, SESSIONS, SOUND, Finding
from recsim_tf.logs.hashes import row_hashes
from recsim_tf.support.tables import share
from recsim_tf.support.tails import pareto_k
from recsim_tf.support.verdicts import CANNOT_TELL, WITH_CARE

_FEWEST_PAIRS = 10  # contents that occur twice, from which copies can be told from chance
_FEWEST_COPIES = 5  # pairs of sessions with the same time
_FEWEST_SESSIONS = 50
_FEWEST_MISSING = 6.0  # sessions expected without a click, from which it tells that there are none
_FEWEST_CHANCES = 5  # documents or steps of a user that clicks on all
_FEWEST_BOTS = 3
_HEAVY = 0.5  # the k-hat of amounts without a variance
_FEW_AMOUNTS = 3  # values that clicks may pay


def copies(columns: Columns) -> Finding:
    """Looks for sessions that stand in the log several times under other ids."""
    finding = Finding(
        "copies",
        "Are sessions there more than once?",
        SOUND,
        None,
        "share of the sessions that equal another",
        "As many sessions are equal as chance makes.",
        harms=INTERVALS,
    )
    _, counts = np.unique(columns.content, return_counts=True)
    once = int(np.sum(counts == 1))
    least = np.sqrt(1.5 * bound(1) ** 2 * max(once, 1)) / columns.num_sessions
    finding = finding._replace(
        value=float(counts[counts > 1].sum() / counts.sum()),
        power=f"Copies of {share(min(least, 1.0))} of the sessions would be seen.",
    )
    fault = _of_counts(counts)
    if not isinstance(columns.time, tuple):
        words = "begin at the same time"
        fault = fault or _alike_in(columns.begins, words, columns, counts)
        finding = finding._replace(
            power=f"{finding.power} {_FEWEST_COPIES} copies with the same time would be seen."
        )
    if not isinstance(columns.ids, tuple):
        fault = fault or _alike_in(columns.ids, "have the same id", columns, counts)
    if not fault:
        return finding
    return finding._replace(word=FAULT, sentence=fault, advice="Leave the copies out of the log.")


def _alike_in(values: np.ndarray, words: str, columns: Columns, counts: np.ndarray) -> str:
    """A fault of equal sessions that share a value of [S], in words; "" for none."""

    def pairs(counts: np.ndarray) -> float:
        return float(np.sum(counts * (counts - 1.0)) / 2)

    _, together = np.unique(values, return_counts=True)
    both = row_hashes([columns.content, values], columns.num_sessions)
    number = pairs(np.unique(both, return_counts=True)[1])
    expected = pairs(together) * pairs(counts) / max(pairs(np.array([counts.sum()])), 1.0)
    if number < _FEWEST_COPIES or number <= expected + bound(1) * np.sqrt(expected + 1):
        return ""
    return (
        f"{number:,.0f} pairs of sessions {words} and are equal, where chance makes"
        f" {expected:.1f}: sessions were copied."
    )


def _of_counts(counts: np.ndarray) -> str:
    """A fault of the numbers of sessions with equal content; "" for none.

    The contents of independent sessions occur once, twice and three times in numbers f1, f2 and f3
    with f1 f3 >= 2/3 f2^2, since they are mixtures of Poisson variables.
    """
    divisor = int(np.gcd.reduce(counts))
    if divisor > 1 and len(counts) >= _FEWEST_PAIRS:
        return f"Each session is in the log {divisor} times, or a multiple of it, by its content."
    once, twice, thrice = (float(np.sum(counts == number)) for number in (1, 2, 3))
    if twice < _FEWEST_PAIRS:
        return ""
    expected = 2 / 3 * twice**2 / max(once, 0.5)
    error = np.hypot(expected * np.sqrt(4 / twice + 1 / max(once, 0.5)), np.sqrt(expected))
    if expected - thrice <= bound(1) * error:
        return ""
    return (
        f"{int(twice):,} contents of sessions are in the log twice and {int(thrice):,} three times,"
        f" where chance makes at least {expected:.0f}: sessions were copied."
    )


def missing_sessions(columns: Columns) -> Finding:
    """Looks for signs that sessions without a click were left out."""
    finding = Finding(
        "sessions without a click",
        "Are sessions without a click there?",
        CANNOT_TELL,
        None,
        "share of the sessions",
        "The log has no clicks.",
        harms=SESSIONS,
    )
    if isinstance(columns.clicked, tuple):
        return finding
    clicked = columns.clicked.any(axis=1)
    without = columns.by_session(clicked) == 0
    finding = finding._replace(word=SOUND, value=float(without.mean()))
    if without.any():
        return finding._replace(sentence=f"{share(without.mean())} of the sessions have no click.")
    if columns.num_sessions < _FEWEST_SESSIONS:
        return finding._replace(word=CANNOT_TELL, sentence="The log has too few sessions to tell.")
    left_out = finding._replace(
        word=FAULT,
        sentence="No session is without a click.",
        advice="Log each session from its beginning, also where nothing is clicked.",
    )
    if columns.length.max() == 1:
        is_choice = columns.clicked.sum(axis=1).max() == 1
        return left_out._replace(
            word=WITH_CARE if is_choice else FAULT,
            sentence="No session is without a click: they were left out, or each user must click.",
        )
    # Steps after the first click say how often a step has a click, whichever sessions are kept.
    before = np.cumsum(clicked) - clicked
    start = np.repeat(before[columns.is_first], columns.length)
    later = before > start
    rate = float(clicked[later].mean()) if later.any() else 1.0
    kept = 1 - (1 - rate) ** columns.length
    expected = float(np.sum((1 - kept) / np.maximum(kept, 1e-9)))
    if expected < _FEWEST_MISSING:
        return finding._replace(
            sentence="Each session has a click, as the rate of clicks lets expect."
        )
    return left_out._replace(
        sentence=f"No session is without a click, where {expected:,.0f} are expected:"
        f" {share(rate)} of the steps after a first click have one."
    )


def clicks_on_all(columns: Columns) -> Finding:
    """Looks for users who click on all that they are shown."""
    finding = Finding(
        "clicks on all",
        "Do all users choose what they click?",
        CANNOT_TELL,
        None,
        "share of the users",
        "The log has no clicks.",
        harms=SESSIONS,
    )
    if isinstance(columns.clicked, tuple):
        return finding
    several = bool((columns.clicked.sum(axis=1) > 1).any())
    chances = columns.shown.sum(axis=1) if several else np.ones(len(columns.shown))
    hits = columns.clicked.sum(axis=1)
    units = columns.session if isinstance(columns.users, tuple) else columns.users[columns.session]
    number, clicks = np.bincount(units, chances), np.bincount(units, hits)
    has_many = number >= _FEWEST_CHANCES
    misses = (number - clicks)[has_many]
    if not len(misses):
        return finding._replace(
            sentence=f"No user meets {_FEWEST_CHANCES} documents, so nobody is known to click on"
            " all."
        )
    none, once, twice = (int(np.sum(misses == count)) for count in range(3))
    finding = finding._replace(word=SOUND, value=none / len(misses))
    expected = once**2 / max(twice, 1)
    is_rate_high = hits.sum() > 0.9 * chances.sum()
    if none < _FEWEST_BOTS or is_rate_high or none <= expected + 3 * np.sqrt(expected + 1):
        return finding._replace(
            sentence="As many users click on all as those with a miss or two let expect.",
            power=f"{_FEWEST_BOTS} users who click on all would be seen.",
        )
    part = clicks[has_many & (number == clicks)].sum() / hits.sum()
    return finding._replace(
        word=FAULT,
        sentence=f"{none:,} users click on all that they are shown, {share(part)} of the clicks;"
        f" {once:,} users have one miss and {twice:,} have two: they are no people.",
        advice="Leave these users out, if people are to be judged.",
    )


def amounts(columns: Columns) -> Finding:
    """Looks for amounts that are so large that a few of them decide the mean."""
    finding = Finding(
        "amounts",
        "Do a few amounts decide the mean?",
        CANNOT_TELL,
        None,
        "k-hat of the rewards",
        "The log has no rewards.",
        harms=INTERVALS,
    )
    if isinstance(columns.reward, tuple):
        return finding
    values = np.abs(columns.reward[columns.reward != 0])
    deviations = (columns.returns - columns.returns.mean()) ** 2
    largest = float(deviations.max(initial=0.0) / max(deviations.sum(), 1e-300))
    unseen = min(3 / columns.num_sessions, 1.0)
    finding = finding._replace(
        word=SOUND,
        value=pareto_k(values),
        sentence="No session decides the mean.",
        power=f"An amount in fewer than {share(unseen)} of the sessions may be"
        " missing unseen, however large it is.",
    )
    k = finding.value
    if len(np.unique(values)) > _FEW_AMOUNTS and k is not None and k > _HEAVY:
        return finding._replace(
            word=WITH_CARE,
            sentence=f"The rewards have a tail (k-hat {k:.2f}) with which a mean has no error that"
            " can be known.",
            advice="Judge counts, or amounts that are capped, and say so.",
        )
    if columns.num_sessions < _FEWEST_SESSIONS:
        return finding._replace(word=CANNOT_TELL, sentence="The log has too few sessions to tell.")
    if largest > 0.2:
        return finding._replace(
            word=WITH_CARE,
            sentence=f"A single session has {share(largest)} of the variance of the returns.",
            advice="Judge counts, or amounts that are capped, and say so.",
        )
    return finding
