"""Posterior-predictive checks, which compare simulated sessions with the logged ones."""

from typing import NamedTuple

import numpy as np
import tensorflow_probability as tfp

from recsim_tf.core import random
from recsim_tf.core.base.validation import check_at_least
from recsim_tf.fitting.validation.dependence import dependence, document_ids, popularity
from recsim_tf.fitting.validation.resimulation import Outcomes, Resimulation
from recsim_tf.logs.cuts import continued

_QUANTILES = (0.025, 0.975)

# For a p-value.
LEAST_REPLICATES = 20
# Whole numbers that spread no further have a bin each.
_MAX_UNIT_BINS = 60
_NUM_BINS = 30
# Documents shown, for the click rate of a group of steps.
_FEWEST_OF_STEPS = 200


class Contents(NamedTuple):
    """The names of the statistics."""

    positions: tuple[int, ...]  # those at which documents were shown
    steps: tuple[tuple[int, int], ...]  # groups of steps [first, end)
    length: bool  # whether the models draw the lengths of sessions
    engagement: bool  # whether engagement is known and differs from the number of clicks
    amounts: tuple[str, ...]  # fields of responses that are compared


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


def predictive_check(
    sessions: Resimulation, num_replicates: int = 100, seed: int = 0
) -> PredictiveCheck:
    """Simulates logged sessions again, and compares them with the log.

    Click rates by position, session lengths, clicks, the simulator's reward, called engagement,
    sums of what else is drawn in responses, such as dwell times, and how clicks hang together, see
    `dependence`, are compared (Gelman, Meng and Stern 1996, "Posterior predictive assessment of
    model fitness via realized discrepancies"). All replicates have the parameters of the simulator.
    Their uncertainty is left out, so the intervals are a little narrow where parameters are
    uncertain.

    Args:
      sessions: the sessions of a fitted simulator, and their log.
      num_replicates: R, at least 20.
      seed: the seed of the simulations.

    Raises:
      ValueError: for fewer replicates.
    """
    check_at_least(LEAST_REPLICATES, num_replicates=num_replicates)
    log = sessions.log
    first_seed, second_seed, *seeds = random.split_seed(seed, num_replicates + 2)
    observed = sessions.observed(first_seed)
    engagement_is_known = True
    if sessions.innovations_are_latent:
        engagement_is_known = np.array_equal(observed.reward, sessions.observed(second_seed).reward)
    totals = (observed.reward.sum(axis=1), observed.clicks.sum(axis=1))
    contents = Contents(
        positions=tuple(map(int, np.flatnonzero(observed.shown.sum(axis=0)))),
        steps=_groups_of_steps(observed.counted),
        length=sessions.users_leave,
        engagement=engagement_is_known and not np.array_equal(*totals),
        amounts=tuple(
            name
            for name, amount in observed.amounts.items()
            if not any(np.allclose(amount, total) for total in totals)
        ),
    )
    shown = continued(log)
    expected = popularity(shown, observed.clicked > 0, observed.counted, shown)
    ids = document_ids(shown)

    def of_sessions(outcomes: Outcomes, values: dict[str, np.ndarray]) -> dict[str, float]:
        return statistics(outcomes, contents, values) | dependence(outcomes, ids, expected)

    logged_samples = samples(observed, contents)
    logged_statistics = of_sessions(observed, logged_samples)
    by_replicate: dict[str, list[float]] = {name: [] for name in logged_statistics}
    parts: dict[str, list[np.ndarray]] = {name: [] for name in logged_samples}
    # A bin for every step, so that the part of sessions that reach it is exact.
    edges = {"session_length": np.arange(log.max_length + 1) + 0.5}
    for replicate_seed in seeds:
        outcomes = sessions.simulated(replicate_seed)
        replicated = samples(outcomes, contents)
        for name, value in of_sessions(outcomes, replicated).items():
            by_replicate[name].append(value)
        for name, values in replicated.items():
            if name not in edges:
                edges[name] = bin_edges(np.concatenate([logged_samples[name], values]))
            parts[name].append(shares(values, edges[name]))
    return PredictiveCheck(
        statistics={
            name: Statistic(value, np.array(by_replicate[name]))
            for name, value in logged_statistics.items()
        },
        histograms={
            name: Histogram(edges[name], shares(values, edges[name]), np.array(parts[name]))
            for name, values in logged_samples.items()
        },
        num_sessions=log.num_sessions,
        num_replicates=num_replicates,
        notes=_notes(sessions, contents, engagement_is_known),
    )


def _notes(sessions: Resimulation, contents: Contents, engagement_is_known: bool) -> list[str]:
    log, notes = sessions.log, []
    if contents.length:
        notes.append(
            "A simulated user who stays for longer than logged is shown slates of other sessions at"
            f" the same step, until step {log.max_length:,}, where the longest session of the log"
            " ends. A session that the log cuts is cut at the same step."
        )
        if not log.departed.all():
            notes.append(
                "The log would have cut others too, had they stayed: each is cut at a step that is"
                " drawn from the cuts after its end (Kaplan-Meier). This takes cuts to be as likely"
                " for all users: where they depend on the kind of user, lengths may be off for this"
                " reason alone."
            )
    else:
        notes.append(
            "In these models nobody leaves: every simulated session has its logged length, which is"
            " not checked."
        )
    if log.max_length > 1:
        notes.append(
            "The surprise of a step is its clicks beyond the rates of its documents and positions."
        )
    if sessions.initial_is_latent:
        notes.append("Initial draws of users were not logged, and are drawn anew each time.")
    if not engagement_is_known:
        notes.append("Engagement depends on innovations that were not logged: it is not checked.")
    elif not contents.engagement and not contents.amounts:
        notes.append("The reward is the number of clicks: there is no other engagement to check.")
    return notes


def statistics(
    outcomes: Outcomes, contents: Contents, values: dict[str, np.ndarray]
) -> dict[str, float]:
    """Statistics by name, those of `samples` among them; position 0 is the top of the slate."""
    shown, clicks = outcomes.shown.sum(axis=0), outcomes.clicks.sum(axis=0)
    values_by_name = {
        f"click_rate/position_{k}": clicks[k] / max(shown[k], 1) for k in contents.positions
    }
    values_by_name["clicks_per_step/mean"] = clicks.sum() / outcomes.length.sum()
    values_by_name |= _course(outcomes, contents.steps)
    if contents.length:
        values_by_name["share_of_users_who_leave"] = outcomes.left.mean()
        values_by_name |= _leaving(outcomes)
    for name, sample in values.items():
        values_by_name[f"{name}/mean"] = sample.astype(np.float64).mean()
        values_by_name[f"{name}/standard_deviation"] = sample.astype(np.float64).std()
    return {name: float(value) for name, value in values_by_name.items()}


def _course(outcomes: Outcomes, steps: tuple[tuple[int, int], ...]) -> dict[str, float]:
    """Click rates in the course of sessions, in groups of steps [first, end)."""
    clicks, shown = (each.sum(axis=(0, 2)) for each in (outcomes.clicked, outcomes.counted))
    return {
        f"click_rate_of_steps/{first + 1}_to_{end}": float(
            clicks[first:end].sum() / max(shown[first:end].sum(), 1)
        )
        for first, end in steps
    }


def _leaving(outcomes: Outcomes) -> dict[str, float]:
    """The share of users who leave after a step with a click, and after one, and three, without."""
    steps = np.arange(outcomes.clicked.shape[1])
    active = steps < outcomes.length[:, np.newaxis]
    left = (steps == outcomes.length[:, np.newaxis] - 1) & outcomes.left[:, np.newaxis]
    clicked = (outcomes.clicked > 0).any(axis=2)
    none = active & ~clicked
    run = none.copy()
    run[:, :2] = False
    run[:, 2:] &= none[:, 1:-1] & none[:, :-2]
    after = {"a_click": active & clicked, "a_step_without_a_click": none, "three_such_steps": run}
    return {
        f"users_who_leave_after/{name}": float(left[at_risk].mean()) if at_risk.any() else 0.0
        for name, at_risk in after.items()
        if steps.size > 1
    }


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


def samples(outcomes: Outcomes, contents: Contents) -> dict[str, np.ndarray]:
    """The values whose distributions are compared, [S] each, and by step that counts [steps]."""
    values_by_name = {"session_length": outcomes.length} if contents.length else {}
    values_by_name["clicks_per_session"] = outcomes.clicks.sum(axis=1)
    for name in contents.amounts:
        values_by_name[f"response/{name}_per_session"] = outcomes.amounts[name]
    if contents.engagement:
        values_by_name["engagement_per_session"] = outcomes.reward.sum(axis=1)
        steps = np.arange(outcomes.reward.shape[1])
        values_by_name["engagement_per_step"] = outcomes.reward[
            steps < outcomes.length[:, np.newaxis]
        ]
    return values_by_name


def bin_edges(values: np.ndarray) -> np.ndarray:
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
