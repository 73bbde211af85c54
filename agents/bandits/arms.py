"""What the arms of a TF-Agents bandit stand for: the slate of an arm, and the arm of a slate."""

import abc
from typing import ClassVar

import gin
import tensorflow as tf
from tf_agents.bandits.specs import utils as bandit_spec_utils

from recsim_tf.adapters.tf_agents import SlateEnvironment
from recsim_tf.agents.shared.encoding import ObservationEncoder
from recsim_tf.core import nests
from recsim_tf.core.types import Nest, Observation
from recsim_tf.policies import fields
from recsim_tf.policies.clusters import rank_clusters


class Arms(abc.ABC):
    """The A arms of a bandit, for environments of N candidates and slates of K."""

    per_arm_features: ClassVar[bool] = False
    num_arms: int
    observation_spec: Nest  # specs of what the bandit sees of one user

    @abc.abstractmethod
    def observe(self, observation: Observation) -> Nest:
        """What the bandit sees, a nest of float32 [B, ...]."""

    @abc.abstractmethod
    def slate(self, arm: tf.Tensor, observation: Observation) -> tf.Tensor:
        """The slates int32 [B, K] of arms int32 [B]."""

    @abc.abstractmethod
    def arm(self, slate: tf.Tensor, observation: Observation) -> tf.Tensor:
        """The arms int32 [B] whose rewards slates int32 [B, K] earned."""


class ClusterArms(Arms):
    """One arm for each cluster: its candidates by quality, then those of the other clusters in the
    order of their index.

    The reward of a slate counts for the cluster of its first document, so a cluster without
    candidates gets none. The bandit sees the encoded user.

    Args:
      environment: its documents have a `cluster_id` and a `quality`.

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


@gin.configurable(module="recsim_tf.agents")
class DocumentArms(Arms):
    """One arm for each candidate: the bandit sees the encoded user and the encoded documents.

    Args:
      environment: with slates of one document.

    Raises:
      ValueError: for longer slates, since a bandit's arm names one document.
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
    """By TF-Agents' names."""
    return {
        bandit_spec_utils.GLOBAL_FEATURE_KEY: user,
        bandit_spec_utils.PER_ARM_FEATURE_KEY: documents,
    }
