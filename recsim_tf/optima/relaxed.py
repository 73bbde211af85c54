# SPDX-License-Identifier: Apache-2.0
"""Upper bounds by relaxations, which give the policy more than any policy can have."""

import numpy as np
from scipy import optimize, stats

from recsim_tf.choice import MultinomialLogit, MultinomialProportional
from recsim_tf.core.simulator import Simulator
from recsim_tf.environments.ecosystem import utility_reward
from recsim_tf.environments.interest_evolution.users import (
    InterestEvolutionUsers,
    watch_time_reward,
)
from recsim_tf.optima.bound import BOUND, Bound, Sessions, number, require
from recsim_tf.optima.informed import whole_worlds
from recsim_tf.optima.programs import best_slates
from recsim_tf.support.means import Mean

# The candidate sets over which the gain of a step is averaged, and the users over which prices are.
_NUM_CANDIDATE_SETS, _MOST_USERS = 2000, 300
# The points of a grid of distances between a user and the nearest document, and of a grid of those
# between users and providers.
_NUM_DISTANCES, _NUM_DISTANCES_OF_PROVIDERS = 120, 1000
# The clicks on a topic after which an interest is as large as it ever gets.
_NUM_CLICKS = 300


def ecosystem(simulator: Simulator, sessions: Sessions) -> Bound:
    """A slate earns at most the utility of its best document. A policy acts on the mix of the
    providers of documents alone, which all users of a world share. The distance of the nearest of N
    documents is a convex function of the mix on average, so that its least value over all mixes is
    known up to the gap between the function and its tangent.
    """
    users, providers = simulator.users, simulator.documents
    is_plain = simulator.reward_fn is utility_reward
    require("reward_fn", "utility_reward", simulator.reward_fn, is_plain)
    step_size = number(users, "interest_step_size")
    require("interest_step_size of the users", "0", step_size, step_size == 0)
    model = users.choice_model
    is_certain = type(model) is MultinomialLogit and number(model, "no_click_mass") == -np.inf
    require("choice_model of the users", "MultinomialLogit()", type(model), is_certain)
    state = simulator.reset(whole_worlds(simulator, sessions), sessions.seed)
    means = np.asarray(providers.means, np.float64)
    interests = state.user.numpy().astype(np.float64)
    worlds = interests.reshape(-1, simulator.users_per_world or 1, means.shape[1])
    stddev = number(providers, "stddev")
    least, distances = zip(
        *(_Mix(world, means, stddev, simulator.num_candidates).nearest() for world in worlds),
        strict=True,
    )
    num_steps = sessions.steps()
    return Bound(
        num_steps * (2 - float(np.mean(least))),
        num_steps * Mean.of(np.concatenate(distances)).standard_error,
        BOUND,
        "No mix of providers has documents nearer to the users of a world, on average, than the"
        " best mix for these users.",
    )


class _Mix:
    """The distance of the nearest of N documents by the mix of the providers of a world.

    Args:
      interests: the interests of the users of the world, [U, F].
      means: the means of the features of providers, [P, F].
      stddev: the standard deviation of features around these means.
      num_documents: N.
    """

    def __init__(self, interests: np.ndarray, means: np.ndarray, stddev: float, num_documents: int):
        self._num_documents = num_documents
        apart = np.linalg.norm(interests[:, np.newaxis] - means, axis=-1)  # [U, P]
        farthest = apart.min(axis=1).max() + 6 * stddev
        distances = np.append(0, np.geomspace(0.01 * stddev, farthest, _NUM_DISTANCES))
        widths = np.diff(distances)
        # The weights of the trapezoidal rule, [D].
        self._widths = (np.append(widths, 0) + np.append(0, widths)) / 2
        # The probabilities that a document of each provider is within each distance of a user: the
        # squares of distances have noncentral chi-square distributions.
        grid = np.linspace(0, apart.max(), _NUM_DISTANCES_OF_PROVIDERS)
        squares = (distances[:, np.newaxis] / stddev) ** 2
        within = stats.ncx2.cdf(squares, means.shape[1], (grid / stddev) ** 2)  # [D, G]
        self._within = np.stack([np.interp(apart, grid, row) for row in within], axis=1)

    def _apart(self, mix: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """The mean distances [U] of the nearest document with a mix [P], and the gradient [P] of
        their mean.
        """
        beyond = np.clip(1 - self._within @ mix, 0, 1)  # [U, D]
        slope = -self._num_documents * beyond ** (self._num_documents - 1) * self._widths
        gradient = np.tensordot(slope, self._within, axes=2) / len(beyond)
        return beyond**self._num_documents @ self._widths, gradient

    def nearest(self) -> tuple[float, np.ndarray]:
        """A number that the mean distance exceeds with any mix, and the distances [U] of users with
        the best mix.
        """

        def objective(mix: np.ndarray) -> tuple[float, np.ndarray]:
            distances, gradient = self._apart(mix)
            return distances.mean(), gradient

        num_providers = self._within.shape[-1]
        result = optimize.minimize(
            objective,
            np.full(num_providers, 1 / num_providers),
            jac=True,
            method="SLSQP",
            bounds=[(0, 1)] * num_providers,
            constraints=optimize.LinearConstraint(np.ones(num_providers), 1, 1),
            options={"maxiter": 200, "ftol": 1e-7},
        )
        mix = np.maximum(result.x, 0)
        mix /= mix.sum()
        distances, gradient = self._apart(mix)
        # The tangent at the mix is nowhere above the convex function, and least for one provider.
        return float(distances.mean() + gradient.min() - gradient @ mix), distances


def interest_evolution(simulator: Simulator, sessions: Sessions) -> Bound:
    """With a price of a unit of budget, a step gains the time watched less the price of the budget
    spent. At the price at which the best step gains nothing on average, the time watched plus the
    price of the budget left does not grow on average. So no policy earns more than the price of the
    budget at the start, and of the budget that the last step can overdraw.

    The interest in a topic depends only on the directions in which the clicks on this topic move
    it. A policy that knows all directions, and may have each interest as large as it ever gets,
    earns at least as much as any policy. The price is computed for each user's largest interests.
    """
    users, videos = simulator.users, simulator.documents
    is_plain = simulator.reward_fn is watch_time_reward
    require("reward_fn", "watch_time_reward", simulator.reward_fn, is_plain)
    resampled = simulator.resample_documents
    require("resample_documents", "True", resampled, resampled)
    temperature = users.departure_temperature
    require("departure_temperature of the users", "None", temperature, temperature is None)
    factor = number(users, "user_quality_factor")
    require("user_quality_factor of the users", "0", factor, factor == 0)
    model = users.choice_model
    is_proportional = type(model) is MultinomialProportional
    require("choice_model of the users", "MultinomialProportional", type(model), is_proportional)

    length, penalty = number(videos, "video_length"), number(users, "step_penalty")
    quality = np.asarray(videos.mean_quality(), np.float64).ravel()
    gain = number(users, "user_update_alpha") * number(users, "document_quality_factor")
    alpha = number(users, "user_update_alpha")
    allowed = "so small that no video gives back its whole length"
    require("user_update_alpha of the users", allowed, alpha, gain * quality.max() < 1)
    cost = length * (1 - gain * quality)
    least = number(model, "min_normalizer")
    no_click = number(model, "no_click_mass") - least
    generator = np.random.default_rng(sessions.seed)
    shape = [_NUM_CANDIDATE_SETS, simulator.num_candidates]
    topics = generator.integers(len(quality), size=shape)
    initial = generator.uniform(-1, 1, [min(sessions.number, _MOST_USERS), len(quality)])
    largest = _largest_interests(users, initial, generator)

    def price_of(interests: np.ndarray) -> float:
        """The price at which the best slates gain nothing, for users with interests [F]."""
        weights = (interests - least)[topics]

        def gain_of(price: float) -> float:
            values = (length - price * cost)[topics]
            without = np.full(len(topics), -price * penalty)
            return best_slates(weights, values, no_click, without, simulator.slate_size)[1].mean()

        return optimize.brentq(gain_of, 1e-3, 1e3, rtol=1e-4)

    stddev = number(videos, "quality_stddev")
    overdrawn = max(penalty, length * gain * (5 * stddev - quality.min()))
    budget = number(users, "time_budget") + overdrawn
    mean = Mean.of(budget * np.array([price_of(interests) for interests in largest]))
    return Bound(
        mean.value,
        mean.standard_error,
        BOUND,
        "No policy earns more than the price of the whole budget, at the price at which the best"
        " step gains nothing for a user whose interests are as large as they ever get.",
    )


def _largest_interests(
    users: InterestEvolutionUsers, initial: np.ndarray, generator: np.random.Generator
) -> np.ndarray:
    """The largest interests [B, F] over many clicks on each topic, from interests [B, F] at first,
    which move by the rule of `InterestEvolutionUsers`.
    """
    interests, largest = initial, initial
    intercept = number(users, "alpha_y_intercept")
    slope = intercept / number(users, "alpha_x_intercept")
    for _ in range(_NUM_CLICKS):
        is_towards = generator.random(interests.shape) < (interests + 1) / 2
        step = (intercept - slope * np.abs(interests)) * (1 - interests)
        interests = np.clip(interests + np.where(is_towards, step, -step), -1, 1)
        largest = np.maximum(largest, interests)
    return largest
