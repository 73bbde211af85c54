# SPDX-License-Identifier: Apache-2.0
"""Posterior-predictive checks, which compare simulated sessions with the logged ones."""

from typing import Annotated, NamedTuple

import numpy as np
import tensorflow_probability as tfp

from recsim_tf.core import random
from recsim_tf.core.base.arguments import AtLeast, checked
from recsim_tf.fitting.validation.dependence import dependence, popularity, spread_of_sessions
from recsim_tf.fitting.validation.outcomes import Outcomes, Simulations

_QUANTILES = (0.025, 0.975)
_SHAPE = (0.1, 0.5, 0.9)  # quantiles of amounts

# For a p-value.
LEAST_REPLICATES = 20
# Whole numbers that spread no further have a bin each.
_MAX_UNIT_BINS = 60
_NUM_BINS = 30
# Documents shown, for the click rate of a group of steps.
_FEWEST_OF_STEPS = 200
# Sessions, and their share, that have a step up to which lengths are compared.
_FEWEST_AT_RISK, _LEAST_AT_RISK = 20, 0.05


class Contents(NamedTuple):
    """The names of the statistics."""

    positions: tuple[int, ...]  # those at which documents were shown
    steps: tuple[tuple[int, int], ...]  # groups of steps [first, end)
    # the steps up to which lengths of sessions are compared; 0 where the models do not draw them
    length: int
    engagement: bool  # whether engagement is known and differs from the number of clicks
    amounts: tuple[str, ...]  # fields of responses that are compared
    continuous: tuple[str, ...]  # the samples whose quantiles are compared
    is_closed_loop: bool  # whether whole sessions are simulated


class Statistic(NamedTuple):
    """A statistic of the log, and of each of R simulations of it."""

    observed: float
    replicated: np.ndarray  # float64 [R]

    @property
    def predicted(self) -> float:
        """The mean of the simulations."""
        return float(np.mean(self.replicated))

    @property
    def interval(self) -> tuple[float, float]:
        """The central 95 % interval of the simulations."""
        low, high = np.quantile(self.replicated, _QUANTILES)
        return float(low), float(high)

    @property
    def z_score(self) -> float:
        """The distance of the log from the mean of simulations, in their standard deviations."""
        gap, spread = self.observed - self.predicted, float(np.std(self.replicated, ddof=1))
        return gap / spread if spread > 0 else float(np.sign(gap) * np.inf if gap else 0.0)

    @property
    def p_value(self) -> float:
        """The two-sided p-value of Student's t test that the log is one more draw from a normal
        distribution of which the R simulations are draws. So it agrees with the z-score, also where
        R is small.
        """
        number = len(self.replicated)
        quantile = abs(self.z_score) / np.sqrt(1 + 1 / number)
        below = tfp.distributions.StudentT(np.float64(number - 1), 0.0, 1.0).cdf(-quantile)
        return float(2 * below)


class Histogram(NamedTuple):
    """The distribution of a quantity in the log, and in each of R simulations of it."""

    edges: np.ndarray  # float64 [Q + 1]
    observed: np.ndarray  # float64 [Q], parts of the whole
    replicated: np.ndarray  # float64 [R, Q]

    @property
    def interval(self) -> tuple[np.ndarray, np.ndarray]:
        """The central 95 % interval of the simulations by bin."""
        low, high = np.quantile(self.replicated, _QUANTILES, axis=0)
        return low, high

    def survival(self) -> "Histogram":
        """The histogram with the part of the whole that reaches each bin in the place of the part
        in it.
        """
        observed, replicated = (
            np.cumsum(parts[..., ::-1], axis=-1)[..., ::-1]
            for parts in (self.observed, self.replicated)
        )
        return self._replace(observed=observed, replicated=replicated)


class PredictiveCheck(NamedTuple):
    """Statistics and histograms of the log and of its simulations."""

    statistics: dict[str, Statistic]
    histograms: dict[str, Histogram]
    num_sessions: int
    num_replicates: int
    notes: list[str]  # what was assumed, and what could not be checked


@checked
def predictive_check(
    sessions: Simulations,
    num_replicates: Annotated[int, AtLeast(LEAST_REPLICATES)] = 100,
    seed: int = 0,
) -> PredictiveCheck:
    """Simulates logged sessions again, and compares them with the log.

    Click rates by position, session lengths, clicks, the simulator's reward, called engagement,
    sums of what else is drawn in responses, such as dwell times, and the dependence of clicks, see
    `dependence`, are compared (Gelman, Meng and Stern 1996, "Posterior predictive assessment of
    model fitness via realized discrepancies"). Where each step is simulated given the logged steps
    before it, a statistic of several steps has the logged earlier steps and the simulated last one
    (Dawid 1984, "Statistical theory: the prequential approach"). All replicates have the parameters
    of the simulator. Their uncertainty is left out, so the intervals are a little narrow where
    parameters are uncertain.

    Args:
      sessions: the sessions of a fitted simulator, and their log.
      num_replicates: R, at least 20.
      seed: the seed of the simulations.

    Raises:
      ValueError: for fewer replicates.
    """
    log = sessions.log
    first_seed, second_seed, seed_of_simulations = random.split_seed(seed, 3)
    observed = sessions.observed(first_seed)
    engagement_is_known = True
    if sessions.innovations_are_latent or sessions.initial_is_latent:
        again = sessions.observed(second_seed).reward
        engagement_is_known = np.array_equal(observed.reward, again)
    totals = (observed.reward, observed.clicks)
    contents = Contents(
        positions=tuple(map(int, np.flatnonzero(observed.counted.sum(axis=(0, 1))))),
        steps=_groups_of_steps(observed.counted),
        length=_num_compared(observed) if sessions.users_leave else 0,
        engagement=engagement_is_known and not np.array_equal(*totals),
        amounts=tuple(
            name
            for name, amount in observed.amounts.items()
            if not any(np.allclose(amount, total) for total in totals)
        ),
        continuous=(),
        is_closed_loop=sessions.is_closed_loop,
    )
    contents = contents._replace(
        continuous=tuple(
            name
            for name, sample in samples(observed, contents).items()
            if np.any(sample != np.round(sample))
        )
    )
    expected_of_log = popularity(observed, observed)

    def of_sessions(outcomes: Outcomes) -> dict[str, float]:
        kept = {name: outcomes.amounts[name] for name in contents.amounts}
        outcomes, past = outcomes._replace(amounts=kept), observed
        expected = of_past = expected_of_log
        if contents.is_closed_loop:
            past, expected = outcomes, popularity(observed, outcomes)
            of_past = expected
        of_dependence = dependence(outcomes, past, expected, of_past, sessions.vectors)
        return statistics(outcomes, past, contents) | of_dependence

    logged_samples = samples(observed, contents)
    logged_statistics = of_sessions(observed)
    by_replicate: dict[str, list[float]] = {name: [] for name in logged_statistics}
    parts: dict[str, list[np.ndarray]] = {name: [] for name in logged_samples}
    lengths, edges = [], {}
    for outcomes in sessions.simulated(seed_of_simulations, num_replicates):
        for name, value in of_sessions(outcomes).items():
            by_replicate[name].append(value)
        for name, values in samples(outcomes, contents).items():
            if name not in edges:
                edges[name] = _bin_edges(np.concatenate([logged_samples[name], values]))
            parts[name].append(shares(values, edges[name]))
        lengths.append(_shares_of_lengths(outcomes, log.max_length))
    histograms = {
        name: Histogram(edges[name], shares(values, edges[name]), np.array(parts[name]))
        for name, values in logged_samples.items()
    }
    if contents.length:
        # A bin for every step, so that the part of sessions that reach it is exact.
        steps = np.arange(log.max_length + 1) + 0.5
        of_log = _shares_of_lengths(observed, log.max_length)
        of_lengths = Histogram(steps, of_log, np.array(lengths))
        histograms = {"session_length": of_lengths} | histograms
    return PredictiveCheck(
        statistics={
            name: Statistic(value, np.array(by_replicate[name]))
            for name, value in logged_statistics.items()
        },
        histograms=histograms,
        num_sessions=log.num_sessions,
        num_replicates=num_replicates,
        notes=_notes(sessions, contents, engagement_is_known),
    )


def _notes(sessions: Simulations, contents: Contents, engagement_is_known: bool) -> list[str]:
    log, notes = sessions.log, []
    if sessions.is_closed_loop:
        notes.append(
            "Whole sessions are simulated: the policy that logged shows slates to simulated users,"
            " and reacts to what they do."
        )
    else:
        notes.append(
            "Each step is simulated under its logged slate, given the logged steps before it: the"
            " slates of a system that reacts follow what the logged users did. A statistic of"
            " several steps has the logged earlier steps and the simulated last one. Whole sessions"
            " are simulated where the policy that logged is given (logging)."
        )
        if sessions.initial_is_latent:
            notes.append(
                "What was not logged of users is drawn given what was logged before each step."
            )
    if not contents.length:
        notes.append(
            "In these models nobody leaves: every simulated session has its logged length, which is"
            " not checked."
        )
    elif not log.departed.all():
        notes.append(
            "Sessions that the log cuts count up to their cut. Lengths are those of sessions that"
            " would not be cut (Kaplan-Meier)."
        )
    if log.max_length > 1:
        notes.append(
            "The surprise of a step is its clicks beyond the rates of its documents and positions."
        )
    if not engagement_is_known:
        notes.append("Engagement depends on draws that were not logged: it is not checked.")
    elif not contents.engagement and not contents.amounts:
        notes.append("The reward is the number of clicks: there is no other engagement to check.")
    return notes


def statistics(outcomes: Outcomes, past: Outcomes, contents: Contents) -> dict[str, float]:
    """Statistics by name, those of `samples` among them; position 0 is the top of the slate.

    Args:
      outcomes: the outcomes of a log, or of a simulation of it.
      past: the outcomes of the steps before each step, see `dependence`.
      contents: the names of the statistics.
    """
    shown, clicks = outcomes.counted.sum(axis=(0, 1)), outcomes.clicked.sum(axis=(0, 1))
    values_by_name = {
        f"click_rate/position_{k}": clicks[k] / max(shown[k], 1) for k in contents.positions
    }
    values_by_name |= _course(outcomes, contents.steps)
    if contents.length:
        values_by_name["share_of_users_who_leave"] = outcomes.left.sum() / len(outcomes.left)
        values_by_name |= _leaving(outcomes, past)
        parts = _shares_of_lengths(outcomes, contents.length)
        steps = np.arange(1, len(parts) + 1)
        mean = parts @ steps
        values_by_name["session_length/mean"] = mean
        values_by_name["session_length/standard_deviation"] = np.sqrt(parts @ (steps - mean) ** 2)
    if contents.is_closed_loop:
        values_by_name |= spread_of_sessions(outcomes)
    for name, sample in samples(outcomes, contents).items():
        values_by_name[f"{name}/mean"] = sample.astype(np.float64).mean()
        values_by_name[f"{name}/standard_deviation"] = sample.astype(np.float64).std()
        if name in contents.continuous:
            values_by_name |= _shape(name, sample)
    return {name: float(value) for name, value in values_by_name.items()}


def _shape(name: str, sample: np.ndarray) -> dict[str, float]:
    """Quantiles of the values that are not zero, by the names of the statistics."""
    values = sample[sample != 0]
    quantiles = np.quantile(values, _SHAPE) if len(values) else np.zeros(len(_SHAPE))
    return {
        f"{name}/shape_{part:.0%}": float(value)
        for part, value in zip(_SHAPE, quantiles, strict=True)
    }


def _course(outcomes: Outcomes, steps: tuple[tuple[int, int], ...]) -> dict[str, float]:
    """Click rates in the course of sessions, in groups of steps [first, end)."""
    clicks, shown = (each.sum(axis=(0, 2)) for each in (outcomes.clicked, outcomes.counted))
    return {
        f"click_rate_of_steps/{first + 1}_to_{end}": float(
            clicks[first:end].sum() / max(shown[first:end].sum(), 1)
        )
        for first, end in steps
    }


def _leaving(outcomes: Outcomes, past: Outcomes) -> dict[str, float]:
    """The share of users who leave after a step with a click, and after one, and three, without."""
    clicked = (outcomes.clicked > 0).any(axis=2)
    none = outcomes.active & ~clicked
    before = past.active & ~(past.clicked > 0).any(axis=2)
    run = none.copy()
    run[:, :2] = False
    run[:, 2:] &= before[:, 1:-1] & before[:, :-2]
    after = {
        "a_click": outcomes.active & clicked,
        "a_step_without_a_click": none,
        "three_such_steps": run,
    }
    return {
        f"users_who_leave_after/{name}": (
            float(outcomes.left[at_risk].mean()) if at_risk.any() else 0.0
        )
        for name, at_risk in after.items()
        if clicked.shape[1] > 1
    }


def _shares_of_lengths(outcomes: Outcomes, num_steps: int) -> np.ndarray:
    """The parts of sessions of 1, 2, ... steps, float64 [T], if none were cut before step T (Kaplan
    and Meier 1958, "Nonparametric estimation from incomplete observations"). The last part has the
    sessions that would be longer.
    """
    at_risk = outcomes.active.sum(axis=0)[:num_steps]
    hazard = outcomes.left.sum(axis=0)[:num_steps] / np.maximum(at_risk, 1)
    hazard[-1] = 1
    survival = np.cumprod(1 - hazard)
    return np.concatenate([[1.0], survival[:-1]]) - survival


def _groups_of_steps(counted: np.ndarray) -> tuple[tuple[int, int], ...]:
    """Groups of steps [first, end) that grow with the step and hold enough documents; none where
    there is but one group.
    """
    of_step, groups, first = counted.sum(axis=(0, 2)), [], 0
    while first < len(of_step):
        end = min(2 * first + 1, len(of_step))
        if of_step[end:].sum() < _FEWEST_OF_STEPS:
            end = len(of_step)
        groups.append((first, end))
        first = end
    return tuple(groups) if len(groups) > 1 else ()


def _num_compared(observed: Outcomes) -> int:
    """The steps that enough sessions of a log have. A hazard after them would rest on a few."""
    at_risk = observed.active.sum(axis=0)
    return max(
        int((at_risk >= max(_FEWEST_AT_RISK, _LEAST_AT_RISK * len(observed.active))).sum()), 1
    )


def samples(outcomes: Outcomes, contents: Contents) -> dict[str, np.ndarray]:
    """The values whose distributions are compared: of steps, [steps] each, and in a closed loop of
    sessions, [S] each.
    """
    by_step = {"clicks": outcomes.clicks}
    by_step |= {f"response/{name}": outcomes.amounts[name] for name in contents.amounts}
    if contents.engagement:
        by_step["engagement"] = outcomes.reward
    values_by_name = {
        f"{name}_per_step": values[outcomes.active] for name, values in by_step.items()
    }
    if contents.is_closed_loop:
        values_by_name |= {
            f"{name}_per_session": values.sum(axis=1) for name, values in by_step.items()
        }
    return values_by_name


def _bin_edges(values: np.ndarray) -> np.ndarray:
    """The edges of bins for values [n], float64 [Q + 1]. There is a bin for each whole number where
    that suffices.
    """
    values = values.astype(np.float64)
    low, high = values.min(), values.max()
    if high - low <= _MAX_UNIT_BINS and np.all(values == np.round(values)):
        return np.arange(low, high + 2) - 0.5
    return np.histogram_bin_edges(values, _NUM_BINS)


def shares(values: np.ndarray, edges: np.ndarray) -> np.ndarray:
    """The parts of values [n] in bins, float64 [Q]. The outermost bins count the values beyond
    them.
    """
    counts, _ = np.histogram(np.clip(values, edges[0], edges[-1]), edges)
    return counts / len(values)
