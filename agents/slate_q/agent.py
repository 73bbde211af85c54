"""SlateQ (Ie et al. 2019, arXiv 1905.12767): Q-learning with item-wise values of slates."""

from collections.abc import Callable
from typing import NamedTuple

import gin
import tensorflow as tf
from tf_agents.agents import data_converter, tf_agent
from tf_agents.networks.network import Network
from tf_agents.trajectories import time_step as ts
from tf_agents.trajectories import trajectory as tf_trajectory
from tf_agents.utils import common

from recsim_tf.adapters.tf_agents import SlateEnvironment
from recsim_tf.agents.shared import checks, returns
from recsim_tf.agents.shared.averages import batch_sums, part, weighted_mean
from recsim_tf.agents.shared.descent import Optimizer, build, descend
from recsim_tf.agents.shared.exploration import Exploration
from recsim_tf.agents.shared.unrolled import Together, first_state, unrolled_flat
from recsim_tf.agents.slate_q import losses
from recsim_tf.agents.slate_q.network import ClickNetwork, SessionQNetwork, SlateQNetwork
from recsim_tf.agents.slate_q.targets import SessionReturn, SlateQTargets, preset_arguments
from recsim_tf.core import nests, random, validation
from recsim_tf.core.explanations import Explained
from recsim_tf.core.ranges import Range
from recsim_tf.core.types import Nest
from recsim_tf.core.validation import NONE, check_numbers, check_one_of
from recsim_tf.policies import fields
from recsim_tf.policies.beliefs import AffinityScores, ChoiceScores, LearnedScores
from recsim_tf.policies.slates import slate_optimizer


class SlateQLoss(NamedTuple):
    """Parts of the loss, scalars."""

    td_loss: tf.Tensor  # mean squared temporal-difference error, in units of scaled reward
    # mean Poisson loss of the worth of sessions, of a `SessionQNetwork`; 0 with other networks
    worth_loss: tf.Tensor
    # mean negative log-likelihood of the clicks, 0 unless the choice is learned
    choice_loss: tf.Tensor
    q_click: tf.Tensor  # mean Q of the clicked documents, in units of reward
    q_no_click: tf.Tensor  # mean no-click value, in units of reward
    target: tf.Tensor  # mean target, in units of reward
    # mean return of a session, of the differential target; 0 with other targets
    session_return: tf.Tensor


@gin.configurable
class SlateQAgent(tf_agent.TFAgent):
    """SlateQ with a learned value of "no click".

    The value of a slate is the mean of item-wise values Q(s, i) and of Q(s, none) under the agent's
    choice model. The network learns the value of what the user did, a click on i or none, by
    regression on `r + gamma * discount * V(s')`. V is the value, under the target network, of the
    slate that the targets name. With `no_click="zero"` in the network, as in the paper, steps
    without a click teach nothing. Users are taken to choose one document at most, as in the paper:
    of several clicks on a slate the first one counts.

    The cost of a click may appear many steps later, at the end of the session. Lambda-returns over
    `num_steps` look that far. The differential target subtracts the mean return of sessions from
    the reward of a step that ends a session, and uses no values of next states. This is an
    average-reward formulation with sessions as the unit (Schwartz 1993, "A reinforcement learning
    method for maximizing undiscounted rewards"; Naik et al. 2024, arXiv 2405.09999). Its horizon is
    1 / (1 - td_lambda) steps. docs/slate_q.md says why it is needed, and has the figures.

    Networks with a memory see the frames of a user in order. The collect policy puts their states
    before each frame into the experience's policy_info, so that a sequence from replay may begin
    within a session (Kapturowski et al. 2019, "Recurrent experience replay in distributed
    reinforcement learning", ICLR 2019).

    Experience is a trajectory [B, num_steps + 1], of an environment with `Observation`s whose
    response has a field `clicked`.

    Args:
      time_step_spec, action_spec: of the environment.
      network: gives ((q_items [B, N], q_no_click [B]), state), as `SlateQNetwork`, or is a
        `SessionQNetwork`.
      optimizer: a Keras optimizer.
      choice_scores: what the agent believes about clicks. By default `AffinityScores()` where users
        and documents are observed as vectors of one length, else
        `LearnedScores(ClickNetwork(observation_spec))`.
      targets: what the values are learned towards, by default `SlateQTargets()`.
      serving_slates: slate optimiser in the policies: "top_k", "greedy" or "exact".
      exploration: how often slates are random, by default `Exploration()`.
      target_update_tau: part of the way that the target network moves at an update, in (0, 1].
      target_update_period: train steps between its updates.
      average_tau: part of the way that the averaged network moves at each train step, or None; the
        policy then serves the averaged weights (Polyak averaging), the collect policy the current
        ones.
      reward_scale_factor: multiplies rewards in the loss.
      gradient_clipping: largest global norm of the gradient, or None.
      seed: of the policies, an integer or int32 [2].
      train_step_counter: counts train steps; by default the global step.

    Attributes:
      network: the one that learns.
      choice_scores, targets: as given, or the defaults.

    Raises:
      ValueError: for actions with queries, an unknown slate optimiser, a number out of range,
        missing response fields, or choice scores that are not for this environment, as
        `AffinityScores` where users and documents are not vectors of one length.
    """

    def __init__(
        self,
        time_step_spec: ts.TimeStep,
        action_spec: tf.TensorSpec,
        network: Network,
        optimizer: Optimizer,
        choice_scores: ChoiceScores | None = None,
        targets: SlateQTargets | None = None,
        serving_slates: str = "exact",
        exploration: Exploration | None = None,
        target_update_tau: float = 0.01,
        target_update_period: int = 1,
        average_tau: float | None = None,
        reward_scale_factor: float = 1.0,
        gradient_clipping: float | None = None,
        seed: random.Seed = 0,
        train_step_counter: tf.Variable | None = None,
        name: str = "SlateQAgent",
    ):
        tf.Module.__init__(self, name=name)
        checks.require_slates(name, action_spec)
        checks.check_target_updates(target_update_tau, target_update_period)
        check_numbers(Range(above=0, high=1), NONE, average_tau=average_tau)
        checks.check_descent(optimizer, reward_scale_factor, gradient_clipping)
        validation.check_fields("responses", time_step_spec.observation.response, "clicked")
        self.targets = targets or SlateQTargets()
        self._values_sessions = isinstance(network, SessionQNetwork)
        if self._values_sessions:
            check_one_of(("differential",), target=self.targets.target)
        self._target_slates = slate_optimizer(self.targets.slates)
        self._serving_slates = slate_optimizer(serving_slates)
        self._slate_size = action_spec.shape[0]
        if choice_scores is None:
            spec = time_step_spec.observation
            suits = AffinityScores.suits(fields.zeros(spec))
            choice_scores = AffinityScores() if suits else LearnedScores(ClickNetwork(spec))
        self.choice_scores = choice_scores
        self._choice_network = (
            self.choice_scores.network if isinstance(self.choice_scores, LearnedScores) else None
        )
        self.network = network
        self._target_network = network.copy(name="TargetNetwork")
        self._average_network = None if average_tau is None else network.copy(name="AverageNetwork")
        self._networks = Together(network, self._choice_network)
        for one in (network, self._target_network, self._average_network, self._choice_network):
            if one is not None:
                one.create_variables()
        self.choice_scores(fields.zeros(time_step_spec.observation))
        self._optimizer = optimizer
        self._session_return = SessionReturn(self.targets.session_return_tau)
        self._reward_scale_factor = reward_scale_factor
        self._clip = None
        if gradient_clipping is not None:
            self._clip = lambda gradients: tf.clip_by_global_norm(gradients, gradient_clipping)[0]
        self._update_target = _updater(
            network, self._target_network, target_update_tau, target_update_period
        )
        self._update_average = None
        if average_tau is not None:
            self._update_average = _updater(network, self._average_network, average_tau, 1)
        build(optimizer, self._trainable_weights())
        if train_step_counter is None:
            train_step_counter = tf.compat.v1.train.get_or_create_global_step()
        read = Together(network, self._average_network, self._choice_network).present
        specs = time_step_spec, action_spec
        policies = (exploration or Exploration()).policies(
            *specs,
            self._greedy(self._average_network or network),
            self._greedy(network),
            [variable for one in read for variable in one.variables],
            train_step_counter,
            seed,
        )
        super().__init__(
            *specs,
            *policies,
            train_sequence_length=self.targets.num_steps + 1,
            train_step_counter=train_step_counter,
        )
        self._as_trajectory = data_converter.AsTrajectory(
            self.data_context, sequence_length=self.train_sequence_length
        )

    def action_values(self, observation) -> losses.SlateValues:
        """Choice weights and values of the served policy without a memory, in units of reward."""
        networks = Together(self._average_network or self.network, self._choice_network)
        return self._in_units_of_reward(self._step(networks, observation, ())[0])

    def _in_units_of_reward(self, values: losses.SlateValues) -> losses.SlateValues:
        scale = 1 / self._reward_scale_factor
        return values._replace(q_items=values.q_items * scale, q_no_click=values.q_no_click * scale)

    def _values(self, observation, q_values, click_logits) -> losses.SlateValues:
        """From results for an observation [B, ...]; without a learned choice no click_logits."""
        q_items, q_no_click, *_ = q_values
        if click_logits is None:
            weights = self.choice_scores(observation)
        else:
            weights = LearnedScores.weights(*click_logits)
        return losses.SlateValues(*weights, q_items, q_no_click)

    def _step(self, networks: Together, observation, state) -> tuple[losses.SlateValues, Nest]:
        """The values for an observation [B, ...], and the next state of the networks."""
        results, state = networks.step(observation, state)
        return self._values(observation, *results), state

    def _greedy(self, network):
        networks = Together(network, self._choice_network)

        def decide(observation, policy_state):
            values, policy_state = self._step(networks, observation, policy_state)
            return values, values.best_slate(self._serving_slates, self._slate_size), policy_state

        def act(observation, policy_state, seed):
            return decide(observation, policy_state)[1:]

        def explain(observation, policy_state, seed):
            values, slate, _ = decide(observation, policy_state)
            return self._in_units_of_reward(values).explanation(slate)

        return Explained(act, explain, networks.initial_state)

    def _initialize(self):
        for network in Together(self._target_network, self._average_network).present:
            common.soft_variables_update(self.network.variables, network.variables, tau=1.0)

    def _trainable_weights(self):
        return [weight for one in self._networks.present for weight in one.trainable_weights]

    def _train(self, experience, weights=None):
        loss_info = descend(
            lambda: self._loss(experience, weights, training=True),
            self._trainable_weights(),
            self._optimizer,
            self._clip,
        )
        self.train_step_counter.assign_add(1)
        self._update_target()
        if self._update_average is not None:
            self._update_average()
        return loss_info

    def _loss(self, experience: tf_trajectory.Trajectory, weights=None, training: bool = False):
        experience = self._as_trajectory(experience)
        steps = tf.nest.map_structure(lambda leaf: leaf[:, :-1], experience)
        following = tf.nest.map_structure(lambda leaf: leaf[:, 1:], experience)
        # A LAST frame is followed by another user's FIRST: that pair is no transition.
        valid = tf.cast(~steps.is_boundary(), tf.float32)
        valid = valid if weights is None else valid * weights[:, tf.newaxis]
        clicked = losses.only_first(tf.cast(following.observation.response.clicked, tf.float32))
        has_click = tf.reduce_sum(clicked, axis=-1)
        totals = batch_sums(
            valid, valid * has_click, valid * steps.reward, valid * (1 - steps.discount)
        )
        is_differential = self.targets.target == "differential"
        if training and is_differential:
            self._session_return.update(totals[0], *totals[2:])
        reward_target, cost_target = map(
            tf.stop_gradient, self._target_values(experience, steps, following)
        )
        reward = self._reward_scale_factor * steps.reward
        choices = nests.merge_outer(
            losses.Choices(steps.action, clicked, reward_target, cost_target, reward, valid)
        )
        q_click, q_no_click, td_loss, worth_loss, choice_loss = self._loss_parts(
            choices, steps, first_state(experience), totals, training
        )
        scale = 1 / self._reward_scale_factor
        of_clicks = choices.valid * choices.has_click
        session_return = part(self._session_return.value()) if is_differential else tf.zeros([])
        parts = SlateQLoss(
            td_loss=td_loss,
            worth_loss=worth_loss,
            choice_loss=choice_loss,
            q_click=scale * weighted_mean(q_click, of_clicks, totals[1]),
            q_no_click=scale * weighted_mean(q_no_click, choices.valid, totals[0]),
            target=scale * weighted_mean(choices.target, choices.valid, totals[0]),
            session_return=session_return,
        )
        return tf_agent.LossInfo(td_loss + worth_loss + choice_loss, parts)

    def _loss_parts(self, choices: losses.Choices, steps, state, totals, training: bool):
        """Values [B] of clicked documents and of no click; losses of values, worth and choices."""
        q_state, choice_state = self._networks.states(state)
        shown = losses.with_documents_of(steps, choices.slate)
        click_logits, choice_loss, worth_loss = None, tf.zeros([]), tf.zeros([])
        if self._choice_network is not None:
            click_logits = unrolled_flat(self._choice_network, shown, choice_state, training)
            logits, no_click_logit = click_logits
            choice_loss = losses.choice_loss(logits, no_click_logit, choices, totals[0])
        if self._values_sessions:
            q_items, q_no_click, sessions = unrolled_flat(self.network, shown, q_state, training)
            observation = nests.merge_outer(shown.observation)
            values = self._values(observation, (q_items, q_no_click), click_logits)
            td_loss, worth_loss = losses.session_losses(
                sessions,
                choices,
                tf.stop_gradient(values.click_probabilities(choices.slate >= 0)),
                (totals[0], self._reward_scale_factor * totals[2]),
            )
            q_click = tf.reduce_sum(choices.clicked * q_items, axis=-1)
        else:
            # Values of the documents that were not clicked teach nothing, so only one of each slate
            # goes through the network.
            chosen = losses.with_documents_of(steps, choices.clicked_document)
            q_click, q_no_click = unrolled_flat(self.network, chosen, q_state, training)
            q_click = tf.squeeze(q_click, axis=-1)
            learns_no_click = self.network.learns_no_click
            td_loss = losses.td_loss(choices, q_click, q_no_click, learns_no_click, totals[:2])
        return q_click, q_no_click, td_loss, worth_loss, choice_loss

    def _target_values(self, experience, steps, following) -> list[tf.Tensor]:
        """Targets of rewards and of costs, of ends of sessions, [B, T] in units of scaled reward.
        Costs are taken off the rewards unless the network learns them apart.
        """
        reward = steps.reward
        cost = next_values = tf.zeros_like(reward)
        if self.targets.target == "differential":
            cost = (1 - steps.discount) * self._session_return.value()
        elif self.targets.target in ("sarsa", "q_learning"):
            # A memory has to see the first frames, too.
            frames = experience if self._networks.have_memory else following
            next_values = self._slate_values(frames)[:, -reward.shape[1] :]
        # One pass over time, for both where they are learned apart.
        rows = [reward, cost] if self._values_sessions else [reward - cost]

        def of_each_row(leaf):
            return tf.concat([leaf] * len(rows), axis=0)

        td_lambda = self.targets.td_lambda
        if self.targets.clock == "rewards":
            td_lambda = of_each_row(tf.pow(td_lambda, self._session_return.part_of_reward(reward)))
        found = returns.lambda_returns(
            self._reward_scale_factor * tf.concat(rows, axis=0),
            of_each_row(self.targets.gamma * steps.discount),
            of_each_row(next_values),
            of_each_row(~following.is_boundary()),
            td_lambda,
        )
        return (
            tf.split(found, 2, axis=0) if self._values_sessions else [found, tf.zeros_like(found)]
        )

    def _slate_values(self, frames) -> tf.Tensor:
        """Values [B, L] of frames [B, L] under the target network, in units of scaled reward."""
        q_state, choice_state = self._networks.states(first_state(frames))
        click_logits = None
        if self._choice_network is not None:
            click_logits = unrolled_flat(self._choice_network, frames, choice_state)
        observation, shown_slate = nests.merge_outer((frames.observation, frames.action))
        q_values = unrolled_flat(self._target_network, frames, q_state)
        values = self._values(observation, q_values, click_logits)
        slate = (
            shown_slate
            if self.targets.target == "sarsa"
            else values.best_slate(self._target_slates, self._slate_size)
        )
        return tf.reshape(values.slate_value(slate), tf.shape(frames.reward))


def _updater(source, target, tau: float, period: int) -> Callable[[], object]:
    """Moves a target network's variables towards the source's, at every `period`-th call."""
    return common.Periodically(
        lambda: common.soft_variables_update(source.variables, target.variables, tau),
        period,
        "update",
    )


@gin.configurable(module="recsim_tf.agents")
def create_slate_q(
    environment: SlateEnvironment,
    train_step_counter: tf.Variable,
    network: Callable = SlateQNetwork,
    optimizer: Callable[[], tf.keras.optimizers.Optimizer] = tf.keras.optimizers.Adam,
    choice_network: Callable | None = None,
    preset: str | None = None,
    name: str = "SlateQ",
) -> SlateQAgent:
    """Builds a `SlateQAgent`, whose other arguments come from its own gin bindings.

    What a preset names wins over gin bindings. RecSim's agents also have `SlateQNetwork.no_click =
    "zero"`, and by default gamma 0.99 and an eval_epsilon of 0.001.

    Args:
      environment: gives the specs.
      train_step_counter: counts train steps.
      network: builds the Q-network from the observation spec.
      optimizer: builds the Keras optimizer.
      choice_network: builds a network from the observation spec, as `ClickNetwork`, from which the
        choice scores are learned; None for the default of `SlateQAgent`.
      preset: one of `PRESETS`, RecSim 0.2.4's names of slate optimiser and target, such as
        "slate_greedy_optimal_q"; or None.
      name: of the agent in tables and plots.

    Raises:
      ValueError: for an unknown preset, or an argument that `SlateQAgent` refuses.
    """
    arguments = {} if preset is None else preset_arguments(preset)
    observation_spec = environment.observation_spec()
    if choice_network is not None:
        arguments["choice_scores"] = LearnedScores(choice_network(observation_spec))
    return SlateQAgent(
        environment.time_step_spec(),
        environment.action_spec(),
        network(observation_spec),
        optimizer(),
        train_step_counter=train_step_counter,
        name=name,
        **arguments,
    )
