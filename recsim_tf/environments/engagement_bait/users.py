"""Users of engagement bait: hidden interests that drift away from videos of low quality."""

import dataclasses
from typing import Any, NamedTuple

import gin
import tensorflow as tf
from tensorflow_probability import distributions as tfd

from recsim_tf import choice
from recsim_tf.core import validation
from recsim_tf.core.bounds import Bounds
from recsim_tf.core.models import UserModel
from recsim_tf.core.parameters import parameter
from recsim_tf.environments.engagement_bait.documents import BaitVideos


class Response(NamedTuple):
    """Response to a slate, per position."""

    clicked: tf.Tensor  # [B, K], 1 at the chosen position
    consumed_time: tf.Tensor  # [B, K], 0 where not chosen
    video_id: tf.Tensor  # int32 [B, K], of every video shown


@gin.configurable
class BaitedUsers(UserModel):
    """Users who choose the videos close to them, watch those of low quality longer, and are driven
    away by them: RecSim NG 0.1.2's partially observable `InterestEvolutionUser`.

    The interests x of a user are drawn from N(0, 1). A user chooses by scores 2 - |x - v|, and
    watches a video of quality q for sigmoid(-q) * length. Then x moves by `interest_step_size` * q
    * (v - x): towards a good video, and away from a bad one. In each step, with a choice or
    without, interests are squashed to 4 M (sigmoid(x / M) - 1/2), which keeps them within 2 M and
    hardly changes small ones. Agents see only what was watched, and for how long. Nobody leaves.

    Args:
      num_features: F, as of the videos.
      num_videos: D, as of the videos.
      interest_step_size: see above.
      max_affinity: M.
      choice_model: chooses by the scores; by default a multinomial logit with a no_click_mass of
        0.
      dtype: tf.float32 or tf.float64.
    """

    num_features: int = 2
    num_videos: int = 100
    interest_step_size: Any = parameter(0.1)
    max_affinity: Any = parameter(10.0, above=0)
    choice_model: choice.ChoiceModel = dataclasses.field(
        default_factory=lambda: choice.MultinomialLogit(no_click_mass=0.0)
    )

    def check(self):
        validation.check_count(num_features=self.num_features, num_videos=self.num_videos)

    def check_documents(self, documents, slate_size):
        if not isinstance(documents, BaitVideos):
            return
        for name in ("num_features", "num_videos"):
            own, other = getattr(self, name), getattr(documents, name)
            if own != other:
                raise ValueError(f"documents must have the {name}={own} of users, got {other}")

    def initial_draws(self, num_users):
        loc = tf.zeros([num_users, self.num_features], self.dtype)
        return tfd.Independent(tfd.Normal(loc, tf.ones([], self.dtype)), 1)

    def response(self, state, slate):
        scores = 2 + choice.affinity.negative_euclidean(state, slate.documents.features)
        return self.choice_model(scores, slate.mask)

    def outcome(self, state, slate, draw):
        video = slate.documents
        clicked = tf.one_hot(draw, slate.mask.shape[1], dtype=self.dtype)
        time = clicked * tf.sigmoid(-video.quality) * video.length
        return Response(clicked, time, video.video_id)

    def update(self, state, slate, response, innovation):
        video = slate.documents
        weight = response.clicked * video.quality
        towards = video.features - state[:, tf.newaxis]
        moved = tf.reduce_sum(weight[:, :, tf.newaxis] * towards, axis=1)
        largest = self.per_user("max_affinity", 2)
        squashed = tf.sigmoid((state + self.per_user("interest_step_size", 2) * moved) / largest)
        return 4 * largest * (squashed - 0.5)

    def observe(self, state):
        """Nothing: [B, 0]."""
        return state[:, :0]

    def response_bounds(self):
        return Response(Bounds(0.0, 1.0), Bounds(0.0, None), Bounds(0, self.num_videos - 1))


@gin.configurable(module="recsim_tf")
def consumed_time_reward(response: Response) -> tf.Tensor:
    """[B]: how long the chosen video was watched, 0 without a choice."""
    return tf.reduce_sum(response.consumed_time, axis=-1)
