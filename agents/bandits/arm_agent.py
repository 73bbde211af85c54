# SPDX-License-Identifier: Apache-2.0
"""TF-Agents' bandits as slate agents, whose arms stand for slates."""

import abc
from collections.abc import Callable
from typing import ClassVar

import tensorflow as tf
import tensorflow_probability as tfp
from tf_agents.agents import tf_agent
from tf_agents.bandits.agents import (
    bernoulli_thompson_sampling_agent,
    exp3_agent,  # noqa: F401 # The import registers a name for gin files.
    lin_ucb_agent,  # noqa: F401 # As above.
    linear_thompson_sampling_agent,  # noqa: F401 # As above.
)
from tf_agents.bandits.specs import utils as bandit_spec_utils
from tf_agents.policies import tf_policy
from tf_agents.specs import tensor_spec
from tf_agents.trajectories import policy_step, trajectory
from tf_agents.trajectories import time_step as ts

from recsim_tf.adapters.tf_agents import SlateEnvironment
from recsim_tf.agents.shared.encoding import ObservationEncoder
from recsim_tf.agents.shared.exploration import require_slates
from recsim_tf.core import nests
from recsim_tf.core.base.arguments import configurable
from recsim_tf.core.base.types import Nest, Observation, Seed
from recsim_tf.core.runs import replicas
from recsim_tf.policies import fields
from recsim_tf.policies.clusters import rank_clusters

# (time_step_spec, action_spec) -> agent, with accepts_per_arm_features=True if arms have features
CreateBandit = Callable[..., tf_agent.TFAgent]


class Arms(abc.ABC):
    """The A arms of a bandit, for environments of N candidates and slates of K."""

    per_arm_features: ClassVar[bool] = False
    num_arms: int
    observation_spec: Nest  # specs of the bandit's observation of a user

    @abc.abstractmethod
    def observe(self, observation: Observation) -> Nest:
        """The bandit's observation, a nest of float32 [B, ...]."""

    @abc.abstractmethod
    def slate(self, arm: tf.Tensor, observation: Observation) -> tf.Tensor:
        """The slates int32 [B, K] of arms int32 [B]."""

    @abc.abstractmethod
    def arm(self, slate: tf.Tensor, observation: Observation) -> tf.Tensor:
        """The arms int32 [B] to which the rewards of slates int32 [B, K] belong."""


class ClusterArms(Arms):
    """An arm for each cluster. Its slate has the cluster's candidates by quality, then the
    candidates of the other clusters in the order of their index.

    The reward of a slate counts for the cluster of its first document, so a cluster without
    candidates gets no reward. The bandit's observation is the encoded user.

    Args:
      environment: an environment whose documents have a `cluster_id` and a `quality`.

    Raises:
      ValueError: if documents lack one of the fields, or if cluster ids are not integers with
        bounds.
    """

    def __init__(self, environment: SlateEnvironment):
        simulator = environment.simulator
        self.num_arms = fields.document_clusters(simulator)
        self._slate_size = simulator.slate_size
        self._encoder = ObservationEncoder(environment.observation_spec())
        self.observation_spec = tf.TensorSpec([self._encoder.user_size], tf.float32)

    def observe(self, observation: Observation):
        return self._encoder.user(observation)

    def slate(self, arm: tf.Tensor, observation: Observation):
        return rank_clusters(
            tf.one_hot(arm, self.num_arms), observation.documents, self._slate_size
        )

    def arm(self, slate: tf.Tensor, observation: Observation):
        return tf.cast(nests.take(observation.documents.cluster_id, slate[:, :1])[:, 0], tf.int32)


@configurable(module="recsim_tf.agents")
class DocumentArms(Arms):
    """An arm for each candidate. The bandit's observation is the encoded user and the encoded
    documents.

    Args:
      environment: an environment with slates of one document.

    Raises:
      ValueError: for longer slates, since an arm stands for a single document.
    """

    per_arm_features = True

    def __init__(self, environment: SlateEnvironment):
        simulator = environment.simulator
        if simulator.slate_size != 1:
            raise ValueError(
                "slate_size must be 1 for a bandit over documents, which chooses one, got"
                f" {simulator.slate_size}"
            )
        self.num_arms = simulator.num_candidates
        self._encoder = ObservationEncoder(environment.observation_spec())
        user = tf.TensorSpec([self._encoder.user_size], tf.float32)
        documents = tf.TensorSpec([self.num_arms, self._encoder.document_size], tf.float32)
        self.observation_spec = _features(user, documents)

    def observe(self, observation: Observation):
        user = self._encoder.user(observation)
        documents = self._encoder.documents(observation.documents)
        return _features(user, documents)

    def slate(self, arm: tf.Tensor, observation: Observation):
        return arm[:, tf.newaxis]

    def arm(self, slate: tf.Tensor, observation: Observation):
        return slate[:, 0]


def _features(user: Nest, documents: Nest) -> dict[str, Nest]:
    """The features of users and arms by TF-Agents' names."""
    return {
        bandit_spec_utils.GLOBAL_FEATURE_KEY: user,
        bandit_spec_utils.PER_ARM_FEATURE_KEY: documents,
    }


class TFArmPolicy(tf_policy.TFPolicy):
    """A bandit's policy that shows the slates of its arms. Its info is the bandit's.

    Args:
      time_step_spec, action_spec: specs of the environment.
      arms: the slates that the arms stand for.
      bandit_policy: a policy whose actions are arms int32 [B].
    """

    def __init__(
        self,
        time_step_spec: ts.TimeStep,
        action_spec: Nest,
        arms: Arms,
        bandit_policy: tf_policy.TFPolicy,
        name: str = "TFArmPolicy",
    ):
        super().__init__(
            time_step_spec,
            action_spec,
            policy_state_spec=bandit_policy.policy_state_spec,
            info_spec=bandit_policy.info_spec,
            clip=False,
            name=name,
        )
        self._arms = arms
        self._bandit_policy = bandit_policy

    def _variables(self):
        return self._bandit_policy.variables()

    def _action(self, time_step: ts.TimeStep, policy_state: Nest, seed: Seed):
        bandit_step = time_step._replace(observation=self._arms.observe(time_step.observation))
        arm, policy_state, info = self._pull(bandit_step, policy_state, seed)
        return policy_step.PolicyStep(
            self._arms.slate(arm, time_step.observation), policy_state, info
        )

    def _pull(self, bandit_step: ts.TimeStep, policy_state: Nest, seed: Seed):
        if bandit_step.step_type.shape[0] is not None:
            return self._bandit_policy.action(bandit_step, policy_state, seed)

        # Several of TF-Agents' bandits need the number of users, which an exported policy does not
        # have. So each user is a batch.
        def pull_for_user(user: Nest):
            step = self._bandit_policy.action(
                *tf.nest.map_structure(lambda leaf: leaf[tf.newaxis], user), seed
            )
            return tf.nest.map_structure(lambda leaf: leaf[0], step)

        return tf.map_fn(
            pull_for_user,
            (bandit_step, policy_state),
            fn_output_signature=self._bandit_policy.policy_step_spec,
        )

    def _distribution(self, time_step: ts.TimeStep, policy_state: Nest):
        """A point mass at the slate that `action` returns."""
        step = self._action(time_step, policy_state, seed=None)
        return step._replace(action=tfp.distributions.Deterministic(step.action))


class ArmAgent(tf_agent.TFAgent):
    """Any of TF-Agents' bandit agents, with policies that show the slates of its arms.

    The bandit learns from all users together. The reward of an arm is the environment's reward for
    the whole slate; a bandit for Bernoulli rewards clips it to [0, 1], as TF-Agents does. Frames
    between two sessions are not decisions and are left out.

    Experience is a trajectory [B, 1] or longer, in which every frame should come once, as from a
    `LearningLoop` with batch_size None. TF-Agents' bandits draw from TensorFlow's own generators,
    which a checkpoint does not contain: a resumed run continues with other draws.

    Args:
      time_step_spec, action_spec: specs of the environment.
      arms: the slates that the arms stand for.
      create_bandit: a function that builds the bandit from its time step and action specs, and
        accepts_per_arm_features=True for arms with features. A bandit that weighs rewards by the
        probability of an arm, such as `Exp3Agent`, needs arms whose slates belong to no other arm.
      train_step_counter: the counter of train steps; by default the global step.
      name: name of the agent in tables and plots, by default the bandit's class.
    """

    on_policy = True

    def __init__(
        self,
        time_step_spec: ts.TimeStep,
        action_spec: Nest,
        arms: Arms,
        create_bandit: CreateBandit,
        train_step_counter: tf.Variable | None = None,
        name: str | None = None,
    ):
        require_slates(name or "a bandit", action_spec)
        replicas.require_one(name or "a bandit")
        features = {"accepts_per_arm_features": True} if arms.per_arm_features else {}
        arm_spec = tensor_spec.BoundedTensorSpec([], tf.int32, 0, arms.num_arms - 1, "arm")
        bandit = create_bandit(ts.time_step_spec(arms.observation_spec), arm_spec, **features)
        tf.Module.__init__(self, name=name or type(bandit).__name__)
        self.bandit = bandit
        self._arms = arms
        super().__init__(
            time_step_spec,
            action_spec,
            TFArmPolicy(time_step_spec, action_spec, arms, self.bandit.policy),
            TFArmPolicy(
                time_step_spec, action_spec, arms, self.bandit.collect_policy, name="CollectPolicy"
            ),
            train_sequence_length=1,
            train_step_counter=train_step_counter,
        )

    def _initialize(self):
        self.bandit.initialize()

    def _train(self, experience: trajectory.Trajectory, weights: tf.Tensor | None = None):
        num_frames = tf.size(experience.step_type)
        frames = tf.nest.map_structure(
            lambda leaf: tf.reshape(leaf, [num_frames, *leaf.shape[2:]]), experience
        )
        decided = frames.step_type != ts.StepType.LAST

        def learn():
            decisions = tf.nest.map_structure(lambda leaf: tf.boolean_mask(leaf, decided), frames)
            decision_weights = weights
            if weights is not None:
                frame_weights = tf.repeat(weights, tf.shape(experience.step_type)[1])
                decision_weights = tf.boolean_mask(frame_weights, decided)
            info = self.bandit.train(self._pulls(decisions), decision_weights)
            return tf.cast(info.loss, tf.float32)

        # A mean over no decisions is NaN, and would reach the weights of a neural bandit.
        loss = tf.cond(tf.reduce_any(decided), learn, lambda: tf.zeros([]))
        self.train_step_counter.assign_add(1)
        return tf_agent.LossInfo(loss, ())

    def _pulls(self, frames: trajectory.Trajectory):
        """The bandit's experience [M, 1] from M frames. Each is an episode of one step."""
        observation = self._arms.observe(frames.observation)
        if self._arms.per_arm_features:
            # The policy's info has the features of the arm that was pulled.
            del observation[bandit_spec_utils.PER_ARM_FEATURE_KEY]
        pulls = frames._replace(
            step_type=tf.fill(tf.shape(frames.step_type), ts.StepType.FIRST),
            observation=observation,
            action=self._arms.arm(frames.action, frames.observation),
            next_step_type=tf.fill(tf.shape(frames.step_type), ts.StepType.LAST),
        )
        return tf.nest.map_structure(lambda leaf: leaf[:, tf.newaxis], pulls)


@configurable(module="recsim_tf.agents")
def create_bandit(
    environment: SlateEnvironment,
    train_step_counter: tf.Variable,
    bandit: CreateBandit = bernoulli_thompson_sampling_agent.BernoulliThompsonSamplingAgent,
    arms: Callable[[SlateEnvironment], Arms] = ClusterArms,
    name: str | None = None,
) -> ArmAgent:
    """Builds an `ArmAgent`. It needs `Iteration.batch_size = None`.

    Args:
      environment: an environment that fits the arms.
      train_step_counter: see `create_slate_q`.
      bandit: a bandit of TF-Agents, such as @BernoulliThompsonSamplingAgent, @LinearUCBAgent,
        @LinearThompsonSamplingAgent or @Exp3Agent, whose other arguments come from its gin
        bindings. For `DocumentArms` it must take features of arms, as the two linear bandits do.
      arms: `ClusterArms`, or `DocumentArms`.
      name: name of the agent in tables and plots, by default the bandit's class.
    """
    require_slates(name or "a bandit", environment.action_spec())
    return ArmAgent(
        environment.time_step_spec(),
        environment.action_spec(),
        arms(environment),
        bandit,
        train_step_counter,
        name,
    )
