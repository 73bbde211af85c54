# SPDX-License-Identifier: Apache-2.0
"""Drifting taste: users who choose from a shared catalogue by a taste that drifts towards their
choices. The environment is made to be fitted to logs.

The choice is a softmax over the slate of the scores of a matrix factorisation (Rendle et al. 2009,
"BPR", compares pairs instead). The taste moves with every choice, as in Koren 2010, "Collaborative
filtering with temporal dynamics", and in the leaky memories of session-based recommenders. The
hierarchical prior of tastes comes from Salakhutdinov & Mnih 2008, "Probabilistic matrix
factorization".
"""

import dataclasses
from typing import Any, NamedTuple, Unpack

import numpy as np
import tensorflow as tf
from tensorflow_probability import distributions as tfd

from recsim_tf import choice
from recsim_tf.core import random
from recsim_tf.core.base import validation
from recsim_tf.core.base.arguments import Count, configurable
from recsim_tf.core.base.bounds import Bounds
from recsim_tf.core.base.parameters import parameter
from recsim_tf.core.base.ranges import known_numbers
from recsim_tf.core.base.types import Nest, Slate
from recsim_tf.core.distributions import candidate_ids
from recsim_tf.core.models.models import DocumentModel, UserModel
from recsim_tf.core.models.wording import Wording
from recsim_tf.core.nests import fields_of
from recsim_tf.core.simulator import Simulator, SimulatorOptions


class Item(NamedTuple):
    """Items; leading axes [B, N] or [B, K]."""

    item_id: tf.Tensor  # int32 [...], in [0, D)
    bias: tf.Tensor  # [...], the part of the score that is the same for all users
    factors: tf.Tensor  # [..., F], the factors that a taste is multiplied with
    pull: tf.Tensor  # [..., F], the direction in which a choice of the item moves the taste


@configurable
class Catalogue(DocumentModel):
    """D items that all users share. Candidates are drawn from them, by default uniformly with
    replacement.

    All three tables may be arrays, tensors or variables, and have gradients through the `response`
    part of `log_prob`. With `pull=None` the pulls are the factors, so a choice moves the taste
    towards the item. A separate table of pulls can also learn the items that are usually chosen
    next.

    Args:
      num_items: D.
      num_factors: F.
      bias: [D], or a number for all items.
      factors: [D, F]; None draws them from Normal(0, 1) with `seed`.
      pull: [D, F]; None for `factors`.
      seed: the seed of `factors`, an integer.
      popularity: [D], non-negative: the probability that an item is a candidate is in proportion to
        its popularity. It has a gradient through the `documents` part of `log_prob`. None for
        equally likely items.
      replacement: whether an item may be drawn twice among the candidates of a user and step.
      ids_only: whether agents see the candidates as ids alone, int32 [B, N] in [0, D), instead of
        `Item`s. Agents then look the tables up themselves, and features are gathered for shown
        items only, [B, K, F] instead of [B, N, F].

    Raises:
      ValueError: if a number is out of range or a shape is wrong; when candidates are drawn without
        replacement, if they are more than the items.
    """

    num_items: Count = 1000
    num_factors: Count = 16
    bias: Any = parameter(0.0, rank=1)
    factors: Any = parameter(
        rank=2,
        drawn=lambda items: np.random.default_rng(items.seed).standard_normal(
            (items.num_items, items.num_factors)
        ),
    )
    pull: Any = parameter(None, rank=2)
    popularity: Any = parameter(None, rank=1, low=0)
    replacement: bool = True
    seed: int = 0
    ids_only: bool = False

    @property
    def num_kinds(self):
        return None if self.ids_only else self.num_items

    def check(self):
        axes = {"num_items": self.num_items, "num_factors": self.num_factors}
        random.as_seed(self.seed)
        validation.check_table("factors", self.factors, **axes)
        if self.pull is not None:
            validation.check_table("pull", self.pull, **axes)
        validation.check_table("bias", self.bias, or_number=True, num_items=self.num_items)
        if self.popularity is not None:
            validation.check_table("popularity", self.popularity, num_items=self.num_items)
            popularity = known_numbers("popularity", self.popularity)
            if popularity is not None and not popularity.any(axis=-1).all():
                raise ValueError("popularity must be positive for some item, got only zeros")

    def candidates(self, num_users: int, num_candidates: int, corpus: Nest, user: Nest):
        return candidate_ids(
            self.num_items, num_users, num_candidates, self.popularity, self.replacement, self.dtype
        )

    def describe(self, draw: tf.Tensor, corpus: Nest):
        return draw if self.ids_only else self._items(draw)

    def show(self, documents: Nest, hidden: Nest):
        return self._items(documents) if self.ids_only else documents

    def observe(self, documents: Nest):
        return documents

    def observation_bounds(self):
        ids = Bounds(0, self.num_items - 1)
        if self.ids_only:
            return ids
        return Item(item_id=ids, bias=Bounds(), factors=Bounds(), pull=Bounds())

    def _items(self, draw: tf.Tensor) -> Item:
        shape = [self.num_items, self.num_factors]
        factors = self.entries("factors", draw, shape)
        return Item(
            item_id=draw,
            bias=self.entries("bias", draw, shape[:1]),
            factors=factors,
            pull=factors if self.pull is None else self.entries("pull", draw, shape),
        )


class UserState(NamedTuple):
    """The state of drifting-taste users."""

    initial_taste: tf.Tensor  # [B, F], the constant part of the taste
    drift: tf.Tensor  # [B, F], the changes of the taste by the choices so far


class Response(NamedTuple):
    """The response to a slate, per position."""

    clicked: tf.Tensor  # [B, K], 1 at the chosen position
    item_id: tf.Tensor  # int32 [B, K], the ids of all items shown


class ItemWording(Wording):
    """Words for items, which name the id and leave out the many factors."""

    def document(self, document: Nest):
        # A candidate may be an id alone.
        return f"item {fields_of(document).get('item_id', document)}"


@configurable
class DriftingTasteUsers(UserModel[UserState, Item, Response]):
    """Users who choose by bias + <initial taste + drift, factors>, and whose drift follows their
    choices.

    The initial taste is drawn for each user from Normal(taste_loc, taste_scale), the hierarchical
    prior. A choice of item d makes the drift `decay * drift + gain * pull[d]`. A step without a
    choice does not change it. `decay` and `gain` may be vectors [F], so that the memory differs
    between factors. With a gain of 0 this is a static matrix factorisation. Users do not leave.

    Gradients flow to all parameters. They may be numbers or vectors [F].

    Args:
      num_factors: F.
      taste_loc: the mean of initial tastes.
      taste_scale: the standard deviation of initial tastes, positive.
      gain: the factor of the pull in the change of the drift by a choice.
      decay: the part of the drift that is left after the next choice, in [0, 1].
      choice_model: the model that chooses by these scores. With the default a choice is certain.

    Raises:
      ValueError: if num_factors is no integer of at least 1, or a parameter is out of range.
    """

    num_factors: Count = 16
    taste_loc: Any = parameter(0.0, rank=1)
    taste_scale: Any = parameter(1.0, rank=1, above=0)
    gain: Any = parameter(0.1, rank=1)
    decay: Any = parameter(0.9, rank=1, low=0, high=1)
    choice_model: choice.ChoiceModel = dataclasses.field(default_factory=choice.MultinomialLogit)

    def check(self):
        factors = {"num_factors": self.num_factors}
        for name in ("taste_loc", "taste_scale", "gain", "decay"):
            validation.check_table(name, self._value(name), or_number=True, **factors)

    def check_documents(self, documents: DocumentModel, slate_size: int):
        if isinstance(documents, Catalogue):
            validation.check_same(self, documents, "num_factors")

    def initial_draws(self, num_users: int):
        shape = [num_users, self.num_factors]
        loc, scale = (
            tf.broadcast_to(self.per_user(name, 2), shape) for name in ("taste_loc", "taste_scale")
        )
        return tfd.Independent(tfd.Normal(loc, scale), 1)

    def initial_state(self, draws: tf.Tensor):
        return UserState(initial_taste=draws, drift=tf.zeros_like(draws))

    def scores(self, state: UserState, documents: Item) -> tf.Tensor:
        """The scores of items [B, N] for users, float [B, N]."""
        taste = state.initial_taste + state.drift
        return documents.bias + tf.linalg.matvec(documents.factors, taste)

    def response(self, state: UserState, slate: Slate[Item]):
        return self.choice_model(self.scores(state, slate.documents), slate.mask)

    def outcome(self, state: UserState, slate: Slate[Item], draw: tf.Tensor):
        return Response(
            clicked=tf.one_hot(draw, slate.mask.shape[1], dtype=self.dtype),
            item_id=slate.documents.item_id,
        )

    def update(self, state: UserState, slate: Slate[Item], response: Response, innovation: Nest):
        clicked = response.clicked[:, :, tf.newaxis]
        chosen = tf.reduce_sum(clicked * slate.documents.pull, axis=1)
        # The drift decays only with a choice. Click weights allow relaxed choices too.
        forgotten = (1 - self.per_user("decay", 2)) * tf.reduce_sum(clicked, axis=1)
        return state._replace(
            drift=state.drift * (1 - forgotten) + self.per_user("gain", 2) * chosen
        )

    def observe(self, state: UserState):
        """An empty observation, [B, 0]."""
        return state.drift[:, :0]

    def wording(self) -> ItemWording:
        return ItemWording()

    def response_bounds(self):
        return Response(clicked=Bounds(0.0, 1.0), item_id=Bounds(0, None))


@configurable
def drifting_taste(
    users: UserModel | None = None,
    documents: DocumentModel | None = None,
    dtype: tf.DType = tf.float32,
    **simulator: Unpack[SimulatorOptions],
) -> Simulator:
    """Drifting taste, "DriftingTaste-v0": users choose from a shared catalogue by a hidden taste,
    which drifts towards their choices.

    Observation: `user` [B, 0] is empty. `documents` has the `item_id` int32 [B, N], `bias` [B, N],
    `factors` and `pull` [B, N, F] of each candidate; with `Catalogue(ids_only=True)` it is the ids
    alone. `response` to the last slate has `clicked` [B, K] and `item_id` int32 [B, K]. Reward: the
    number of choices, 0 or 1. Users do not leave, so the time limit truncates a session.

        simulator = recsim_tf.make("DriftingTaste-v0", slate_size=5, num_candidates=20)
        state = simulator.reset(num_users=1000, seed=0)

    Args:
      users, documents: the models, by default `DriftingTasteUsers()` and
        `Catalogue()` of the dtype.
      **simulator: further arguments of `Simulator`; by default slates of 10 documents, and sessions
        of 100 steps.
    """
    users, documents = users or DriftingTasteUsers(dtype=dtype), documents or Catalogue(dtype=dtype)
    options: SimulatorOptions = {"slate_size": 10, "max_steps": 100, **simulator}
    return Simulator(users, documents, **options)
