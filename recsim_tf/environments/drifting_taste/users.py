"""Users whose taste drifts towards their choices.

The choice is a softmax over the slate of the scores of a matrix factorisation (Rendle et al. 2009,
"BPR", compares pairs instead). The taste moves with every choice, as in Koren 2010, "Collaborative
filtering with temporal dynamics", and in the leaky memories of session-based recommenders. The
hierarchical prior of tastes comes from Salakhutdinov & Mnih 2008, "Probabilistic matrix
factorization".
"""

import dataclasses
from typing import Any, NamedTuple, Unpack

import gin
import tensorflow as tf
from tensorflow_probability import distributions as tfd

from recsim_tf import choice
from recsim_tf.core.base import validation
from recsim_tf.core.base.bounds import Bounds
from recsim_tf.core.base.parameters import parameter
from recsim_tf.core.base.types import Nest, Slate
from recsim_tf.core.models.models import DocumentModel, UserModel
from recsim_tf.core.models.wording import Wording
from recsim_tf.core.nests import fields_of
from recsim_tf.core.simulator import Simulator, SimulatorOptions
from recsim_tf.environments.drifting_taste.documents import Catalogue, Item


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


@gin.configurable
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

    num_factors: int = 16
    taste_loc: Any = parameter(0.0, rank=1)
    taste_scale: Any = parameter(1.0, rank=1, above=0)
    gain: Any = parameter(0.1, rank=1)
    decay: Any = parameter(0.9, rank=1, low=0, high=1)
    choice_model: choice.ChoiceModel = dataclasses.field(default_factory=choice.MultinomialLogit)

    def check(self):
        factors = {"num_factors": self.num_factors}
        validation.check_count(**factors)
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


@gin.configurable
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
