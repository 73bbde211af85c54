# SPDX-License-Identifier: Apache-2.0
"""REINFORCE (Williams 1992) over slates, with a baseline and a Plackett-Luce policy."""

import dataclasses
import functools
from collections.abc import Callable
from typing import NamedTuple

import tensorflow as tf
from tf_agents.agents import data_converter, tf_agent
from tf_agents.networks.network import Network
from tf_agents.trajectories import policy_step, trajectory
from tf_agents.trajectories import time_step as ts

from recsim_tf.adapters.tf_agents import SlateEnvironment, TFSlatePolicy
from recsim_tf.agents.reinforce.networks import (
    SlatePolicyNetwork,
    SlatePolicyOfCallable,
    StateValueNetwork,
    TurnPolicyNetwork,
)
from recsim_tf.agents.shared.callables import OfCallable
from recsim_tf.agents.shared.features import network_of, reads_kinds
from recsim_tf.agents.shared.learning import (
    Learning,
    batch_sums,
    part,
    weighted_mean,
    weighted_moments,
)
from recsim_tf.agents.shared.returns import LambdaReturns, lambda_advantages
from recsim_tf.agents.shared.unrolled import NetworkGroup, first_state, has_memory, unrolled
from recsim_tf.core import nests, random
from recsim_tf.core.base.arguments import NotNegative, Positive, configurable
from recsim_tf.core.base.types import Nest, Observation, Seed, Turn
from recsim_tf.core.distributions import parts_of
from recsim_tf.core.models.explanations import Explained
from recsim_tf.core.runs import replicas
from recsim_tf.ope.weights import Weights, importance_weights, normalized_weights
from recsim_tf.policies.plackett_luce import PlackettLucePolicy, RememberingPolicy


class ReinforceSlateLoss(NamedTuple):
    """Parts of the loss, scalars."""

    policy_gradient_loss: tf.Tensor
    value_estimation_loss: tf.Tensor  # times its coefficient, in units of scaled reward squared
    entropy_regularization_loss: tf.Tensor
    entropy: tf.Tensor  # mean entropy of the decisions, in nats
    value: tf.Tensor  # mean estimated value, in units of reward
    explained_variance: tf.Tensor  # part of the variance of the returns that the values explain
    importance_weight: tf.Tensor  # mean importance weight, 1 on-policy


@configurable(module="recsim_tf.agents")
@dataclasses.dataclass(frozen=True)
class ImportanceWeights:
    """Importance weights pi(a | s) / beta(a | s) of a batch of off-policy decisions (Chen et al.
    2019, arXiv 1812.02353). They have no gradient: they weigh the terms return * grad log
    pi(a | s).

    Args:
      cap: the largest weight, above 0, or None for any. It trades variance for bias (section 4.4,
        weight capping).
      normalize: whether the weights are divided by their mean over the batch of all replicas
        (section 4.4, normalised importance sampling).

    Raises:
      ValueError: for a cap that is not above 0.
    """

    cap: Positive | None = None
    normalize: bool = False

    def __call__(
        self, log_prob: tf.Tensor, behaviour_log_prob: tf.Tensor, valid: tf.Tensor
    ) -> tf.Tensor:
        """The weights [...], or zeros if their mean is zero.

        Args:
          log_prob: log-probabilities of the actions under the policy that learns, pi, [...].
          behaviour_log_prob: log-probabilities under the policy that acted, beta, [...].
          valid: 1 for a decision that counts in the mean, else 0, [...].
        """
        weights = Weights(self.cap).bend(importance_weights(log_prob, behaviour_log_prob))
        if self.normalize:
            total, weighted = batch_sums(valid, weights * valid)
            weights = normalized_weights(weights, tf.math.divide_no_nan(weighted, total))
        return tf.stop_gradient(weights)


@configurable(module="recsim_tf.agents")
@dataclasses.dataclass(frozen=True)
class PolicyGradient:
    """The objective of a `ReinforceSlateAgent`.

    Args:
      returns: the horizon of the returns.
      importance: the weights of off-policy experience, or None to learn on-policy. With weights,
        the experience's policy_info is TF-Agents' `PolicyInfo`, like that of the collect policy.
      normalize_advantages: whether each train step scales advantages to mean 0 and variance 1.
      value_estimation_loss_coef: weight of the squared error of the values.
      entropy_regularization: weight of the policy's entropy, in nats: a number, or a function of
        the train step, such as a Keras learning-rate schedule.
    """

    returns: LambdaReturns = dataclasses.field(default_factory=LambdaReturns)
    importance: ImportanceWeights | None = None
    normalize_advantages: bool = True
    value_estimation_loss_coef: NotNegative = 0.5
    entropy_regularization: NotNegative | Callable[[tf.Variable], tf.Tensor] = 0.0


class TFDrawnSlatePolicy(TFSlatePolicy):
    """A `PlackettLucePolicy` as a TF-Agents policy that gives the distribution of its actions.

    With `emit_log_probability=True`, an argument of `TFPolicy`, its info is a `PolicyInfo` with the
    actions' log-probabilities [B].
    """

    policy: PlackettLucePolicy

    def _distribution(self, time_step: ts.TimeStep, policy_state: Nest):
        distribution, policy_state, info = self._decided(time_step, policy_state)
        return policy_step.PolicyStep(parts_of(distribution), policy_state, info)

    def _action(self, time_step: ts.TimeStep, policy_state: Nest, seed: Seed):
        distribution, policy_state, info = self._decided(time_step, policy_state)
        action = random.sample(distribution, self._next_seed(seed))
        if self.emit_log_probability:
            info = policy_step.set_log_probability(info, distribution.log_prob(action))
        return policy_step.PolicyStep(action, policy_state, info)

    def _decided(self, time_step: ts.TimeStep, policy_state: Nest):
        policy_state = self._begun(time_step, policy_state)
        info = self._info(policy_state)
        return *self.policy.decide(time_step.observation, policy_state), info


class ReinforceSlateAgent(tf_agent.TFAgent):
    """REINFORCE (Williams 1992) on slates, with returns that may end before the session does.

    Experience is a trajectory [B, num_steps + 1]: `num_steps` decisions of each user, and a last
    frame whose observation gives the value of all later rewards. If a user leaves within the
    window, there are no later rewards. If the time limit ends a session, the value of its last
    state stands for later rewards. The frame between two sessions is not a decision. The return of
    a decision is the lambda-return of its window.

    The agent learns on-policy, with `Iteration.batch_size = None`. With `ImportanceWeights` it
    learns from replay too, or from the data of any policy that logs its log-probabilities. Each
    decision is then weighted by pi(slate | s) / beta(slate | s), the first-order correction of Chen
    et al. 2019 (arXiv 1812.02353, section 4), which neglects that the later slates and the states
    are those of beta.

    The collect policy draws slates. The served policy shows the likeliest slate: the K largest
    logits in order. If the action is a `Turn`, the query is drawn beside the slate, or is the
    likeliest.

    The experience's policy_info has the states of networks with a memory before each frame, so that
    a window may begin within a session. The gradient goes back to the beginning of the window.

    Args:
      time_step_spec, action_spec: specs of the environment.
      actor_network: a network that returns (`PlackettLuce` [B], state), such as
        `SlatePolicyNetwork`; for turns (`IndependentParts` [B], state), such as
        `TurnPolicyNetwork`.
      value_network: a network that returns (value [B], state), such as `StateValueNetwork`. With
        None the baseline is the mean return of all users at the same step of the window, and
        rewards after the window do not count. This is for windows that are whole sessions.
      learning: the optimizer, and options of learning.
      objective: the objective, by default `PolicyGradient()`.
      seed: the seed of both policies, an integer or int32 [2].

    Attributes:
      on_policy: whether the experience must be the newest of the collect policy.

    Raises:
      ValueError: for an average_tau of the learning, since this agent serves no averaged weights.
    """

    def __init__(
        self,
        time_step_spec: ts.TimeStep,
        action_spec: Nest,
        actor_network: Network,
        value_network: Network | None,
        learning: Learning,
        objective: PolicyGradient | None = None,
        seed: random.Seed = 0,
        name: str = "ReinforceSlateAgent",
    ):
        if learning.average_tau is not None:
            raise ValueError(f"average_tau must be None for {name}, got {learning.average_tau}")
        objective = objective or PolicyGradient()
        specs = time_step_spec, action_spec
        tf.Module.__init__(self, name=name)
        self._actor_network, self._value_network = actor_network, value_network
        self.learners = NetworkGroup(actor_network, value_network).present
        for network in self.learners:
            network.create_variables()
        self.learning = learning
        self._optimizer = learning.optimizer  # Checkpoints find it as an attribute.
        self.objective = objective
        self.on_policy = objective.importance is None
        learning.build(self._trainable_weights())
        self._networks = NetworkGroup(
            actor_network,
            value_network if value_network is not None and has_memory(value_network) else None,
        )
        served = collecting = PlackettLucePolicy.of_network(actor_network)
        if self._networks.have_memory:
            # The state of the collect policy is that of all networks that learn from its actions.
            collecting = RememberingPolicy(self._decide, self._networks.state_spec)
        policy_seed, collect_seed = random.split_seed(random.as_seed(seed), 2)
        super().__init__(
            *specs,
            TFSlatePolicy(
                *specs,
                Explained(served.likeliest, served.explain, served.initial_state, [served]),
                actor_network.variables,
                policy_seed,
            ),
            TFDrawnSlatePolicy(
                *specs,
                collecting,
                [variable for network in self._networks.present for variable in network.variables],
                collect_seed,
                name="CollectPolicy",
                emit_state=True,
                emit_log_probability=not self.on_policy,
            ),
            train_sequence_length=objective.returns.num_steps + 1,
            train_step_counter=learning.train_step_counter,
        )
        self._as_trajectory = data_converter.AsTrajectory(
            self.data_context, sequence_length=self.train_sequence_length
        )

    def _initialize(self):
        return tf.no_op()

    def _decide(self, observation: Observation, policy_state: Nest):
        (distribution, *_), policy_state = self._networks.step(observation, policy_state)
        return distribution, policy_state

    def _trainable_weights(self) -> list[tf.Variable]:
        return [weight for network in self.learners for weight in network.trainable_weights]

    def _train(self, experience: trajectory.Trajectory, weights: tf.Tensor | None = None):
        return self.learning.descend(
            lambda: self._loss(experience, weights, training=True), self._trainable_weights()
        )

    def _loss(self, experience: trajectory.Trajectory, weights=None, training: bool = False):
        experience = self._as_trajectory(experience)
        steps = tf.nest.map_structure(lambda leaf: leaf[:, :-1], experience)
        actor_state, value_state = self._networks.states(first_state(experience))
        valid = tf.cast(~steps.is_boundary(), tf.float32)
        if weights is not None:
            valid *= tf.reshape(weights, [-1, 1])
        # A window without decisions lies entirely between sessions.
        (total,) = batch_sums(valid)
        num_decisions = tf.where(total > 0, total, 1.0)
        values, advantages = self._values(experience, steps, value_state, valid, training)
        returns = advantages + tf.stop_gradient(values)
        if self.objective.normalize_advantages:
            ((mean, variance),) = weighted_moments(valid, total, advantages)
            advantages = (advantages - mean) * tf.math.rsqrt(variance + 1e-8)

        distribution = unrolled(self._actor_network, steps, actor_state, training)
        if not has_memory(self._actor_network):
            steps, advantages, returns, values, valid = nests.merge_outer(
                (steps, advantages, returns, values, valid)
            )
        log_probs, entropies = distribution.log_prob_and_entropy(steps.action)
        importance = tf.ones_like(valid)
        if self.objective.importance is not None:
            importance = self.objective.importance(
                log_probs, policy_step.get_log_probability(steps.policy_info), valid
            )
        # Actions between sessions may be impossible.
        log_probs = tf.where(valid > 0, log_probs, 0.0)
        policy_loss = -tf.reduce_sum(log_probs * advantages * valid * importance) / num_decisions
        value_loss = tf.zeros([])
        if self._value_network is not None:
            errors = tf.math.squared_difference(returns, values) * valid
            coefficient = self.objective.value_estimation_loss_coef
            value_loss = tf.reduce_sum(errors) * coefficient / num_decisions
        entropy = weighted_mean(importance * entropies, valid, total)
        entropy_weight = self.objective.entropy_regularization
        if callable(entropy_weight):
            entropy_weight = tf.cast(entropy_weight(self.train_step_counter), tf.float32)
        entropy_loss = -entropy_weight * entropy
        (_, error), (_, spread) = weighted_moments(valid, total, returns - values, returns)
        parts = ReinforceSlateLoss(
            policy_gradient_loss=policy_loss,
            value_estimation_loss=value_loss,
            entropy_regularization_loss=entropy_loss,
            entropy=entropy,
            value=weighted_mean(values, valid, total) / self.learning.reward_scale_factor,
            explained_variance=part(1.0 - tf.math.divide_no_nan(error, spread)),
            importance_weight=weighted_mean(importance, valid, total),
        )
        return tf_agent.LossInfo(policy_loss + value_loss + entropy_loss, parts)

    def _values(
        self,
        experience: trajectory.Trajectory,
        steps: trajectory.Trajectory,
        state: Nest,
        valid: tf.Tensor,
        training: bool,
    ):
        """Values of the states before the steps, and advantages relative to them, both [B, T]."""
        shape = tf.shape(experience.step_type)
        if self._value_network is not None:
            values = unrolled(self._value_network, experience, state, training)
            values = tf.reshape(values, shape)
            return values[:, :-1], self._advantages(steps, tf.stop_gradient(values))
        returns = self._advantages(steps, tf.zeros(shape))
        sums = replicas.total(
            (tf.reduce_sum(valid * returns, axis=0), tf.reduce_sum(valid, axis=0))
        )
        mean = tf.math.divide_no_nan(*sums)
        return tf.broadcast_to(mean, tf.shape(returns)), returns - mean

    def _advantages(self, steps: trajectory.Trajectory, values: tf.Tensor):
        """Lambda-returns less values [B, T], from values [B, T + 1]."""
        # Returns end with a session, but its last value counts if the discount is not zero.
        return lambda_advantages(
            self.learning.reward_scale_factor * steps.reward,
            self.objective.returns.gamma * steps.discount,
            values,
            ~(steps.is_last() | steps.is_boundary()),
            self.objective.returns.td_lambda,
        )


@configurable(module="recsim_tf.agents")
@reads_kinds
def create_reinforce(
    environment: SlateEnvironment,
    train_step_counter: tf.Variable,
    actor_network: Callable = SlatePolicyNetwork,
    value_network: Callable | None = StateValueNetwork,
    query_network: Callable = TurnPolicyNetwork,
    optimizer: Callable[[], tf.keras.optimizers.Optimizer] = tf.keras.optimizers.Adam,
    name: str = "REINFORCE",
    learning: Callable[..., Learning] = Learning,
    objective: PolicyGradient | None = None,
) -> ReinforceSlateAgent:
    """Builds a `ReinforceSlateAgent`.

    Args:
      actor_network: a function that builds the policy's network from the observation spec and the
        slate size: a network of TF-Agents, or a callable with variables, such as a model of Keras
        3, that takes an `Observation` and returns logits [B, N].
      value_network: a function that builds the value network or callable, of values [B], from the
        observation spec; None for the mean over users.
      query_network: a function that builds the policy's network for actions with queries, from the
        observation spec, the network of `actor_network` and the query spec.
      environment, train_step_counter, optimizer, name, learning: see `create_slate_q`.
      objective: see `ReinforceSlateAgent`; None for the default, and for that of a gin file.
    """
    observation_spec, action_spec = environment.observation_spec(), environment.action_spec()
    turn = Turn.of(action_spec)
    network = network_of(
        actor_network, observation_spec, turn.slate.shape[0], adapter=SlatePolicyOfCallable
    )
    if turn is action_spec:
        network = network_of(query_network, observation_spec, network, turn.query)
    values = None
    if value_network is not None:
        adapter = functools.partial(OfCallable, outputs={"value": False})
        values = network_of(value_network, observation_spec, adapter=adapter)
    return ReinforceSlateAgent(
        environment.time_step_spec(),
        action_spec,
        network,
        values,
        learning(optimizer(), train_step_counter=train_step_counter),
        objective,
        name=name,
    )
