# SPDX-License-Identifier: Apache-2.0
"""Checks of propensities: whether they are those of the slates, and which slates they allow."""

from typing import NamedTuple

import numpy as np

from recsim_tf.logs.examination.chance import FALSE_ALARM, at_least, bound, trends, visible
from recsim_tf.logs.examination.columns import Columns
from recsim_tf.logs.examination.findings import FAULT, SOUND, WEIGHTS, Finding
from recsim_tf.support.means import Mean
from recsim_tf.support.tables import share
from recsim_tf.support.tails import pareto_k
from recsim_tf.support.verdicts import CANNOT_TELL, WITH_CARE

# A mean of inverse propensities with a higher k-hat is mostly too low, with too small an error.
_HIGHEST_K = 0.3
_FEWEST_STEPS = 10  # of a cell whose share is compared with its propensity
_SURE = 0.99  # a propensity from which a slate counts as sure
_FEW = 0.005  # a share of steps that a finding leaves out
_ROUNDED = 0.005  # propensities may be off by so much where they are rounded
_ALIKE = 1e-6  # relative difference of propensities that count as equal
_FEWEST_ALIKE = 5  # slates with the smallest propensity, which then is a floor
_FEWEST_SESSIONS = 100
_DEVIANTS = 3  # the fewest steps with a propensity of another slate
_MOST_DEVIANTS = 0.3  # the largest share of such steps; beyond, the policy may have changed


class _Sums(NamedTuple):
    """Inverse propensities of the first steps of sessions."""

    mean: Mean
    pareto_k: float
    possible: float  # slates that the candidates allow, mean; NaN where candidates are unknown


def wrong_propensities(columns: Columns) -> Finding:
    """Looks for propensities that are not those of the slates that were shown.

    The mean of 1 / propensity is the number of slates that a policy can show. A slate is shown as
    often as its propensity says. The same slate in the same context has one propensity.
    """
    finding = Finding(
        "propensities",
        "Are the propensities right?",
        CANNOT_TELL,
        None,
        "slates, mean of 1 / propensity",
        "The log has no propensities of slates.",
        harms=WEIGHTS,
        advice="Log the probability of each slate, or estimate it by ope.fit_logging.",
    )
    if isinstance(columns.propensity, tuple) or isinstance(columns.slate, tuple):
        return finding
    sums = _sums(columns)
    fault = (
        _of_documents(columns, sums)
        or _of_others(columns)
        or _too_small(columns)
        or _too_small_together(columns, sums)
    )
    finding = finding._replace(value=sums.mean.value)
    if columns.num_sessions < _FEWEST_STEPS:
        return finding._replace(sentence="The log has too few sessions to tell.", advice="")
    powers = []
    if np.isnan(sums.possible):
        powers.append(
            "The log does not say what could have been shown, so propensities of a document in"
            " place of the slate would not be seen."
        )
    elif not _has_floor(columns) and np.isfinite(sums.mean.standard_error):
        excess = max(visible(sums.mean.standard_error) / sums.possible, _ALIKE)
        seen = excess / (1 + excess)
        powers.append(f"Propensities that are all {share(seen)} too small would be seen.")
    contexts = columns.first_steps(columns.context)
    if np.unique(contexts, return_counts=True)[1].max() < _FEWEST_STEPS:
        powers.append(
            "Contexts do not recur, so propensities that belong to others would not be seen."
        )
    return finding._replace(
        word=FAULT if fault else SOUND,
        sentence=fault or "Slates are shown as often as their propensities say.",
        power=" ".join(powers),
        advice="Mend the propensities before any estimate with weights." if fault else "",
    )


def support(columns: Columns) -> Finding:
    """Looks for slates that the logging policy could not show, as its propensities say."""
    finding = Finding(
        "support",
        "Which slates could be shown?",
        CANNOT_TELL,
        None,
        "share of the slates that candidates allow",
        "The log has no propensities of slates.",
        harms=WEIGHTS,
    )
    if isinstance(columns.propensity, tuple) or isinstance(columns.slate, tuple):
        return finding
    sums = _sums(columns)
    is_sure = columns.propensity > _SURE
    if not isinstance(columns.num_slates, tuple):
        is_sure &= columns.num_slates > 1
    sure = float(np.mean(is_sure))
    covered = sums.mean.value / sums.possible
    error = sums.mean.standard_error / sums.possible
    unseen = min(3 / columns.num_sessions, 1.0)
    finding = finding._replace(
        value=covered,
        power=f"Slates that a policy shows in fewer than {share(unseen)} of sessions may be missing"
        " unseen.",
    )
    if sure > _FEW:
        return finding._replace(
            word=WITH_CARE,
            sentence=f"{share(sure)} of the steps show a slate that was sure to be shown, so the"
            " log has no other slate there.",
            advice="Judge policies there by a model, or leave such users out.",
        )
    if np.isnan(covered):
        return finding._replace(sentence="The log does not say what could have been shown.")
    if _has_floor(columns):
        return finding._replace(
            word=SOUND,
            sentence="Small propensities were rounded or raised, so slates that are left out cannot"
            " be told from slates that are seldom shown.",
        )
    if columns.num_sessions < _FEWEST_SESSIONS:
        return finding._replace(sentence="The log has too few sessions to tell.")
    is_clear = error < covered / 4 and not sums.pareto_k > _HIGHEST_K
    if is_clear and 1 - covered > bound(1) * error and covered < 0.97:
        return finding._replace(
            word=WITH_CARE,
            sentence=f"By the propensities {share(1 - covered)} of the slates that candidates allow"
            " are never shown.",
            advice="A policy that shows them cannot be judged by weights.",
        )
    return finding._replace(word=SOUND, sentence="No slate is known to be left out.")


def _has_floor(columns: Columns) -> bool:
    """Tells whether several slates share the smallest propensity, which then is no exact number: it
    was rounded, or raised to a floor.
    """
    propensity = columns.first_steps(columns.propensity)
    is_smallest = propensity <= propensity.min() * (1 + _ALIKE)
    number = len(np.unique(columns.first_cells[is_smallest]))
    is_even = np.ptp(propensity) <= _ALIKE
    return number >= _FEWEST_ALIKE and not is_even


def _sums(columns: Columns) -> _Sums:
    inverse = 1 / np.maximum(columns.first_steps(columns.propensity), np.finfo(float).tiny)
    users = None if isinstance(columns.users, tuple) else columns.users
    sizes = columns.num_slates
    possible = np.nan if isinstance(sizes, tuple) else float(columns.first_steps(sizes).mean())
    return _Sums(Mean.of(inverse, users), pareto_k(inverse), possible)


def _of_documents(columns: Columns, sums: _Sums) -> str:
    """A fault of propensities that belong to a document of the slate; "" for none."""
    number = columns.num_candidates
    if isinstance(number, tuple) or columns.shown.shape[1] < 2 or sums.possible < 1.5 * number:
        return ""
    error = sums.mean.standard_error
    if error > 0.1 * number or abs(sums.mean.value - number) > max(3 * error, 0.01 * number):
        return ""
    return (
        f"The mean of 1 / propensity is {sums.mean.value:.1f}, the number of candidates, where"
        f" {sums.possible:,.0f} slates are possible: these are propensities of a document, not of"
        " the slate."
    )


def _of_others(columns: Columns) -> str:
    """A fault of propensities that belong to other slates; "" for none."""
    logs = np.log(columns.first_steps(columns.propensity))
    _, cells = np.unique(columns.first_cells, return_inverse=True)
    _, levels = np.unique(np.round(logs / _ALIKE), return_inverse=True)
    # The cells of each level, and the level that most steps of a cell have.
    pairs, place, counts = np.unique(
        cells * (levels.max() + 1) + levels, return_inverse=True, return_counts=True
    )
    of_pair = pairs // (levels.max() + 1)
    sizes = np.bincount(cells)
    most = np.zeros(len(sizes), np.int64)
    np.maximum.at(most, of_pair, counts)
    has_mode = (sizes >= 3) & (most > sizes / 2)
    asked = has_mode[cells]
    deviates = asked & (counts[place] < most[cells])
    if deviates.sum() < _DEVIANTS or not asked.any():
        return ""
    part = float(deviates.sum() / asked.sum())
    elsewhere = np.isin(levels[deviates], levels[~deviates]).mean()
    # A policy that changes has other propensities at other times.
    order = np.argsort(np.argsort(columns.begins)) if len(columns.time) else np.arange(len(cells))
    drifts = trends(np.zeros(int(asked.sum())), order[asked], deviates[asked])[0] < FALSE_ALARM
    # A second policy may have shown all slates alike.
    levels_of_deviants = np.unique(levels[deviates], return_counts=True)[1]
    is_second_policy = levels_of_deviants.max() > deviates.sum() / 2
    if part > _MOST_DEVIANTS or elsewhere < 0.3 or drifts or is_second_policy:
        return ""
    return (
        f"{share(part)} of the steps have another propensity than the other steps with the same"
        " context and slate, which belongs to another slate."
    )


def _too_small(columns: Columns) -> str:
    """A fault of slates that are shown more often than their propensities say; "" for none."""
    propensity = columns.first_steps(columns.propensity)
    floor = propensity.min()
    _, groups = np.unique(columns.first_steps(columns.context), return_inverse=True)
    sizes = np.bincount(groups)
    _, first, cells, counts = np.unique(
        columns.first_cells, return_index=True, return_inverse=True, return_counts=True
    )
    # The policy may have changed; the largest propensity of a cell accuses least.
    largest = np.zeros(len(counts))
    np.maximum.at(largest, cells, propensity)
    number = sizes[groups[first]]
    rounding = _ROUNDED if np.allclose(100 * propensity, np.round(100 * propensity)) else 0.0
    asked = np.flatnonzero((counts >= _FEWEST_STEPS) & (largest > floor) & (largest + rounding < 1))
    if not len(asked):
        return ""
    p_values = at_least(counts[asked], number[asked], largest[asked] + rounding)
    if p_values.min() > FALSE_ALARM / len(counts):
        return ""
    worst = asked[np.argmin(p_values)]
    return (
        f"A slate is shown in {share(counts[worst] / number[worst])} of {number[worst]:,} steps of"
        f" the same context, where its propensity is at most {share(largest[worst])}."
    )


def _too_small_together(columns: Columns, sums: _Sums) -> str:
    """A fault of propensities that allow more slates than there are; "" for none."""
    excess, error = sums.mean.value - sums.possible, sums.mean.standard_error
    if _has_floor(columns) or not excess > bound(1) * error + _ALIKE * sums.possible:
        return ""
    return (
        f"The mean of 1 / propensity is {sums.mean.value:,.1f}, where {sums.possible:,.0f} slates"
        " are possible: propensities are too small."
    )
