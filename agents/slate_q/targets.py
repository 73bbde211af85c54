# SPDX-License-Identifier: Apache-2.0
"""The targets of SlateQ's values, and RecSim 0.2.4's named agents, which differ in them."""

import dataclasses
from typing import Annotated, Any, Literal

import tensorflow as tf

from recsim_tf.agents.shared.exploration import Exploration
from recsim_tf.agents.shared.q_agent import QTargets
from recsim_tf.core.base.arguments import Fraction, OneOf, checked, configurable, require
from recsim_tf.core.runs import replicas
from recsim_tf.policies.choice_scores import ChoiceScores
from recsim_tf.policies.slates import slate_optimizer


@configurable(module="recsim_tf.agents")
@dataclasses.dataclass(frozen=True)
class SlateQTargets(QTargets):
    """The targets of SlateQ's values, see `SlateQAgent`.

    Args:
      num_steps, gamma, td_lambda, update_tau, update_period: see `QTargets`.
      target: the value of the next state: that of the best slate, "q_learning"; that of the slate
        that was shown, "sarsa"; none, "myopic"; or "differential", see `SlateQAgent`.
      session_return_tau: fraction of the distance that the mean return of sessions of
        "differential" moves at each train step.
      clock: the unit of the horizon of "differential". "steps": td_lambda applies to each step.
        "rewards": td_lambda applies to each mean reward of a step, td_lambda ** (r / mean) for a
        reward r > 0 (transition-based discounting, White 2017, arXiv 1609.01995).

    Raises:
      ValueError: for an unknown target or clock, a clock of rewards with another target than
        "differential", or a number out of range.
    """

    target: Literal["sarsa", "myopic", "q_learning", "differential"] = "q_learning"
    session_return_tau: Fraction = 0.01
    clock: Literal["steps", "rewards"] = "steps"

    def __post_init__(self):
        if self.clock == "rewards":
            require("target", self.target, Literal["differential"])


@configurable(module="recsim_tf.agents")
@dataclasses.dataclass(frozen=True)
class SlateSelection:
    """The selection of SlateQ's best slate from values of items.

    Args:
      choice_scores: the agent's model of clicks. None means `AffinityScores()` if users and
        documents are observed as vectors of the same length, else
        `LearnedScores(ClickNetwork(observation_spec))`.
      serving_slates: slate optimiser of the policies: "top_k", "greedy" or "exact".
      target_slates: slate optimiser of the target "q_learning".

    Raises:
      ValueError: for an unknown slate optimiser.
    """

    choice_scores: ChoiceScores | None = None
    serving_slates: str = "exact"
    target_slates: str = "exact"

    def __post_init__(self):
        slate_optimizer(self.serving_slates)
        slate_optimizer(self.target_slates)


class SessionReturn(tf.Module):
    """The mean return of sessions: the reward of a step divided by the probability that it ends a
    session, both as moving averages.

    Args:
      tau: fraction of the distance that the averages move at an update, in [0, 1].
    """

    def __init__(self, tau: float):
        super().__init__(name="SessionReturn")
        self._tau = tau
        self._reward = replicas.variable(0.0)
        self._ends = replicas.variable(0.0)

    def update(self, steps: tf.Tensor, reward: tf.Tensor, ends: tf.Tensor) -> None:
        """Updates the averages by the numbers of steps and ends, and the rewards, of a batch."""
        for mean, value in ((self._reward, reward), (self._ends, ends)):
            mean.assign_add(self._tau * (tf.math.divide_no_nan(value, steps) - mean))

    def part_of_reward(self, reward: tf.Tensor) -> tf.Tensor:
        """Rewards divided by the mean reward of a step, or 0 if either is not positive."""
        mean = tf.maximum(self._reward, 0.0)
        return tf.math.divide_no_nan(tf.maximum(reward, 0.0), mean)

    def value(self) -> tf.Tensor:
        """The mean return, a scalar in units of reward; 0 before the first end of a session."""
        return tf.math.divide_no_nan(self._reward, self._ends)


# Serving slates, target slates, and other options of targets by RecSim's name. RecSim's TS, GS and
# OS are serving slates, its TT, GT and OT are target slates, and its "optimal" is "exact" here. Its
# myopic agents have gamma 0.
_Q_LEARNING = {"target": "q_learning"}
_SARSA, _MYOPIC = {"target": "sarsa"}, {"target": "sarsa", "gamma": 0.0}
_PRESETS: dict[str, tuple[str, str, dict[str, Any]]] = {
    "dp_random": ("greedy", "exact", _SARSA),
    "slate_topk_sarsa": ("top_k", "exact", _SARSA),
    "myopic_slate_topk_sarsa": ("top_k", "exact", _MYOPIC),
    "slate_greedy_sarsa": ("greedy", "exact", _SARSA),
    "myopic_slate_greedy_sarsa": ("greedy", "exact", _MYOPIC),
    "slate_topk_topk_q": ("top_k", "top_k", _Q_LEARNING),
    "slate_greedy_greedy_q": ("greedy", "greedy", _Q_LEARNING),
    "slate_topk_optimal_q": ("top_k", "exact", _Q_LEARNING),
    "slate_greedy_optimal_q": ("greedy", "exact", _Q_LEARNING),
    "slate_optimal_optimal_q": ("exact", "exact", _Q_LEARNING),
}

PRESETS = tuple(_PRESETS)


@checked
def preset_arguments(preset: Annotated[str, OneOf(PRESETS)]) -> dict[str, Any]:
    """Arguments of `SlateQAgent` for the agent of that name, one of `PRESETS`.

    Options that a preset does not set, such as the lambda of the targets, come from gin bindings.
    Raises a ValueError for an unknown name. The error lists the allowed names.
    """
    serving_slates, target_slates, targets = _PRESETS[preset]
    arguments: dict[str, Any] = {
        "slates": SlateSelection(serving_slates=serving_slates, target_slates=target_slates),
        "targets": SlateQTargets(**targets),
    }
    if preset == "dp_random":
        arguments["exploration"] = Exploration(epsilon=1.0, eval_epsilon=1.0)
    return arguments
