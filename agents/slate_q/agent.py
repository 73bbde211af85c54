# SPDX-License-Identifier: Apache-2.0
"""SlateQ (Ie et al. 2019, arXiv 1905.12767): Q-learning with item-wise values of slates."""

import dataclasses
import functools
from collections.abc import Callable
from typing import Any, Literal, NamedTuple

import tensorflow as tf
from tf_agents.agents import tf_agent
from tf_agents.networks.network import Network
from tf_agents.trajectories import time_step as ts
from tf_agents.trajectories import trajectory

from recsim_tf.adapters.tf_agents import SlateEnvironment
from recsim_tf.agents.shared import returns
from recsim_tf.agents.shared.callables import OfCallable
from recsim_tf.agents.shared.exploration import Exploration
from recsim_tf.agents.shared.features import network_of, reads_kinds
from recsim_tf.agents.shared.kinds import KindSpec, features_of, features_spec
from recsim_tf.agents.shared.learning import Learning, part, weighted_mean
from recsim_tf.agents.shared.q_agent import QAgent, Transitions
from recsim_tf.agents.shared.unrolled import NetworkGroup, first_state, unrolled_flat
from recsim_tf.agents.slate_q import losses
from recsim_tf.agents.slate_q.network import ClickNetwork, SessionQNetwork, SlateQNetwork
from recsim_tf.agents.slate_q.targets import (
    SessionReturn,
    SlateQTargets,
    SlateSelection,
    preset_arguments,
)
from recsim_tf.core import nests
from recsim_tf.core.base import validation
from recsim_tf.core.base.arguments import configurable, require
from recsim_tf.core.base.types import Nest, Observation, Seed
from recsim_tf.core.models.explanations import Explained
from recsim_tf.policies import fields
from recsim_tf.policies.choice_scores import AffinityScores, LearnedScores
from recsim_tf.policies.slates import slate_optimizer


class SlateQLoss(NamedTuple):
    """Parts of the loss, scalars."""

    td_loss: tf.Tensor  # mean squared temporal-difference error, in units of scaled reward
    # Mean Poisson loss of the worth of sessions of a `SessionQNetwork`; 0 with other networks.
    worth_loss: tf.Tensor
    # Mean negative log-likelihood of the clicks; 0 unless the choice is learned.
    choice_loss: tf.Tensor
    q_click: tf.Tensor  # mean Q of the clicked documents, in units of reward
    q_no_click: tf.Tensor  # mean no-click value, in units of reward
    target: tf.Tensor  # mean target, in units of reward
    # Mean return of a session of the differential target; 0 with other targets.
    session_return: tf.Tensor


class SlateQAgent(QAgent):
    """SlateQ with a learned value of "no click".

    The value of a slate is the mean of item-wise values Q(s, i) and of Q(s, none) under the agent's
    choice model. The network learns the value of the user's choice, a click on i or no click, by
    regression on `r + gamma * discount * V(s')`. V is the value, under the target network, of the
    slate that the targets select. With `no_click="zero"` in the network, as in the paper, steps
    without a click do not count. As in the paper, users choose at most one document: only the first
    click on a slate counts.

    The differential target subtracts the mean return of sessions from the reward of a step that
    ends a session, and uses no values of next states. This is an average-reward formulation with
    sessions as the unit (Schwartz 1993, "A reinforcement learning method for maximizing
    undiscounted rewards"; Naik et al. 2024, arXiv 2405.09999). Its horizon is 1 / (1 - td_lambda)
    steps. docs/reports/slate_q_why.md explains why it is needed, with figures.

    Networks with a memory get the frames of a user in order. The collect policy puts their states
    before each frame into the experience's policy_info, so that a sequence from replay may begin
    within a session (Kapturowski et al. 2019, "Recurrent experience replay in distributed
    reinforcement learning", ICLR 2019).

    Experience is a trajectory [B, num_steps + 1] of an environment with `Observation`s whose
    response has a field `clicked`.

    Args:
      time_step_spec, action_spec: specs of the environment.
      network: a network that returns ((q_items [B, N], q_no_click [B]), state), such as
        `SlateQNetwork`; or a `SessionQNetwork`.
      learning: the optimizer, and options of learning.
      targets: the targets of the values, by default `SlateQTargets()`.
      slates: the selection of the best slate from values, by default `SlateSelection()`.
      exploration: the frequency of random slates, by default `Exploration()`.

    Attributes:
      network: the network that learns.
      targets: the given or default targets.
      choice_scores: the choice scores of `slates`, or the default.

    Raises:
      ValueError: for actions with queries, missing response fields, or choice scores that do not
        fit the environment, such as `AffinityScores` if users and documents are not vectors of the
        same length.
    """

    targets: SlateQTargets

    def __init__(
        self,
        time_step_spec: ts.TimeStep,
        action_spec: tf.TensorSpec,
        network: Network,
        learning: Learning,
        targets: SlateQTargets | None = None,
        slates: SlateSelection | None = None,
        exploration: Exploration | None = None,
        name: str = "SlateQAgent",
    ):
        tf.Module.__init__(self, name=name)
        spec = time_step_spec.observation
        validation.check_fields("responses", spec.response, "clicked")
        targets, slates = targets or SlateQTargets(), slates or SlateSelection()
        self._values_sessions = isinstance(network, SessionQNetwork)
        if self._values_sessions:
            require("target", targets.target, Literal["differential"])
        self._is_differential = targets.target == "differential"
        self._session_return = SessionReturn(targets.session_return_tau)
        self._target_slates = slate_optimizer(slates.target_slates)
        self._serving_slates = slate_optimizer(slates.serving_slates)
        scores = slates.choice_scores
        if scores is None:
            suits = AffinityScores.suits(fields.zeros(features_spec(spec)))
            kinds = spec.documents.features if isinstance(spec.documents, KindSpec) else None
            scores = AffinityScores(kinds=kinds) if suits else LearnedScores(ClickNetwork(spec))
        # Scores of the user's see features.
        has_own = slates.choice_scores is not None and not isinstance(scores, LearnedScores)
        self._documents_of_scores = spec.documents if has_own else None
        self.choice_scores = scores
        self._choice_network = scores.network if isinstance(scores, LearnedScores) else None
        super().__init__(
            time_step_spec,
            action_spec,
            network,
            learning,
            targets,
            exploration or Exploration(),
            [self._choice_network],
            values_next=targets.target not in ("differential", "myopic"),
            name=name,
        )
        self._choice_weights(fields.zeros(spec))

    def _choice_weights(self, observation: Observation) -> tuple[tf.Tensor, tf.Tensor]:
        """The weights of the choice scores."""
        documents = features_of(observation.documents, self._documents_of_scores)
        return self.choice_scores(observation._replace(documents=documents))

    def action_values(self, observation: Observation) -> losses.SlateValues:
        """Choice weights and values of the served policy without a memory, in units of reward."""
        networks = NetworkGroup(self._served_network, self._choice_network)
        return self._in_units_of_reward(self._step(networks, observation, ())[0])

    def _in_units_of_reward(self, values: losses.SlateValues) -> losses.SlateValues:
        scale = 1 / self.learning.reward_scale_factor
        return values._replace(
            advantages=scale * values.advantages, q_no_click=scale * values.q_no_click
        )

    def _values(
        self, observation: Observation, q_values: tuple, click_logits: tuple | None
    ) -> losses.SlateValues:
        """The values from results of networks for an observation [B, ...]. `click_logits` is None
        unless the choice is learned.
        """
        q_items, q_no_click, *parts = q_values
        if click_logits is None:
            weights, no_click_weight = self._choice_weights(observation)
        else:
            weights, no_click_weight = LearnedScores.weights(*click_logits)
        if parts:
            # A slate depends on advantages alone, so a network need not compute the rest for it.
            return losses.SlateValues(weights, no_click_weight, parts[0].over, q_no_click)
        return losses.SlateValues.of(weights, no_click_weight, q_items, q_no_click)

    def _step(
        self, networks: NetworkGroup, observation: Observation, state: Nest
    ) -> tuple[losses.SlateValues, Nest]:
        """The values for an observation [B, ...], and the next state of the networks."""
        results, state = networks.step(observation, state)
        return self._values(observation, *results), state

    def _greedy(self, network: Network):
        networks = NetworkGroup(network, self._choice_network)

        def decide(observation: Observation, policy_state: Nest):
            values, policy_state = self._step(networks, observation, policy_state)
            slate_size = self.action_spec.shape[0]
            return values, values.best_slate(self._serving_slates, slate_size), policy_state

        def act(observation: Observation, policy_state: Nest, seed: Seed):
            return decide(observation, policy_state)[1:]

        def explain(observation: Observation, policy_state: Nest, seed: Seed):
            values, slate, _ = decide(observation, policy_state)
            return self._in_units_of_reward(values).explanation(slate)

        return Explained(act, explain, networks.initial_state, [network, self.choice_scores])

    def _loss(self, experience: trajectory.Trajectory, weights=None, training: bool = False):
        transitions = self._transitions(experience, weights)
        clicked = losses.first_clicks(transitions.following)
        totals = losses.Totals.of(transitions, clicked)
        if training and self._is_differential:
            self._session_return.update(totals.steps, totals.reward, totals.ends)
        steps, scale = transitions.steps, self.learning.reward_scale_factor
        reward_target, cost_target = map(tf.stop_gradient, self._target_values(transitions))
        choices = nests.merge_outer(
            losses.Choices(
                steps.action,
                clicked,
                reward_target,
                cost_target,
                scale * steps.reward,
                transitions.valid,
            )
        )
        shown = losses.with_documents(steps, choices.slate)
        q_state, choice_state = self._networks.states(first_state(transitions.frames))
        click_logits, choice_loss = None, tf.zeros([])
        if self._choice_network is not None:
            click_logits = unrolled_flat(self._choice_network, shown, choice_state, training)
            logits, no_click_logit = click_logits
            choice_loss = losses.choice_loss(logits, no_click_logit, choices, totals)
        if self._values_sessions:
            values = unrolled_flat(self.network, shown, q_state, training)
            slates = self._values(nests.merge_outer(shown.observation), values, click_logits)
            scaled = totals._replace(reward=scale * totals.reward)
            probabilities = tf.stop_gradient(slates.click_probabilities(choices.slate >= 0))
            learned = losses.ValueLosses(
                tf.reduce_sum(choices.clicked * slates.q_items, axis=-1),
                slates.q_no_click,
                *losses.session_losses(values[2], choices, probabilities, scaled),
            )
        else:
            # Documents that were not clicked have no target, so a single document of each slate
            # goes through the network.
            chosen = losses.with_documents(steps, choices.clicked_document)
            q_items, q_no_click = unrolled_flat(self.network, chosen, q_state, training)
            learns_no_click = getattr(self.network, "learns_no_click", True)
            learned = losses.value_losses(q_items, q_no_click, choices, totals, learns_no_click)
        session_return = tf.zeros([])
        if self._is_differential:
            session_return = part(self._session_return.value())
        valid, clicks = choices.valid, choices.valid * choices.has_click
        unit = 1 / scale
        parts = SlateQLoss(
            td_loss=learned.td_loss,
            worth_loss=learned.worth_loss,
            choice_loss=choice_loss,
            q_click=unit * weighted_mean(learned.q_click, clicks, totals.clicks),
            q_no_click=unit * weighted_mean(learned.q_no_click, valid, totals.steps),
            target=unit * weighted_mean(choices.target, valid, totals.steps),
            session_return=session_return,
        )
        return tf_agent.LossInfo(learned.td_loss + learned.worth_loss + choice_loss, parts)

    def _target_values(self, transitions: Transitions) -> list[tf.Tensor]:
        """Targets of rewards and of costs for ends of sessions, [B, T], in units of scaled reward.
        Costs are subtracted from the rewards unless the network learns them separately.
        """
        frames, steps, following, _ = transitions
        reward, targets = steps.reward, self.targets
        cost = next_values = tf.zeros_like(reward)
        if self._is_differential:
            cost = (1 - steps.discount) * self._session_return.value()
        elif targets.target != "myopic":
            # A memory needs the first frames, too.
            seen = frames if self._networks.have_memory else following
            next_values = self._slate_values(seen)[:, -reward.shape[1] :]
        # Rewards and costs that are learned separately share a pass over time.
        rows = [reward, cost] if self._values_sessions else [reward - cost]

        def for_each_row(leaf: tf.Tensor):
            return tf.concat([leaf] * len(rows), axis=0)

        td_lambda = targets.td_lambda
        if targets.clock == "rewards":
            td_lambda = for_each_row(tf.pow(td_lambda, self._session_return.part_of_reward(reward)))
        lambda_returns = returns.lambda_returns(
            self.learning.reward_scale_factor * tf.concat(rows, axis=0),
            for_each_row(targets.gamma * steps.discount),
            for_each_row(next_values),
            for_each_row(~following.is_boundary()),
            td_lambda,
        )
        return (
            tf.split(lambda_returns, 2, axis=0)
            if self._values_sessions
            else [lambda_returns, tf.zeros_like(lambda_returns)]
        )

    def _slate_values(self, frames: trajectory.Trajectory) -> tf.Tensor:
        """Values [B, L] of frames [B, L] under the target network, in units of scaled reward."""
        q_state, choice_state = self._networks.states(first_state(frames))
        click_logits = None
        if self._choice_network is not None:
            click_logits = unrolled_flat(self._choice_network, frames, choice_state)
        observation, slate = nests.merge_outer((frames.observation, frames.action))
        q_values = unrolled_flat(self._target_network, frames, q_state)
        values = self._values(observation, q_values, click_logits)
        if self.targets.target != "sarsa":
            slate = values.best_slate(self._target_slates, self.action_spec.shape[0])
        return tf.reshape(values.slate_value(slate), tf.shape(frames.reward))


@configurable(module="recsim_tf.agents")
@reads_kinds
def create_slate_q(
    environment: SlateEnvironment,
    train_step_counter: tf.Variable,
    network: Callable = SlateQNetwork,
    optimizer: Callable[[], tf.keras.optimizers.Optimizer] = tf.keras.optimizers.Adam,
    choice_network: Callable | None = None,
    preset: str | None = None,
    name: str = "SlateQ",
    learning: Callable[..., Learning] = Learning,
    targets: SlateQTargets | None = None,
    slates: SlateSelection | None = None,
    exploration: Exploration | None = None,
) -> SlateQAgent:
    """Builds a `SlateQAgent`.

        agent = functools.partial(create_slate_q, targets=SlateQTargets(gamma=0.9))
        training = Training(simulator, agent)

    The options of a preset take precedence over `targets` and `slates`, and over gin bindings.
    RecSim's agents also have `SlateQNetwork.no_click = "zero"`, and by default gamma 0.99 and an
    eval_epsilon of 0.001.

    Args:
      environment: the environment with the specs.
      train_step_counter: the counter of train steps.
      network: a function that builds the Q-network from the observation spec: a network of
        TF-Agents, or a callable with variables, such as a model of Keras 3, that takes an
        `Observation` and returns (q_items [B, N], q_no_click [B]) for any number N of documents.
      optimizer: a function that builds the Keras optimizer.
      choice_network: a function that builds a network or callable from the observation spec, such
        as `ClickNetwork`, which learns the choice scores; None for the default of `SlateSelection`.
      preset: one of `PRESETS`, RecSim 0.2.4's names of slate optimiser and target, such as
        "slate_greedy_optimal_q"; or None.
      name: name of the agent in tables and plots.
      learning: a function that makes the options of learning from the optimizer, such as
        `functools.partial(Learning, average_tau=0.02)`.
      targets, slates, exploration: see `SlateQAgent`; None for the defaults, and for those of a gin
        file.

    Raises:
      ValueError: for an unknown preset, or an argument that `SlateQAgent` refuses.
    """
    arguments: dict[str, Any] = {"targets": targets, "slates": slates, "exploration": exploration}
    if preset is not None:
        arguments |= preset_arguments(preset)
    observation_spec = environment.observation_spec()

    def values(build: Callable, of_item: str, of_no_click: str) -> Network:
        outputs = {of_item: True, of_no_click: False}
        adapter = functools.partial(OfCallable, outputs=outputs)
        return network_of(build, observation_spec, adapter=adapter)

    if choice_network is not None:
        scores = LearnedScores(values(choice_network, "logits", "no_click_logit"))
        slates = arguments["slates"] or SlateSelection()
        arguments["slates"] = dataclasses.replace(slates, choice_scores=scores)
    return SlateQAgent(
        environment.time_step_spec(),
        environment.action_spec(),
        values(network, "q_items", "q_no_click"),
        learning(optimizer(), train_step_counter=train_step_counter),
        name=name,
        **arguments,
    )
