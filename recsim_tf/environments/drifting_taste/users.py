"""Users whose taste drifts towards what they choose.

The choice is that of a matrix factorisation with a softmax over the slate (Rendle et al. 2009,
"BPR", compares pairs instead); a taste that moves with every choice stands in the line of Koren
2010, "Collaborative filtering with temporal dynamics", and of the leaky memories of session-based
recommenders. The hierarchical prior of tastes is that of Salakhutdinov & Mnih 2008, "Probabilistic
matrix factorization".
"""

from collections.abc import Callable
from typing import NamedTuple

import gin
import tensorflow as tf
from tensorflow_probability import distributions as tfd

from recsim_tf import choice
from recsim_tf.core.bounds import Bounds
from recsim_tf.core.models import UserModel, per_user


class UserState(NamedTuple):
    """State of users."""

    initial_taste: tf.Tensor  # [B, F], which the user keeps
    drift: tf.Tensor  # [B, F], what their choices have added to it


class Response(NamedTuple):
    """Response to a slate, per position."""

    clicked: tf.Tensor  # [B, K], 1 at the chosen position
    item_id: tf.Tensor  # int32 [B, K], of every item shown


@gin.configurable
class DriftingTasteUsers(UserModel):
    """Users who choose by bias + <initial taste + drift, factors>, and whose drift follows what
    they choose.

    The initial taste is drawn for each user from Normal(taste_loc, taste_scale), the hierarchical
    prior. A choice of item d makes the drift `decay * drift + gain * pull[d]`; a step without a
    choice leaves it as it is. `decay` and `gain` may be vectors [F], so that some factors are
    remembered for long and others not. With a gain of 0 the user is that of a static matrix
    factorisation. Users do not leave.

    Gradients flow to all numeric parameters. They may be numbers, vectors [F] or [B, F], or
    variables; those of the choice also [B].

    Args:
      num_factors: F.
      taste_loc: mean of initial tastes.
      taste_scale: standard deviation of initial tastes, positive.
      gain: how far a choice moves the drift.
      decay: in [0, 1], what is left of the drift after the next choice.
      choice_model: builds the choice distribution from `scores`, `mask` and those of the parameters
        below that it names in its `parameter_names`.
      no_click_mass: choice parameter; None for the default of the choice model, with
        `MultinomialLogit` a choice is then certain.
      dtype: tf.float32 or tf.float64.

    Raises:
      ValueError: if num_factors is below 1.
    """

    def __init__(
        self,
        num_factors: int = 16,
        taste_loc=0.0,
        taste_scale=1.0,
        gain=0.1,
        decay=0.9,
        choice_model: Callable[..., tfd.Distribution] = choice.MultinomialLogit,
        no_click_mass=None,
        dtype: tf.DType = tf.float32,
        name: str = "DriftingTasteUsers",
    ):
        super().__init__(name=name)
        if num_factors < 1:
            raise ValueError(f"num_factors must be at least 1, got {num_factors}")
        self.num_factors = num_factors
        self.taste_loc = taste_loc
        self.taste_scale = taste_scale
        self.gain = gain
        self.decay = decay
        self.choice_model = choice_model
        self.no_click_mass = no_click_mass
        self.dtype = tf.as_dtype(dtype)

    def initial_draws(self, num_users):
        shape = [num_users, self.num_factors]
        loc, scale = (
            tf.broadcast_to(self._vector(value), shape)
            for value in (self.taste_loc, self.taste_scale)
        )
        return tfd.Independent(tfd.Normal(loc, scale), 1)

    def initial_state(self, draws):
        return UserState(initial_taste=draws, drift=tf.zeros_like(draws))

    def scores(self, state: UserState, documents) -> tf.Tensor:
        """How much users like items [B, N], float [B, N]."""
        taste = state.initial_taste + state.drift
        return documents.bias + tf.linalg.matvec(documents.factors, taste)

    def response(self, state, slate):
        return choice.users_choice(self, self.scores(state, slate.documents), slate.mask)

    def outcome(self, state, slate, draw):
        del state
        return Response(
            clicked=tf.one_hot(draw, slate.mask.shape[1], dtype=self.dtype),
            item_id=slate.documents.item_id,
        )

    def update(self, state, slate, response, innovation):
        del innovation
        clicked = response.clicked[:, :, tf.newaxis]
        chosen = tf.reduce_sum(clicked * slate.documents.pull, axis=1)
        # Where nothing is chosen nothing decays; written with click weights, so that it takes
        # relaxed choices too.
        forgotten = (1 - self._vector(self.decay)) * tf.reduce_sum(clicked, axis=1)
        return state._replace(
            drift=state.drift * (1 - forgotten) + self._vector(self.gain) * chosen
        )

    def departure(self, state):
        return tf.zeros([state.drift.shape[0]], tf.bool)

    def observe(self, state):
        """Nothing: [B, 0]."""
        return state.drift[:, :0]

    def response_bounds(self):
        return Response(clicked=Bounds(0.0, 1.0), item_id=Bounds(0, None))

    def _vector(self, value):
        return per_user(value, 2, self.dtype, table_rank=1)
