# SPDX-License-Identifier: Apache-2.0
"""obp's estimators with round rewards from `recsim_tf.ope`, also as a plugin of pytest.

    python -m pytest -p judging.obp_answers FILE ...

obp's extension point is `BaseOffPolicyEstimator`, an estimator of which says the reward of each
round. `answer` replaces this method of each estimator. Checks of arguments, means over rounds and
bootstraps stay obp's.
"""

from collections.abc import Callable
from typing import Any

import numpy as np
from obp import ope as obp

from recsim_tf.ope import Estimator, Weights
from recsim_tf.ope.estimators import Values
from recsim_tf.ope.sample import Sample


def _places(given: dict[str, Any]) -> tuple[np.ndarray, np.ndarray]:
    """The rows of rounds, and their places in the last axis of distributions, both [n]."""
    rows = np.arange(len(given["action_dist"]))
    place = given.get("position")
    return rows, np.zeros_like(rows) if place is None else place


def _probs(given: dict[str, Any]) -> np.ndarray:
    """The probabilities [n] of the logged actions under the policy to judge."""
    rows, place = _places(given)
    return given["action_dist"][rows, given["action"], place]


def _ratios(self: Any, given: dict[str, Any]) -> np.ndarray:
    return _probs(given) / given["pscore_avg" if given.get("pscore") is None else "pscore"]


def _sub_gaussian(self: Any, given: dict[str, Any]) -> np.ndarray:
    """Weights of Metelli et al. 2021, a bending that `recsim_tf.ope.Weights` lacks."""
    weights = _ratios(self, given)
    return weights / (1 - self.lambda_ + self.lambda_ * weights)


def _matches(self: Any, given: dict[str, Any]) -> np.ndarray:
    return _probs(given) == 1


def _estimated(self: Any, given: dict[str, Any]) -> np.ndarray:
    return given["estimated_importance_weights"]


def _none(self: Any, given: dict[str, Any]) -> np.ndarray:
    return np.zeros(len(given["action_dist"]))


def _values(given: dict[str, Any]) -> Values:
    """The values of obp's regression model."""
    (rows, place), table = _places(given), given["estimated_rewards_by_reg_model"]
    probs, values = given["action_dist"][rows, :, place], table[rows, :, place]
    action = given.get("action", np.zeros_like(rows))
    mean = (probs * values).sum(1) / probs.sum(1)
    return Values(table[rows, action, place][:, None, None], mean[:, None, None])


def _items(weigh: Callable, model: str = "none", normalize: bool = False, bend: str = "cap"):
    """Round rewards of single items: values of rounds [n], whose mean is the estimate.

    Args:
      weigh: a function of the estimator and the feedback to weights [n].
      model, normalize: those of `Estimator`.
      bend: the argument of `Weights` that obp's `lambda_` is; "" where `weigh` reads it.
    """

    def rounds(self: Any, **given: Any) -> np.ndarray:
        weights, bends = np.asarray(weigh(self, given), float), {}
        lambda_ = getattr(self, "lambda_", np.inf) if bend else np.inf
        if lambda_ == 0:
            weights = np.zeros_like(weights)
        elif lambda_ < np.inf:
            bends[bend] = lambda_
        estimator = Estimator(model=model, normalize=normalize, weights=Weights(**bends))
        values = _values(given) if model == "baseline" else None
        reward = np.asarray(given.get("reward", np.zeros_like(weights)), float)
        sample = Sample(
            {"slate": weights[:, None]}, reward[:, None, None], np.ones([len(reward), 1])
        )
        return sample.session_values(estimator, values)

    return rounds


def _by_logger(answer: Callable) -> Callable:
    """Round rewards in which each of several loggers counts by its variance."""

    def rounds(self: Any, **given: Any) -> np.ndarray:
        result = answer(self, **given)
        means = np.zeros_like(result)
        if "estimated_rewards_by_reg_model" in given:
            means = np.ravel(_values(given).mean)
        _, logger, sizes = np.unique(given["stratum_idx"], return_inverse=True, return_counts=True)
        spread = np.array([np.var(result[logger == each]) for each in range(len(sizes))])
        share = len(result) / (spread * (sizes / spread).sum())
        return means + (result - means) * share[logger]

    return rounds


def _slates(reads: str, normalize: bool = False, model: str = "none") -> Callable:
    """Round rewards of slates: each slate's value at the first of its rows, zeros at the others."""
    estimator = Estimator(reads, normalize=normalize, model=model)

    def rounds(self: Any, **given: Any) -> np.ndarray:
        reward, position = np.asarray(given["reward"], float), np.asarray(given["position"])
        weights = given["evaluation_policy_pscore"] / given["behavior_policy_pscore"]
        # A slate begins where positions do not rise.
        slate = np.cumsum(np.diff(position, prepend=position[0] + 1) <= 0) - 1
        shape = (slate[-1] + 1, 1, position.max() + 1)
        table = {name: np.zeros(shape) for name in ("weights", "reward", "logged", "mean")}
        table["weights"][slate, 0, position] = weights
        table["reward"][slate, 0, position] = reward
        values = None
        if model == "baseline":
            q = given["q_hat"].reshape(len(reward), -1)
            probs = given["evaluation_policy_action_dist"].reshape(q.shape)
            table["logged"][slate, 0, position] = q[np.arange(len(q)), given["action"]]
            table["mean"][slate, 0, position] = (probs * q).sum(1)
            values = Values(table["logged"], table["mean"])
        read = {reads: table["weights"]}
        if reads == "slate":
            read[reads] = table["weights"].max(2)
        result = np.zeros_like(reward)
        first = np.searchsorted(slate, np.arange(shape[0]))
        sample = Sample(read, table["reward"], np.ones(shape[:2]))
        result[first] = sample.session_values(estimator, values)
        return result

    return rounds


_DR = "baseline"
# By the names of obp's classes: the round rewards.
ANSWERS = {
    "ReplayMethod": _items(_matches, normalize=True),
    "InverseProbabilityWeighting": _items(_ratios),
    "SelfNormalizedInverseProbabilityWeighting": _items(_ratios, normalize=True, bend=""),
    "DirectMethod": _items(_none, _DR),
    "DoublyRobust": _items(_ratios, _DR),
    "SelfNormalizedDoublyRobust": _items(_ratios, _DR, normalize=True, bend=""),
    "SwitchDoublyRobust": _items(_ratios, _DR, bend="switch"),
    "DoublyRobustWithShrinkage": _items(_ratios, _DR, bend="shrinkage"),
    "SubGaussianInverseProbabilityWeighting": _items(_sub_gaussian, bend=""),
    "SubGaussianDoublyRobust": _items(_sub_gaussian, _DR, bend=""),
    "BalancedInverseProbabilityWeighting": _items(_estimated, normalize=True),
    "MultiLoggersNaiveInverseProbabilityWeighting": _items(_ratios),
    "MultiLoggersWeightedInverseProbabilityWeighting": _by_logger(_items(_ratios)),
    "MultiLoggersBalancedInverseProbabilityWeighting": _items(_ratios),
    "MultiLoggersNaiveDoublyRobust": _items(_ratios, _DR),
    "MultiLoggersWeightedDoublyRobust": _by_logger(_items(_ratios, _DR)),
    "MultiLoggersBalancedDoublyRobust": _items(_ratios, _DR),
    "SlateStandardIPS": _slates("slate"),
    "SlateIndependentIPS": _slates("position"),
    "SlateRewardInteractionIPS": _slates("prefix"),
    "SelfNormalizedSlateStandardIPS": _slates("slate", normalize=True),
    "SelfNormalizedSlateIndependentIPS": _slates("position", normalize=True),
    "SelfNormalizedSlateRewardInteractionIPS": _slates("prefix", normalize=True),
    "SlateCascadeDoublyRobust": _slates("prefix", model=_DR),
}


def answer() -> None:
    """Lets all of obp's estimators take their round rewards from recsim_tf."""
    for name, rounds in ANSWERS.items():
        getattr(obp, name)._estimate_round_rewards = rounds


def pytest_configure() -> None:
    answer()
