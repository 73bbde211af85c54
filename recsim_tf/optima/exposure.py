# SPDX-License-Identifier: Apache-2.0
"""Optima where clickbait engages now and satisfies less later: one number, the exposure of a user,
carries the future, so a dynamic program over it is exact but for its grid.
"""

import math

import numpy as np
from scipy import stats

from recsim_tf.core.base.types import SimulatorState
from recsim_tf.core.simulator import Simulator
from recsim_tf.environments.long_term_satisfaction import (
    LongTermSatisfactionUsers,
    engagement_reward,
)
from recsim_tf.optima.bound import OPTIMUM, Bound, Sessions, number, require
from recsim_tf.optima.programs import best_of, interpolation, midpoints, noisy_interpolation

# The numbers of points of grids. An optimum is computed on half as many points too, and the
# difference is its error.
_NUM_EXPOSURES, _NUM_CLICKBAITS, _NUM_DAYS = 161, 60, 240


class _Viewing:
    """The expected engagement and the next exposure, on a grid of exposures and of clickbaits.

    Attributes:
      grid: exposures [G], which hold all but one in a million of exposures.
      initial: [I], equally likely exposures at the start.
    """

    def __init__(self, users: LongTermSatisfactionUsers, num_exposures: int, num_clickbaits: int):
        self._users = {
            name: number(users, name)
            for name in (
                *("memory_discount", "sensitivity", "innovation_stddev"),
                *("choc_mean", "choc_stddev", "kale_mean", "kale_stddev"),
            )
        }
        stddev = self._users["innovation_stddev"]
        forgotten = 1 - self._users["memory_discount"]
        widest = 1 / forgotten + 5 * stddev / math.sqrt(1 - self._users["memory_discount"] ** 2)
        self.grid = np.linspace(-widest, widest, num_exposures)
        self.initial = (midpoints(1000) - 0.5) / forgotten
        self._clickbait = midpoints(num_clickbaits)
        exposure, clickbait = self.grid[:, np.newaxis], self._clickbait
        self._engagement = self.engagement(exposure, clickbait)
        after = self.after(exposure, clickbait).ravel()
        self._transition = noisy_interpolation(self.grid, after, stddev)

    def engagement(self, exposure: np.ndarray, clickbait: np.ndarray) -> np.ndarray:
        """The expected engagement with a document."""
        users = self._users
        satisfaction = 1 / (1 + np.exp(-users["sensitivity"] * exposure))
        mean = clickbait * users["choc_mean"] + (1 - clickbait) * users["kale_mean"]
        stddev = clickbait * users["choc_stddev"] + (1 - clickbait) * users["kale_stddev"]
        return np.exp(satisfaction * mean + stddev**2 / 2)

    def after(self, exposure: np.ndarray, clickbait: np.ndarray) -> np.ndarray:
        """The mean exposure after a document."""
        return self._users["memory_discount"] * exposure - 2 * (clickbait - 0.5)

    def values(self, exposure: np.ndarray, clickbait: np.ndarray, later: np.ndarray) -> np.ndarray:
        """The values of documents [B, N] to users [B], by the value [G] of exposures after them."""
        exposure = exposure[:, np.newaxis]
        after = self.after(exposure, clickbait).ravel()
        matrix = noisy_interpolation(self.grid, after, self._users["innovation_stddev"])
        later = (matrix @ later).reshape(clickbait.shape)
        return self.engagement(exposure, clickbait) + later

    def best(self, later: np.ndarray, num_candidates: int) -> np.ndarray:
        """The values [G] of exposures before a step, by their values [G] after it. An empty slate
        earns nothing and leaves the exposure as it is.
        """
        values = self._engagement + (self._transition @ later).reshape(self._engagement.shape)
        return best_of(np.maximum(values, later[:, np.newaxis]), num_candidates)

    def at_start(self, values: np.ndarray) -> float:
        """The mean of values [G] over new users."""
        return float(np.interp(self.initial, self.grid, values).mean())


def _require_clickbait(simulator: Simulator, users: LongTermSatisfactionUsers) -> None:
    is_plain = simulator.reward_fn is engagement_reward
    require("reward_fn", "engagement_reward", simulator.reward_fn, is_plain)
    resampled = simulator.resample_documents
    require("resample_documents", "True", resampled, resampled)
    model = users.choice_model
    require("choice_model of the users", "None", type(model), model is None)


def _shown_first(positions: np.ndarray) -> np.ndarray:
    """Slates [B, 1] of positions [B], where users look at position 0 alone."""
    return positions[:, np.newaxis].astype(np.int32)


def long_term_satisfaction(simulator: Simulator, sessions: Sessions) -> Bound:
    """The optimum of long-term satisfaction with a known exposure."""
    users = simulator.users
    _require_clickbait(simulator, users)
    num_steps = sessions.steps(math.ceil(number(users, "time_budget")))

    def solved(num_exposures: int, num_clickbaits: int) -> tuple[_Viewing, list[np.ndarray]]:
        viewing = _Viewing(users, num_exposures, num_clickbaits)
        values = [np.zeros(num_exposures)]
        for _ in range(num_steps):
            values.append(viewing.best(values[-1], simulator.num_candidates))
        return viewing, values[::-1]

    viewing, values = solved(_NUM_EXPOSURES, _NUM_CLICKBAITS)
    coarse_viewing, coarse = solved(_NUM_EXPOSURES // 2 + 1, _NUM_CLICKBAITS // 2)
    value = viewing.at_start(values[0])

    def policy(state: SimulatorState, step: int) -> np.ndarray:
        exposure = state.user.net_positive_exposure.numpy()
        later = values[step + 1]
        documents = viewing.values(exposure, state.candidates.numpy(), later)
        best = documents.argmax(axis=1)
        stays = np.interp(exposure, viewing.grid, later)
        return _shown_first(np.where(documents.max(axis=1) < stays, -1, best))

    return Bound(
        value,
        abs(value - coarse_viewing.at_start(coarse[0])),
        OPTIMUM,
        "The engagement and the next exposure depend on the exposure and the first document alone,"
        " so the dynamic program over the exposure is exact but for its grid.",
        policy,
    )


def return_visits(simulator: Simulator, sessions: Sessions) -> Bound:
    """The optimum of return visits with a known exposure."""
    users = simulator.users
    _require_clickbait(simulator, users.users)
    discount = users.daily_discount
    require("daily_discount of the users", "None", discount, discount is None)
    require("num_steps", "None", sessions.num_steps, sessions.num_steps is None)
    num_steps = min(users.visit_steps, math.ceil(number(users.users, "time_budget")))

    def solved(num_exposures: int, num_clickbaits: int, num_days: int):
        viewing = _Viewing(users.users, num_exposures, num_clickbaits)
        away = _Away(users, viewing.grid, num_days)
        # The values [D + 1, S + 1, G] of exposures by day and step of a visit, 0 at the horizon.
        values = np.zeros([num_days + 1, num_steps + 1, num_exposures])
        for day in range(num_days - 1, -1, -1):
            # Hardly a user is back in the same part of a day, which is worth what the next one is.
            values[day, 0] = values[day + 1, 0]
            values[day, num_steps] = away.mean(values[:, 0], day)
            for step in range(num_steps - 1, -1, -1):
                later = values[day, step + 1]
                values[day, step] = viewing.best(later, simulator.num_candidates)
        return viewing, values

    viewing, values = solved(_NUM_EXPOSURES, _NUM_CLICKBAITS, _NUM_DAYS)
    coarse_viewing, coarse = solved(_NUM_EXPOSURES // 2 + 1, _NUM_CLICKBAITS // 2, _NUM_DAYS // 2)
    value = viewing.at_start(values[0, 0])

    def policy(state: SimulatorState, step: int) -> np.ndarray:
        exposure = state.user.user.net_positive_exposure.numpy()
        day = state.user.day.numpy() / users.horizon * _NUM_DAYS
        day = np.minimum(np.rint(day).astype(int), _NUM_DAYS - 1)
        clickbait = state.candidates.numpy()
        # The step of a user who has left may be that after the last one.
        steps = np.minimum(state.user.step.numpy(), num_steps - 1)
        best = np.zeros(len(exposure), int)
        for key in {*zip(day.tolist(), steps.tolist(), strict=True)}:
            rows = (day == key[0]) & (steps == key[1])
            later = values[key[0], key[1] + 1]
            best[rows] = viewing.values(exposure[rows], clickbait[rows], later).argmax(axis=1)
        return _shown_first(best)

    return Bound(
        value,
        abs(value - coarse_viewing.at_start(coarse[0, 0])),
        OPTIMUM,
        "The engagement, the next exposure and the next visit depend on the exposure, the day and"
        " the step of the visit alone, so the dynamic program over them is exact but for its grid.",
        policy,
    )


class _Away:
    """The days between visits, on grids of exposures and days."""

    def __init__(self, users, grid: np.ndarray, num_days: int):
        part = users.horizon / num_days
        ends = part * np.arange(num_days + 1)
        loc = number(users, "gap_loc") - number(users, "gap_sensitivity") * grid
        scale = number(users, "gap_scale")
        with np.errstate(divide="ignore"):
            scores = (np.log(ends) - loc[:, np.newaxis]) / scale
        prob = number(users, "churn_prob")
        weight = prob * np.exp(-number(users, "churn_sensitivity") * grid)
        churn = weight / (1 - prob + weight)
        # [G, D], the probabilities that a visit begins within each part of a day
        self._returns = (1 - churn[:, np.newaxis]) * np.diff(stats.norm.cdf(scores), axis=1)
        left = number(users, "daily_memory") ** (ends[:-1] + part / 2)
        self._remembered = [interpolation(grid, part * grid) for part in left]

    def mean(self, values: np.ndarray, day: int) -> np.ndarray:
        """The mean values [G] after a visit on a day, by the values [D + 1, G] at the start of a
        visit.
        """
        num_left = len(values) - 1 - day
        # A visit in a part of a day begins in the middle of the part.
        begins = (values[day:-1] + values[day + 1 :]) / 2
        total = np.zeros(values.shape[1])
        for away in range(num_left):
            total += self._returns[:, away] * (self._remembered[away] @ begins[away])
        return total
