# SPDX-License-Identifier: Apache-2.0
"""Users who like arms and key-terms by a hidden linear taste.

The distributions of tastes and answers are those of the synthetic data of Xie et al. 2021,
"Comparison-based conversational recommender system with relative bandit feedback" (SIGIR 2021), by
the authors' generator and Bernoulli environment (github.com/zhxieml/RelativeConUCB).
"""

from typing import Annotated, NamedTuple, Unpack

import tensorflow as tf
from tensorflow_probability import distributions as tfd

from recsim_tf.conversations.key_terms.documents import KeyTermDocuments, Shown
from recsim_tf.core.base import validation
from recsim_tf.core.base.arguments import AtLeast, Count, configurable
from recsim_tf.core.base.bounds import Bounds
from recsim_tf.core.base.types import Nest, Slate
from recsim_tf.core.models.models import DocumentModel, UserModel
from recsim_tf.core.simulator import Simulator, SimulatorOptions


class InitialDraw(NamedTuple):
    """Initial draws of users."""

    direction: tf.Tensor  # [B, F - 1], standard normal
    reward_scale: tf.Tensor  # [B], in [0, 1), the weight of the taste
    bias: tf.Tensor  # [B], in [0, 1), the part of the probability that all items share


class UserState(NamedTuple):
    """State of users."""

    taste: tf.Tensor  # [B, F]
    rounds: tf.Tensor  # int32 [B], number of rounds in which an arm was shown


class Response(NamedTuple):
    """Response to a slate by position, with zeros at empty positions."""

    clicked: tf.Tensor  # [B, K], 1 if an arm was shown and liked
    asked: tf.Tensor  # [B, K], 1 if a key-term was shown
    answer: tf.Tensor  # [B, K], 1 if a key-term was shown and liked
    item_id: tf.Tensor  # int32 [B, K], ids of the items shown
    features: tf.Tensor  # [B, K, F], features of the items shown


@configurable
class KeyTermUsers(UserModel):
    """Users who like an arm or a key-term with the probability <taste, features>, clipped to
    [0, 1].

    With s, the reward scale, uniform in [0, 1), b uniform in [s, 2 - s) and a direction uniform on
    the sphere, the taste is (s * direction, b) / 2. So the probability of an arm, whose features
    have length 1 and a last entry 1, is in [0, 1] without the clip. Items of a slate are liked
    independently. Tastes do not change. A user leaves after `num_rounds` rounds in which an arm was
    shown; questions do not count.

    Args:
      num_features: number of features F, at least 2.
      num_rounds: number of rounds of a session. A user of the source has 400 rounds on average.
    """

    num_features: Annotated[int, AtLeast(2)] = 50
    num_rounds: Count = 400

    def check_documents(self, documents: DocumentModel, slate_size: int):
        if isinstance(documents, KeyTermDocuments):
            validation.check_same(self, documents, "num_features")

    def initial_draws(self, num_users: int):
        zeros = tf.zeros([num_users, self.num_features - 1], self.dtype)
        uniform = tfd.Uniform(zeros[:, 0], tf.ones([], self.dtype))
        return tfd.JointDistributionNamed(
            InitialDraw(
                direction=tfd.Independent(tfd.Normal(zeros, tf.ones([], self.dtype)), 1),
                reward_scale=uniform,
                bias=uniform,
            )
        )

    def initial_state(self, draws: InitialDraw):
        scale = draws.reward_scale[:, tf.newaxis]
        bias = scale + 2 * (1 - scale) * draws.bias[:, tf.newaxis]
        direction = tf.math.l2_normalize(draws.direction, axis=-1)
        return UserState(
            taste=tf.concat([scale * direction, bias], axis=-1) / 2,
            rounds=tf.zeros(draws.bias.shape, tf.int32),
        )

    def scores(self, state: UserState, documents: Shown) -> tf.Tensor:
        """The scores <taste, features> of items [B, N], float [B, N]."""
        return tf.linalg.matvec(documents.features, state.taste)

    def response(self, state: UserState, slate: Slate):
        probs = tf.clip_by_value(self.scores(state, slate.documents), 0.0, 1.0)
        probs = tf.where(slate.mask, probs, tf.zeros([], probs.dtype))
        return tfd.Independent(tfd.Bernoulli(probs=probs), 1)

    def outcome(self, state: UserState, slate: Slate, draw: tf.Tensor):
        shown = tf.cast(slate.mask, self.dtype)
        liked, documents = tf.cast(draw, self.dtype), slate.documents
        asked = shown * documents.is_key_term
        return Response(
            clicked=liked * (1 - asked),
            asked=asked,
            answer=liked * asked,
            item_id=tf.where(slate.mask, documents.item_id, 0),
            features=shown[:, :, tf.newaxis] * documents.features,
        )

    def update(self, state: UserState, slate: Slate, response: Response, innovation: Nest):
        recommended = tf.reduce_any(slate.mask & (response.asked == 0), axis=-1)
        return state._replace(rounds=state.rounds + tf.cast(recommended, tf.int32))

    def departure(self, state: UserState):
        return state.rounds >= self.num_rounds

    def observe(self, state: UserState):
        """An empty observation, [B, 0]."""
        return state.taste[:, :0]

    def response_bounds(self):
        yes_or_no = Bounds(0.0, 1.0)
        return Response(
            clicked=yes_or_no,
            asked=yes_or_no,
            answer=yes_or_no,
            item_id=Bounds(0, None),
            features=Bounds(),
        )


@configurable
def key_terms(
    users: UserModel | None = None,
    documents: DocumentModel | None = None,
    num_offered_arms: int = 50,
    dtype: tf.DType = tf.float32,
    **simulator: Unpack[SimulatorOptions],
) -> Simulator:
    """Key terms, "KeyTerms-v0": users like arms by a hidden linear taste, and may be asked whether
    they like the key-terms of the arms. This is the synthetic world of conversational bandits
    (Zhang et al. 2020, arXiv 1906.01219; Xie et al. 2021, SIGIR).

    Observation: `user` is empty, [B, 0]. `documents` has the `item_id` int32 [B, N] of each
    candidate: arms first, whose ids are below `simulator.documents.num_arms`, then key-terms. Their
    features are `simulator.documents.features_of(item_id)` [B, N, F]. `response` to the last slate
    has `clicked`, `asked` and `answer` [B, K], 0 or 1, `item_id` int32 [B, K] and `features`
    [B, K, F] of the items shown. Reward: the number of arms that were liked; a key-term earns no
    reward. A user leaves after 400 rounds in which an arm was shown, or the time limit truncates
    the session.

    A key-term in a slate is a question, see `recsim_tf.conversations.key_terms.documents`.

        simulator = recsim_tf.make("KeyTerms-v0")
        state = simulator.reset(num_users=200, seed=0)

    Args:
      users: the user model, by default `KeyTermUsers(dtype=dtype)`.
      documents: the document model, by default
        `KeyTermDocuments(num_offered_arms=num_offered_arms, dtype=dtype)`.
      num_offered_arms: number of candidates that are arms, for the default document model.
      dtype: dtype of the default models, tf.float32 or tf.float64.
      **simulator: further arguments of `Simulator`; by default slates of one item, 50 arms and all
        500 key-terms as candidates, and sessions of at most 500 steps, so 100 questions.
    """
    users = users or KeyTermUsers(dtype=dtype)
    documents = documents or KeyTermDocuments(num_offered_arms=num_offered_arms, dtype=dtype)
    options: SimulatorOptions = {"slate_size": 1, "num_candidates": 550, "max_steps": 500}
    return Simulator(users, documents, **(options | simulator))
