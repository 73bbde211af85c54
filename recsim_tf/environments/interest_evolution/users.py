# SPDX-License-Identifier: Apache-2.0
"""Users of interest evolution, with observable interests that drift, and a time budget that good
documents extend.

Semantics and constants come from RecSim 0.2.4. The model is described in Ie et al. 2019, "RecSim"
(arXiv 1909.04847) and "SlateQ" (arXiv 1905.12767), section 6.
"""

import dataclasses
from typing import Any, NamedTuple, Unpack

import numpy as np
import tensorflow as tf
from tensorflow_probability import distributions as tfd

from recsim_tf import choice
from recsim_tf.core.base.arguments import Count, configurable
from recsim_tf.core.base.bounds import Bounds
from recsim_tf.core.base.parameters import parameter
from recsim_tf.core.base.types import Nest, Slate
from recsim_tf.core.models.models import DocumentModel, UserModel
from recsim_tf.core.models.wording import Wording
from recsim_tf.core.nests import fields_of
from recsim_tf.core.simulator import Simulator, SimulatorOptions
from recsim_tf.environments.interest_evolution.documents import (
    ShownVideo,
    UtilityVideos,
    affinities,
)

# The least probability of a direction of the drift: 0 and 1 would give NaN gradients.
_MIN_PROB = 1e-6


class UserState(NamedTuple):
    """The state of interest-evolution users."""

    interests: tf.Tensor  # [B, F] in [-1, 1]
    budget: tf.Tensor  # [B], remaining time, in the unit of document lengths


class Response(NamedTuple):
    """The response to a slate, per position."""

    clicked: tf.Tensor  # [B, K], 1 at the clicked position
    watch_time: tf.Tensor  # [B, K], in [0, length], zero where not clicked
    liked: tf.Tensor  # [B, K], always 0, as in RecSim
    quality: tf.Tensor  # [B, K], the qualities of all documents shown
    cluster_id: tf.Tensor  # int32 [B, K], the topics of all documents shown


class VideoWording(Wording):
    """Words for the topic, length and quality of videos, and for watch times."""

    def document(self, document: Nest):
        fields = {"topic": "cluster_id", "length": "length", "quality": "quality"}
        # A candidate has no quality yet.
        present = {name: field for name, field in fields.items() if field in fields_of(document)}
        return ", ".join(f"{name} {getattr(document, at):.3g}" for name, at in present.items())

    def response(self, response: Nest, documents: Nest, query: Nest):
        watched = [
            f"{position + 1} for {response.watch_time[position]:.3g}"
            for position in np.flatnonzero(response.clicked)
        ]
        return f"watches {' and '.join(watched)}" if watched else None


@configurable
class InterestEvolutionUsers(UserModel[UserState, ShownVideo, Response]):
    """Users with interests u in [-1, 1]^F who choose by <u, document> and leave when their time
    budget is spent.

    A click on a document d of quality q and watch time w = min(budget, length) moves the interests
    by `alpha * d * (d - u)`, alpha = y0 - (y0 / x0) |u|, towards d with probability <(u + 1) / 2,
    d> and away from d otherwise. It changes the budget by `-w + user_update_alpha * w *
    (user_quality_factor * score + document_quality_factor * q)`. A step without a click costs
    `step_penalty`. The user leaves when the budget is not positive.

    The update uses click weights, so it also takes relaxed (fractional) choices. Gradients flow to
    every numeric parameter through `log_prob` of rollouts. The parameters of the interest update
    and of the budget act through the unrolled state. The parameters of the budget have a gradient
    only with a `departure_temperature`, not with the rule for leaving.

    The defaults are RecSim 0.2.4's utility model. Every numeric parameter may be a number, a [B]
    tensor or a variable.

    Args:
      num_features: F, the dimension of interests.
      choice_model: the model that chooses by the scores <u, document>.
      time_budget: the budget at the start of a session, positive.
      step_penalty: the cost of a step without a click.
      user_update_alpha: the part of the watch time that a document of utility 1 gives back.
      user_quality_factor: the weight of the user's score of the document in its utility.
      document_quality_factor: the weight of the document's quality in its utility.
      alpha_x_intercept: x0, the size of an interest at which it no longer moves, positive.
      alpha_y_intercept: y0, the step of an interest at zero.
      departure_temperature: None makes leaving a rule, budget <= 0. A positive number T makes it a
        hazard: the user leaves after each step with probability sigmoid(-budget / T).
      dtype: tf.float32, or tf.float64 for gradient checks.
    """

    num_features: Count = 20
    choice_model: choice.ChoiceModel = dataclasses.field(
        default_factory=choice.MultinomialProportional
    )
    time_budget: Any = parameter(200.0, above=0)
    step_penalty: Any = parameter(0.5)
    user_update_alpha: Any = parameter(0.9 / 3.4)
    user_quality_factor: Any = parameter(0.0)
    document_quality_factor: Any = parameter(1.0)
    alpha_x_intercept: Any = parameter(1.0, above=0)
    alpha_y_intercept: Any = parameter(0.3)
    departure_temperature: Any = parameter(None, above=0)

    @classmethod
    def plain(cls, **overrides) -> "InterestEvolutionUsers":
        """The users of RecSim 0.2.4's plain user distribution (`IEvUserDistributionSampler`), with
        any argument overridden.

        RecSim's fields without effect (keep_interact_prob, min_doc_utility, the id sets) are left
        out. The scores of dense documents, such as `PlainVideos`, fall below `min_normalizer`, so
        these documents need a `choice_model` without it, such as `choice.MultinomialLogit`.
        """
        constants = {
            "time_budget": 30.0,
            "step_penalty": 1.0,
            "user_update_alpha": 0.0,
            "user_quality_factor": 1.0,
        }
        return cls(**{**constants, **overrides})

    def initial_draws(self, num_users: int):
        low = -tf.ones([num_users, self.num_features], self.dtype)
        return tfd.Independent(tfd.Uniform(low, tf.constant(1, self.dtype)), 1)

    def initial_state(self, draws: tf.Tensor):
        budget = tf.broadcast_to(self.per_user("time_budget"), tf.shape(draws)[:1])
        return UserState(interests=draws, budget=tf.ensure_shape(budget, draws.shape[:1]))

    def response(self, state: UserState, slate: Slate[ShownVideo]):
        return self._choice(state, slate)

    def outcome(self, state: UserState, slate: Slate[ShownVideo], draw: tf.Tensor):
        clicked = tf.one_hot(draw, slate.mask.shape[1], dtype=self.dtype)
        watch_time = tf.minimum(tf.maximum(state.budget, 0)[:, tf.newaxis], slate.documents.length)
        return Response(
            clicked=clicked,
            watch_time=clicked * watch_time,
            liked=tf.zeros_like(clicked),
            quality=slate.documents.quality,
            cluster_id=slate.documents.cluster_id,
        )

    def innovation(self, state: UserState, slate: Slate[ShownVideo], response: Response):
        """The distribution of the direction of the drift: 1 towards the clicked document, 0 away
        from it. Nothing is drawn without a click.
        """
        clicked = tf.reduce_sum(response.clicked, axis=1)
        by_position = affinities(slate.documents, (state.interests + 1) / 2)
        towards = tf.reduce_sum(response.clicked * by_position, axis=1)
        towards = tf.clip_by_value(towards, _MIN_PROB, 1 - _MIN_PROB)
        somebody_clicked = clicked > 0
        direction = tfd.Bernoulli(probs=tf.where(somebody_clicked, towards, 0.5))
        return tfd.Masked(
            direction, somebody_clicked, safe_sample_fn=lambda d: tf.zeros(d.batch_shape, d.dtype)
        )

    def update(
        self, state: UserState, slate: Slate[ShownVideo], response: Response, innovation: tf.Tensor
    ):
        features, clicked = slate.documents.features, response.clicked
        interests = state.interests
        intercept = self.per_user("alpha_y_intercept", 2)
        alpha = intercept - intercept / self.per_user("alpha_x_intercept", 2) * tf.abs(interests)
        shift = _clicked_sum(clicked, features**2) - interests * _clicked_sum(clicked, features)
        sign = 2 * tf.cast(innovation, self.dtype)[:, tf.newaxis] - 1

        gain = self.per_user("user_update_alpha") * self._utility(state, slate, response)
        without_click = 1 - tf.reduce_sum(clicked, axis=1)
        spent = (
            tf.reduce_sum(response.watch_time, axis=1)
            + self.per_user("step_penalty") * without_click
        )
        return UserState(
            interests=tf.clip_by_value(interests + sign * alpha * shift, -1, 1),
            budget=state.budget - spent + gain,
        )

    def departure(self, state: UserState):
        if self.departure_temperature is None:
            return state.budget <= 0
        return tfd.Bernoulli(logits=-state.budget / self.per_user("departure_temperature"))

    def observe(self, state: UserState):
        return state.interests

    def observation_bounds(self):
        return Bounds(-1.0, 1.0)

    def response_bounds(self):
        """The ranges that RecSim declares, except that quality is unbounded."""
        return Response(
            clicked=Bounds(0.0, 1.0),
            watch_time=Bounds(0.0, 100.0),
            liked=Bounds(0.0, 1.0),
            quality=Bounds(),
            cluster_id=Bounds(0, self.num_features - 1),
        )

    def wording(self) -> VideoWording:
        return VideoWording()

    def _choice(self, state: UserState, slate: Slate[ShownVideo]):
        return self.choice_model(affinities(slate.documents, state.interests), slate.mask)

    def _utility(self, state: UserState, slate: Slate[ShownVideo], response: Response):
        """The watch time of the clicked document times its utility, [B]."""
        utility = self.per_user("document_quality_factor", 2) * slate.documents.quality
        factor = self.user_quality_factor
        if not (isinstance(factor, int | float) and factor == 0):
            # By default the factor is 0, and the slate is not scored again.
            scores = self._choice(state, slate).score_alone()
            utility += self.per_user("user_quality_factor", 2) * scores
        return tf.reduce_sum(response.watch_time * utility, axis=1)


def _clicked_sum(clicked: tf.Tensor, values: tf.Tensor):
    """The sum over the slate of values [B, K, F], weighted by clicks [B, K]."""
    return tf.reduce_sum(clicked[:, :, tf.newaxis] * values, axis=1)


def watch_time_reward(response: Response) -> tf.Tensor:
    """The time watched, [B], which is RecSim's `clicked_watchtime_reward`. The watch time of a
    position that is not clicked is zero.
    """
    return tf.reduce_sum(response.watch_time, axis=-1)


@configurable
def interest_evolution(
    users: UserModel | None = None,
    documents: DocumentModel | None = None,
    dtype: tf.DType = tf.float32,
    **simulator: Unpack[SimulatorOptions],
) -> Simulator:
    """Interest evolution, "InterestEvolution-v1": users' interests drift with the videos they
    watch, within a time budget.

    Observation: `user` has the interests [B, 20], `documents` the one-hot topics [B, N, 20], and
    `response` the response to the last slate. Reward: the time watched. A session ends when the
    user's budget is spent.

        simulator = recsim_tf.make("InterestEvolution-v1", slate_size=3, num_candidates=10)
        state = simulator.reset(num_users=1000, seed=0)

    Args:
      users, documents: the models, by default `InterestEvolutionUsers()` and
        `UtilityVideos()` of the dtype.
      **simulator: further arguments of `Simulator`.
    """
    users = users or InterestEvolutionUsers(dtype=dtype)
    documents = documents or UtilityVideos(dtype=dtype)
    options: SimulatorOptions = {"reward_fn": watch_time_reward, **simulator}
    return Simulator(users, documents, **options)
