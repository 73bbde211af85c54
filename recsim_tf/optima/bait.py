# SPDX-License-Identifier: Apache-2.0
"""The optimum of engagement bait with known interests, by a dynamic program over two interests."""

import numpy as np
from scipy import sparse

from recsim_tf.choice import MultinomialLogit
from recsim_tf.core.base.types import SimulatorState
from recsim_tf.core.simulator import Simulator
from recsim_tf.environments.engagement_bait import consumed_time_reward
from recsim_tf.optima.bound import OPTIMUM, Bound, Sessions, number, require
from recsim_tf.optima.programs import best_slates

# The number of points of the grid of an interest. The error of the interpolation is in proportion
# to the distance of points, because the steps of interests are smaller than that distance.
_NUM_INTERESTS = 97
# Points near 0 are denser than at the ends by the hyperbolic cosine of this number.
_DENSITY = 4.5


class _Videos:
    """The videos, and what users do with them: interests change without noise.

    Args:
      simulator: engagement bait with two features, whose candidates are all videos.
    """

    def __init__(self, simulator: Simulator):
        users, videos = simulator.users, simulator.documents
        self.slate_size = simulator.slate_size
        self.features = np.asarray(videos.features, np.float64)
        self._quality = np.asarray(videos.quality, np.float64)
        self.time = np.asarray(videos.length) / (1 + np.exp(self._quality))
        self._step_size = number(users, "interest_step_size")
        self.most = 2 * number(users, "max_affinity")
        self.no_click = np.exp(number(users.choice_model, "no_click_mass"))

    def squashed(self, interests: np.ndarray) -> np.ndarray:
        return 2 * self.most * (1 / (1 + np.exp(-2 * interests / self.most)) - 0.5)

    def after(self, interests: np.ndarray) -> np.ndarray:
        """The interests [P, D, 2] after each video."""
        towards = self.features - interests[:, np.newaxis]
        moved = self._step_size * self._quality[:, np.newaxis] * towards
        return self.squashed(interests[:, np.newaxis] + moved)

    def weights(self, interests: np.ndarray) -> np.ndarray:
        """The choice weights of videos, [P, D]."""
        return np.exp(2 - np.linalg.norm(interests[:, np.newaxis] - self.features, axis=-1))


class _Plan:
    """The values of interests on a grid, by the number of steps left."""

    def __init__(self, videos: _Videos, num_points: int, num_steps: int):
        self._grid = _Grid(videos.most, num_points)
        self._videos = videos
        points = self._grid.points
        after = self._grid.interpolation(videos.after(points))
        without = self._grid.interpolation(videos.squashed(points))
        weights = videos.weights(points)
        self._values = [np.zeros(len(points))]
        for _ in range(num_steps):
            later = self._values[-1]
            values = videos.time + (after @ later).reshape(weights.shape)
            self._values.append(self._best(weights, values, without @ later)[1])

    def value(self, interests: np.ndarray) -> np.ndarray:
        """The values [P] of interests [P, 2] at the start of a session."""
        return self._grid.interpolation(interests) @ self._values[-1]

    def slates(self, interests: np.ndarray, step: int) -> np.ndarray:
        """The best slates [P, K] at interests [P, 2]."""
        videos, later = self._videos, self._values[-2 - step]
        weights = videos.weights(interests)
        after = self._grid.interpolation(videos.after(interests)) @ later
        without = self._grid.interpolation(videos.squashed(interests)) @ later
        return self._best(weights, videos.time + after.reshape(weights.shape), without)[0]

    def _best(self, weights: np.ndarray, values: np.ndarray, without: np.ndarray):
        return best_slates(weights, values, self._videos.no_click, without, self._videos.slate_size)


class _Grid:
    """A grid of two interests in [-most, most], denser near 0, where users begin."""

    def __init__(self, most: float, num_points: int):
        self._num_points = num_points
        even = np.linspace(-1, 1, num_points)
        axis = self._axis = most * np.sinh(_DENSITY * even) / np.sinh(_DENSITY)
        # [G * G, 2]
        self.points = np.stack(np.meshgrid(axis, axis, indexing="ij"), axis=-1).reshape(-1, 2)

    def interpolation(self, points: np.ndarray) -> sparse.csr_array:
        """The matrix [P, G * G] that maps values on the grid to bilinear interpolations at points
        [..., 2].
        """
        points = points.reshape(-1, 2)
        right = np.clip(np.searchsorted(self._axis, points), 1, self._num_points - 1)
        left = self._axis[right - 1]
        weight = np.clip((points - left) / (self._axis[right] - left), 0, 1)
        ends = np.array([0, 1])
        along = np.where(ends, weight[..., np.newaxis], 1 - weight[..., np.newaxis])  # [P, 2, 2]
        places = right[..., np.newaxis] - 1 + ends
        entries = along[:, 0, :, np.newaxis] * along[:, 1, np.newaxis]
        columns = places[:, 0, :, np.newaxis] * self._num_points + places[:, 1, np.newaxis]
        starts = 4 * np.arange(len(points) + 1)
        shape = (len(points), self._num_points**2)
        return sparse.csr_array((entries.ravel(), columns.ravel(), starts), shape=shape)


def engagement_bait(simulator: Simulator, sessions: Sessions) -> Bound:
    """The optimum of engagement bait with known interests."""
    users, videos = simulator.users, simulator.documents
    is_plain = simulator.reward_fn is consumed_time_reward
    require("reward_fn", "consumed_time_reward", simulator.reward_fn, is_plain)
    require("num_features", "2", users.num_features, users.num_features == 2)
    all_videos, candidates = videos.num_videos, simulator.num_candidates
    require("num_candidates", f"all {all_videos} videos", candidates, candidates == all_videos)
    is_logit = type(users.choice_model) is MultinomialLogit
    require("choice_model of the users", "MultinomialLogit", type(users.choice_model), is_logit)
    program, num_steps = _Videos(simulator), sessions.steps()
    nodes, weights = np.polynomial.hermite_e.hermegauss(24)
    initial = np.stack(np.meshgrid(nodes, nodes), axis=-1).reshape(-1, 2)
    weights = np.outer(weights, weights).ravel() / weights.sum() ** 2
    plan = _Plan(program, _NUM_INTERESTS, num_steps)
    fine = float(weights @ plan.value(initial))
    coarse = float(weights @ _Plan(program, _NUM_INTERESTS // 2 + 1, num_steps).value(initial))

    def policy(state: SimulatorState, step: int) -> np.ndarray:
        return plan.slates(state.user.numpy().astype(np.float64), step)

    return Bound(
        2 * fine - coarse,  # Richardson's extrapolation
        abs(fine - coarse),
        OPTIMUM,
        "Interests change by choices alone and without noise, so the dynamic program over the two"
        " interests is exact but for its grid.",
        policy,
    )
