# SPDX-License-Identifier: Apache-2.0
"""Users of pages, who may click on any number of the items shown.

By default the model is the logistic regression with which Saito et al. 2020, "Open Bandit Dataset
and Pipeline" (arXiv 2008.07146), predict the clicks of that data set. In this model the effect of a
position and the attraction of an item are factors of the odds. In other click models the
examination of a position and the attraction are factors of the probability.
"""

import dataclasses
from typing import Any, NamedTuple, Unpack

import tensorflow as tf
from tensorflow_probability import distributions as tfd

from recsim_tf.choice import ClickModel, IndependentClicks
from recsim_tf.core.base import validation
from recsim_tf.core.base.arguments import configurable
from recsim_tf.core.base.bounds import Bounds
from recsim_tf.core.base.parameters import parameter
from recsim_tf.core.base.types import Nest, Slate
from recsim_tf.core.models.models import DocumentModel, UserModel
from recsim_tf.core.simulator import Simulator, SimulatorOptions
from recsim_tf.environments.page_clicks.documents import PageItems, ShownItem, summed_effects

# The least probability of a category, since the logarithm of zero has no gradient.
_LEAST_PROB = 1e-30


class Response(NamedTuple):
    """The response to a page, per position."""

    clicked: tf.Tensor  # [B, K], 0 or 1; any number of positions may be clicked
    item_id: tf.Tensor  # int32 [B, K], the ids of all items shown


@configurable
class PageClickUsers(UserModel[tf.Tensor, ShownItem, Response]):
    """Users with F categorical features who click on items of a page, and never change or leave.

    The score of an item shown is intercept + position_effect[k] + appeal + effects of the user's
    features + affinity_effect * log(1 + affinity). The click model draws the clicks from the
    scores. By default each item is clicked with the odds exp(score), independently of other items.
    An empty position is never clicked. The draw of the response is float [B, K], 1 for a click. The
    initial draw and the state are the features, int32 [B, F], which agents see.

    All numeric parameters may be numbers, tables, tensors or variables, also with a leading axis
    [B], and have gradients: `feature_probs` through the `initial` part of `log_prob`, and all
    others through its `response` part.

    Args:
      feature_probs: [F, C], the probabilities of the categories of each feature, padded with zeros
        where a feature has fewer than C categories.
      feature_effect: [F, C], or a number for all features and categories.
      intercept: the constant part of the score. The default gives a click rate of 0.45 %, as in
        Open Bandit's random logs.
      position_effect: [K], or a number for all positions.
      affinity_effect: the effect of a unit of log(1 + past clicks on the item).
      click_model: any `choice.ClickModel`, such as `choice.UserBrowsing(examination)`.

    Raises:
      ValueError: if the shapes disagree, if the probabilities are numbers that do not sum to one,
        or if items have scores of satisfaction that the click model does not use.
    """

    feature_probs: Any = parameter(((0.25, 0.25, 0.25, 0.25),) * 4, rank=2, are_probabilities=True)
    feature_effect: Any = parameter(0.0, rank=2)
    intercept: Any = parameter(-5.4)
    position_effect: Any = parameter(0.0, rank=1)
    affinity_effect: Any = parameter(0.0)
    click_model: ClickModel = dataclasses.field(default_factory=IndependentClicks)

    def check(self):
        validation.check_table("feature_probs", self.feature_probs, F=None, C=None)
        axes = {"num_features": self.num_features, "num_categories": self.num_categories}
        validation.check_table("feature_effect", self.feature_effect, or_number=True, **axes)

    def check_documents(self, documents: DocumentModel, slate_size: int):
        shape = validation.table_shape("position_effect", self.position_effect)
        # A number for each user has the shape [B, 1].
        if shape.rank and shape[-1] != slate_size and not (shape.rank == 2 and shape[-1] == 1):
            raise ValueError(
                f"position_effect of the users must have slate_size={slate_size} effects, got"
                f" {shape[-1]}"
            )
        self.click_model.check_slate(slate_size)
        if isinstance(documents, PageItems):
            self.click_model.check_satisfaction(
                "satisfaction of the documents", documents.satisfaction
            )

    @property
    def num_features(self) -> int:
        """The number of features, F."""
        return validation.table_shape("feature_probs", self.feature_probs)[-2]

    @property
    def num_categories(self) -> int:
        """The number of categories, C."""
        return validation.table_length("feature_probs", self.feature_probs)

    def initial_draws(self, num_users: int):
        shape = [num_users, self.num_features, self.num_categories]
        probs = tf.broadcast_to(self.per_user("feature_probs", 3), shape)
        return tfd.Independent(tfd.Categorical(probs=tf.maximum(probs, _LEAST_PROB)), 1)

    def response(self, state: tf.Tensor, slate: Slate[ShownItem]):
        met = slate.documents
        of_user = self.per_user("intercept") + summed_effects(
            self.feature_effect, state, self.num_categories, self.dtype
        )
        logits = (
            of_user[:, tf.newaxis]
            + self.per_user("position_effect", 2)
            + met.item.appeal
            + self.per_user("affinity_effect", 2) * tf.math.log1p(tf.cast(met.affinity, self.dtype))
        )
        satisfaction = met.item.satisfaction if self.click_model.uses_satisfaction else None
        return self.click_model(logits, slate.mask, satisfaction)

    def outcome(self, state: tf.Tensor, slate: Slate[ShownItem], draw: tf.Tensor):
        return Response(clicked=draw, item_id=slate.documents.item.item_id)

    def recorded_draw(self, slate: Slate[ShownItem], seen: Nest):
        return seen.clicked

    def observe(self, state: tf.Tensor):
        return state

    def observation_bounds(self):
        return Bounds(0, self.num_categories - 1)

    def response_bounds(self):
        return Response(clicked=Bounds(0.0, 1.0), item_id=Bounds(0, None))


@configurable
def page_clicks(
    users: UserModel | None = None,
    documents: DocumentModel | None = None,
    dtype: tf.DType = tf.float32,
    **simulator: Unpack[SimulatorOptions],
) -> Simulator:
    """Page clicks, "PageClicks-v0": users meet pages of items, and may click on any number of
    positions. The environment is made to be fitted to logs.

    Observation: `user` has the features int32 [B, F]. `documents` has the `item_id` int32 [B, N],
    `categories` int32 [B, N, G] and `numeric` [B, N] of each candidate. `response` to the last page
    has `clicked` [B, K] and `item_id` int32 [B, K]. Reward: the number of clicks, 0 to K. Users
    neither change nor leave, so the time limit truncates a session, by default after ten pages.

        simulator = recsim_tf.make("PageClicks-v0", num_candidates=20)
        state = simulator.reset(num_users=1000, seed=0)

    Args:
      users, documents: the models, by default `PageClickUsers()` and `PageItems()` of the dtype.
      **simulator: further arguments of `Simulator`; by default sessions of 10 pages.

    Raises:
      ValueError: if the number of position effects of the users is not slate_size.
    """
    users, documents = users or PageClickUsers(dtype=dtype), documents or PageItems(dtype=dtype)
    options: SimulatorOptions = {"max_steps": 10, **simulator}
    return Simulator(users, documents, **options)
