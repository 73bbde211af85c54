"""Users of the ecosystem, who cluster around its providers."""

import dataclasses
from typing import Any, NamedTuple

import gin
import tensorflow as tf
from tensorflow_probability import distributions as tfd

from recsim_tf import choice
from recsim_tf.core import validation
from recsim_tf.core.bounds import Bounds
from recsim_tf.core.distributions import gaussian_mixture
from recsim_tf.core.models import UserModel
from recsim_tf.core.parameters import parameter
from recsim_tf.environments.ecosystem.documents import Providers


class ResponseDraw(NamedTuple):
    """Draws of a response."""

    choice: tf.Tensor  # int32 [B]: the chosen position, K for none
    utility: tf.Tensor  # [B]


class Response(NamedTuple):
    """Response to a slate."""

    clicked: tf.Tensor  # [B, K], 1 at the chosen position
    utility: tf.Tensor  # [B], what the choice was worth to the user; 0 where nothing was chosen
    cluster_id: tf.Tensor  # int32 [B, K]: the providers shown


@gin.configurable
class ClusteredUsers(UserModel):
    """Users who choose the documents close to them, RecSim NG 0.1.2's
    `ClusteredNormalUserCoreDispersion`.

    The interests u of a user are drawn around some provider: provider p with probability in
    proportion to 1 / (1 + |means[p]|), and N(means[p], core_stddev / (1 + |means[p]|)), so that
    users crowd where providers are near the centre. A user chooses by scores 2 - |u - v|. The
    utility of the choice is that score plus noise. Then u moves by `interest_step_size` * (u - v):
    in RecSim NG, and here, a positive step goes *away* from what was chosen. Nobody leaves.

    Args:
      means: [P, F], the mean features of providers, as those of the documents.
      core_stddev: see above.
      utility_stddev: standard deviation of the noise of utilities.
      interest_step_size: see above.
      choice_model: chooses by the scores; by default a multinomial logit that always chooses.
      dtype: tf.float32 or tf.float64.
    """

    means: Any = parameter(rank=2)
    core_stddev: Any = parameter(20.5, above=0)
    utility_stddev: Any = parameter(1.0, above=0)
    interest_step_size: Any = parameter(0.0)
    choice_model: choice.ChoiceModel = dataclasses.field(default_factory=choice.MultinomialLogit)

    @property
    def num_providers(self) -> int:
        """P."""
        return validation.table_shape("means", self.means)[-2]

    def check_documents(self, documents, slate_size):
        if isinstance(documents, Providers):
            means = {"P": documents.num_providers, "F": documents.num_features}
            validation.check_table("means", self.means, **means)

    def initial_draws(self, num_users):
        means = self.per_user("means", 3)
        distance = tf.norm(means, axis=-1, keepdims=True)
        scale = tf.ones_like(means) * self.per_user("core_stddev", 3) / (1 + distance)
        logits = -tf.math.log1p(distance[..., 0])
        return gaussian_mixture(num_users, means, scale, logits)

    def response(self, state, slate):
        scores = 2 + choice.affinity.negative_euclidean(state, slate.documents.features)

        def utility(choice):
            is_chosen = tf.one_hot(choice, scores.shape[1], dtype=self.dtype)
            score = tf.reduce_sum(is_chosen * scores, axis=1)
            return tfd.Normal(score, self.per_user("utility_stddev"))

        return tfd.JointDistributionNamed(
            ResponseDraw(choice=self.choice_model(scores, slate.mask), utility=utility)
        )

    def outcome(self, state, slate, draw):
        clicked = tf.one_hot(draw.choice, slate.mask.shape[1], dtype=self.dtype)
        utility = draw.utility * tf.reduce_sum(clicked, axis=1)
        return Response(clicked, utility, slate.documents.cluster_id)

    def update(self, state, slate, response, innovation):
        away = state[:, tf.newaxis] - slate.documents.features
        chosen = tf.reduce_sum(response.clicked[:, :, tf.newaxis] * away, axis=1)
        return state + self.per_user("interest_step_size", 2) * chosen

    def observe(self, state):
        return state

    def response_bounds(self):
        return Response(Bounds(0.0, 1.0), Bounds(), Bounds(0, self.num_providers - 1))


@gin.configurable(module="recsim_tf")
def utility_reward(response: Response) -> tf.Tensor:
    """[B]: what the choice was worth to the user."""
    return response.utility
