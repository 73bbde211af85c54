# SPDX-License-Identifier: Apache-2.0
"""Long-term satisfaction: clickbait engages more at once and satisfies less in the long run.

Semantics and constants come from RecSim 0.2.4. The model is described in Ie et al. 2019, "RecSim"
(arXiv 1909.04847), and, with the options of `LongTermSatisfactionUsers.tutorial`, in RecSim's
tutorial on environments.
"""

from typing import Any, NamedTuple, Unpack

import tensorflow as tf
from tensorflow_probability import distributions as tfd

from recsim_tf import choice
from recsim_tf.core import nests
from recsim_tf.core.base.arguments import configurable
from recsim_tf.core.base.bounds import Bounds
from recsim_tf.core.base.parameters import parameter
from recsim_tf.core.base.types import Nest, Slate
from recsim_tf.core.models.models import DocumentModel, UserModel
from recsim_tf.core.simulator import Simulator, SimulatorOptions

# RecSim cuts the observed engagement, but not the rewarded engagement.
_MAX_OBSERVED_ENGAGEMENT = 100.0
# The noise of observed satisfaction lies in [-1, 1].
_MAX_NOISE = 1.0


class Document(NamedTuple):
    """Documents; leading axes [B, N] or [B, K]."""

    clickbait: tf.Tensor  # [...], in [0, 1]


@configurable
class ClickbaitDocuments(DocumentModel):
    """Documents with a uniform clickbait score c, RecSim 0.2.4's `LTSDocumentSampler`. Agents see
    c, or the kaleness 1 - c.

    Args:
      show_kaleness: whether agents see 1 - c, as in RecSim's tutorial, instead of c.
    """

    show_kaleness: bool = False

    def candidates(self, num_users: int, num_candidates: int, corpus: Nest, user: Nest):
        return tfd.Independent(
            tfd.Uniform(
                tf.zeros([num_users, num_candidates], self.dtype), tf.constant(1, self.dtype)
            ),
            1,
        )

    def describe(self, draw: tf.Tensor, corpus: Nest):
        return Document(clickbait=draw)

    def observe(self, documents: Document):
        """One feature of each document, [B, N, 1]."""
        feature = 1 - documents.clickbait if self.show_kaleness else documents.clickbait
        return feature[..., tf.newaxis]

    def observation_bounds(self):
        return Bounds(0.0, 1.0)


class Draws(NamedTuple):
    """Draws at the start of a session, and in each update."""

    exposure: tf.Tensor  # [B]: a uniform in [0, 1) at the start, and the exposure's noise later
    # [B], in [-1, 1]: noise of the next observed satisfaction, or () where it is not observed
    noise: tf.Tensor


class ResponseDraw(NamedTuple):
    """Draws of a response where users choose."""

    choice: tf.Tensor  # int32 [B], a position, or K for "no click"
    engagement: tf.Tensor  # [B], the engagement with the chosen document


class UserState(NamedTuple):
    """The state of long-term-satisfaction users."""

    net_positive_exposure: tf.Tensor  # [B]
    budget: tf.Tensor  # [B], remaining steps
    noise: tf.Tensor  # [B], noise of the observed satisfaction, or () where it is not observed


class Response(NamedTuple):
    """The response to a slate, per position."""

    clicked: tf.Tensor  # [B, K], 1 at the consumed position
    engagement: tf.Tensor  # [B, K], zero where not consumed; agents see at most 100


@configurable
class LongTermSatisfactionUsers(UserModel[UserState, Document, Response]):
    """Users whose engagement depends on their satisfaction, which depends on past consumption.

    With net positive exposure x and satisfaction s = sigmoid(sensitivity * x), a document of
    clickbait c gives the engagement LogNormal(s * (c * choc_mean + (1 - c) * kale_mean), c *
    choc_stddev + (1 - c) * kale_stddev). The satisfaction multiplies the mean of the logarithm.
    Then x becomes `memory_discount * x - 2 (c - 1/2) + N(0, innovation_stddev)`. Each step takes
    one unit of the time budget, and the user leaves when the budget is spent. A user starts with x
    uniform in +-1/2 / (1 - memory_discount), as in RecSim's code. RecSim's tutorial has twice that
    range.

    By default the user consumes position 0, regardless of other positions, and agents see nothing
    of the user. With a `choice_model` the user chooses by the scores c. If nothing is consumed,
    because position 0 is empty or nothing was chosen, the engagement is zero and the exposure does
    not change. RecSim has no such case. The update uses click weights, so it also takes relaxed
    (fractional) choices.

    Gradients flow to every numeric parameter except `time_budget` through `log_prob` of rollouts.
    The parameters of the exposure act through the unrolled state. Rewards are differentiable in
    them too, since an engagement is a reparameterised draw.

    The defaults are RecSim 0.2.4's `LTSStaticUserSampler`. Its small sensitivity keeps the
    satisfaction between 0.49 and 0.51, so the most clickbait earns the most.

    Args:
      memory_discount: the part of the exposure that is remembered, in [0, 1).
      sensitivity: the sensitivity of the satisfaction to the exposure.
      innovation_stddev: the standard deviation of the noise of the exposure.
      choc_mean: the mean of the logarithm of the engagement with pure clickbait, at satisfaction 1.
      choc_stddev: the standard deviation of that logarithm.
      kale_mean: the mean of the logarithm of the engagement without clickbait, at satisfaction 1.
      kale_stddev: the standard deviation of that logarithm.
      time_budget: the number of steps of a session, positive.
      choice_model: None, or a model that chooses by the scores c.
      observation_stddev: None, or the standard deviation, before truncation to [-1, 1], of the
        noise with which agents see satisfaction.
    """

    memory_discount: Any = parameter(0.7, low=0, below=1)
    sensitivity: Any = parameter(0.01)
    innovation_stddev: Any = parameter(0.05, low=0)
    choc_mean: Any = parameter(5.0)
    choc_stddev: Any = parameter(1.0, low=0)
    kale_mean: Any = parameter(4.0)
    kale_stddev: Any = parameter(1.0, low=0)
    time_budget: Any = parameter(60.0, above=0)
    choice_model: choice.ChoiceModel | None = None
    observation_stddev: Any = parameter(None, above=0)

    @classmethod
    def tutorial(cls, **overrides) -> "LongTermSatisfactionUsers":
        """The users of RecSim's tutorial on environments, with any argument overridden.

        They remember more, choose from the whole slate by a multinomial logit of the clickbait, and
        show their satisfaction with noise. This follows the text of the tutorial. In its code both
        signs of the kaleness are exchanged.
        """
        constants = {
            "memory_discount": 0.9,
            "choice_model": choice.MultinomialLogit(),
            "observation_stddev": 0.1,
        }
        return cls(**{**constants, **overrides})

    def satisfaction(self, state: UserState) -> tf.Tensor:
        """The satisfaction of users, [B], in (0, 1)."""
        return tf.sigmoid(self.per_user("sensitivity") * state.net_positive_exposure)

    def initial_draws(self, num_users: int):
        exposure = tfd.Uniform(tf.zeros([num_users], self.dtype), tf.constant(1, self.dtype))
        return self._with_noise(exposure, num_users)

    def initial_state(self, draws: Nest):
        uniform, noise = (draws, ()) if self.observation_stddev is None else draws
        budget = tf.broadcast_to(self.per_user("time_budget"), uniform.shape)
        return UserState((uniform - 0.5) / (1 - self.per_user("memory_discount")), budget, noise)

    def response(self, state: UserState, slate: Slate[Document]):
        if self.choice_model is None:
            return self._engagement(state, slate, tf.zeros(slate.mask.shape[:1], tf.int32))
        return tfd.JointDistributionNamed(
            ResponseDraw(
                choice=self.choice_model(slate.documents.clickbait, slate.mask),
                engagement=lambda choice: self._engagement(state, slate, choice),
            )
        )

    def outcome(self, state: UserState, slate: Slate[Document], draw: Nest):
        position, engagement = (
            (tf.zeros_like(draw, tf.int32), draw) if self.choice_model is None else draw
        )
        clicked = tf.cast(_consumed(slate, position), self.dtype)
        return Response(clicked=clicked, engagement=clicked * engagement[:, tf.newaxis])

    def innovation(self, state: UserState, slate: Slate[Document], response: Response):
        """The distribution of the noise of the exposure and, where agents see the satisfaction, of
        the noise of its next observation.
        """
        num_users = nests.batch_size(state)
        exposure = tfd.Normal(tf.zeros([num_users], self.dtype), self.per_user("innovation_stddev"))
        return self._with_noise(exposure, num_users)

    def update(
        self, state: UserState, slate: Slate[Document], response: Response, innovation: Nest
    ):
        shock, noise = (innovation, ()) if self.observation_stddev is None else innovation
        consumed = tf.reduce_sum(response.clicked, axis=1)
        clickbait = tf.reduce_sum(response.clicked * (slate.documents.clickbait - 0.5), axis=1)
        remembered = 1 - consumed * (1 - self.per_user("memory_discount"))
        exposure = remembered * state.net_positive_exposure - 2 * clickbait + consumed * shock
        return UserState(exposure, state.budget - 1, noise)

    def departure(self, state: UserState):
        return state.budget <= 0

    def observe(self, state: UserState):
        """Satisfaction plus noise [B, 1]; without an `observation_stddev` nothing, [B, 0]."""
        if self.observation_stddev is None:
            return state.budget[:, tf.newaxis][:, :0]
        return (self.satisfaction(state) + state.noise)[:, tf.newaxis]

    def observe_response(self, response: Response):
        return response._replace(
            engagement=tf.clip_by_value(response.engagement, 0, _MAX_OBSERVED_ENGAGEMENT)
        )

    def observation_bounds(self):
        """The range that RecSim's tutorial declares for the noisy satisfaction."""
        return Bounds(-2.0, 2.0)

    def response_bounds(self):
        return Response(clicked=Bounds(0.0, 1.0), engagement=Bounds(0.0, _MAX_OBSERVED_ENGAGEMENT))

    def _engagement(self, state: UserState, slate: Slate[Document], position: tf.Tensor):
        """The distribution of the engagement at a position [B], masked where none is consumed."""
        consumed = tf.reduce_any(_consumed(slate, position), axis=1)
        clickbait = nests.take(
            slate.documents.clickbait, tf.minimum(position, slate.mask.shape[1] - 1)[:, tf.newaxis]
        )[:, 0]

        def mixed(choc: str, kale: str):
            return clickbait * self.per_user(choc) + (1 - clickbait) * self.per_user(kale)

        loc = mixed("choc_mean", "kale_mean") * self.satisfaction(state)
        engagement = tfd.LogNormal(loc, mixed("choc_stddev", "kale_stddev"))
        return tfd.Masked(
            engagement, consumed, safe_sample_fn=lambda d: tf.ones(d.batch_shape, d.dtype)
        )

    def _with_noise(self, exposure: tfd.Distribution, num_users: int):
        """The distribution of the exposure, and of the noise where agents see satisfaction."""
        if self.observation_stddev is None:
            return exposure
        limit = tf.constant(_MAX_NOISE, self.dtype)
        zeros = tf.zeros([num_users], self.dtype)
        noise = tfd.TruncatedNormal(zeros, self.per_user("observation_stddev"), -limit, limit)
        return tfd.JointDistributionNamed(Draws(exposure=exposure, noise=noise))


def _consumed(slate: Slate, position: tf.Tensor):
    """True where a position is consumed, bool [B, K]: at [B], unless that is empty or K."""
    num_positions = slate.mask.shape[1]
    return slate.mask & (position[:, tf.newaxis] == tf.range(num_positions))


def engagement_reward(response: Response) -> tf.Tensor:
    """The engagement, [B], not clipped, which is RecSim's `clicked_engagement_reward`. It is zero
    at a position that is not consumed.
    """
    return tf.reduce_sum(response.engagement, axis=-1)


@configurable
def long_term_satisfaction(
    tutorial: bool = False,
    users: UserModel | None = None,
    documents: DocumentModel | None = None,
    dtype: tf.DType = tf.float32,
    **simulator: Unpack[SimulatorOptions],
) -> Simulator:
    """Long-term satisfaction, "LongTermSatisfaction-v1": clickbait engages more now, and makes
    everything engage less later.

    Observation: `user` [B, 0] is empty. `documents` has the clickbait in [0, 1], [B, N, 1].
    `response` to the last slate has `clicked` [B, K] and `engagement` [B, K], clipped to [0, 100].
    Reward: the engagement, not clipped. The user consumes position 0, so the other positions have
    no effect. A session ends when the time budget is spent, after 60 steps.

        simulator = recsim_tf.make("LongTermSatisfaction-v1", slate_size=1)
        state = simulator.reset(num_users=1000, seed=0)

    `tutorial=True` is the variant of RecSim's tutorial. The user chooses from the whole slate,
    `user` [B, 1] is the satisfaction with noise, and `documents` [B, N, 1] has the kaleness, 1 -
    clickbait.

    Args:
      tutorial: whether the default models come from RecSim's tutorial.
      users, documents: the models, by default `LongTermSatisfactionUsers` and
        `ClickbaitDocuments` of the dtype.
      **simulator: further arguments of `Simulator`.
    """
    if users is None:
        kind = LongTermSatisfactionUsers
        users = kind.tutorial(dtype=dtype) if tutorial else kind(dtype=dtype)
    documents = documents or ClickbaitDocuments(show_kaleness=tutorial, dtype=dtype)
    options: SimulatorOptions = {"reward_fn": engagement_reward, **simulator}
    return Simulator(users, documents, **options)
