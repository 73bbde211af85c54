# SPDX-License-Identifier: Apache-2.0
"""The models that an author of an environment writes: users and documents.

Every random stage is a method that returns a TFP distribution over *draws*, followed by a
deterministic, differentiable map from draws to state. The simulator samples the distributions,
`log_prob` scores them and gradients flow through the maps, so nothing is written twice. All tensors
have the users as leading axis, [B, ...], and no method loops over users, documents or positions.
Corpora that users share have the worlds as leading axis, [W, ...].
"""

import abc
import dataclasses
from collections.abc import Sequence
from typing import Generic, cast

import tensorflow as tf
from tensorflow_probability import distributions as tfd

from recsim_tf.core import nests
from recsim_tf.core.base.bounds import Bounds
from recsim_tf.core.base.parameters import Model
from recsim_tf.core.base.ranges import shown
from recsim_tf.core.base.types import Clicks, DocumentT, Nest, ResponseT, Slate, Turn, UserT
from recsim_tf.core.distributions import log_prob, num_outcomes


class Dynamics(Model, abc.ABC):
    """The base of user and document models.

    Args:
      dtype: the dtype of computations, tf.float32, or tf.float64 for gradient checks.
    """

    dtype: tf.DType = dataclasses.field(default=tf.float32, kw_only=True)

    def __post_init__(self) -> None:
        try:
            dtype = tf.as_dtype(self.dtype)
        except TypeError:
            dtype = None
        if dtype not in (tf.float32, tf.float64):
            raise ValueError(f"dtype must be tf.float32 or tf.float64, got {shown(self.dtype)}")
        self.dtype = dtype
        super().__post_init__()

    def entries(self, name: str, ids: tf.Tensor, shape: Sequence[int]) -> tf.Tensor:
        """Entries of a table of parameters.

        Args:
          name: the name of the field, whose value may also be a number for all entries.
          ids: int32 [B, ...], in [0, D).
          shape: the shape of the table, [D, ...].

        Returns:
          [B, ..., ...]: the axes of the ids, then the axes of an entry.
        """
        value = tf.convert_to_tensor(self._value(name), dtype_hint=self.dtype)
        table = tf.cast(value, self.dtype)
        if not table.shape.rank:
            # A saved policy does not know its number of users.
            outer = ids.shape if ids.shape.is_fully_defined() else tf.unstack(tf.shape(ids))
            return tf.broadcast_to(table, [*outer, *shape[1:]])
        # A number for each user becomes a table for each user.
        full = [*table.shape[: -len(shape)], *shape]
        if table.shape != full:
            table = tf.broadcast_to(table, full)
        return nests.lookup(table, ids, len(shape))


class UserModel(Dynamics, Generic[UserT, DocumentT, ResponseT]):
    """A population of users who start sessions, respond to slates, change and leave.

    A subclass may name its records, so that editors know their fields:

        class Viewers(recsim_tf.UserModel[ViewerState, ShownVideo, Response]):
    """

    @abc.abstractmethod
    def initial_draws(self, num_users: int) -> tfd.Distribution:
        """The distribution [num_users] of the draws by which users differ at the start."""

    def initial_state(self, draws: Nest) -> UserT:
        """Maps initial draws to the user state, a nest of [B, ...]. By default it is the draws."""
        return draws

    @abc.abstractmethod
    def response(self, state: UserT, slate: Slate[DocumentT]) -> tfd.Distribution:
        """The distribution [B] of the drawn part of a response, such as a choice or a rating."""

    def outcome(self, state: UserT, slate: Slate[DocumentT], draw: Nest) -> ResponseT:
        """Maps a response draw to the response: a NamedTuple of [B, ...] with a field `clicked`,
        the click weights [B, K].

        By default the draw is the choice of a choice model, a position or K for "no click", and the
        response is `Clicks`.
        """
        return cast(ResponseT, Clicks(clicked=tf.one_hot(draw, slate.mask.shape[1])))

    def innovation(
        self, state: UserT, slate: Slate[DocumentT], response: ResponseT
    ) -> tfd.Distribution | None:
        """The distribution [B] of the noise in the state update, or None where there is none."""
        return None

    def update(
        self, state: UserT, slate: Slate[DocumentT], response: ResponseT, innovation: Nest
    ) -> UserT:
        """Maps state, slate, response and innovation draw (() where there is none) to the next
        state. By default nothing changes.
        """
        return state

    def departure(self, state: UserT) -> tf.Tensor | tfd.Distribution:
        """The users who leave, by their updated state. By default no user leaves, and sessions end
        by the simulator's time limit.

        Returns:
          A rule, bool [B], which is not scored; or a distribution of batch shape [B] over "leaves
          now" (0 or 1), which is scored.
        """
        return tf.zeros([nests.batch_size(state)], tf.bool)

    def discount(self, state: UserT, next_state: UserT) -> tf.Tensor | None:
        """The discount of the rewards after a step, [B] in [0, 1], such as a smaller one after days
        without a visit. None, the default, means 1. It multiplies the discount that agents see.
        """
        return None

    @abc.abstractmethod
    def observe(self, state: UserT) -> Nest:
        """The part of the state that an agent may see, a nest of [B, ...]."""

    def observe_response(self, response: ResponseT) -> Nest:
        """The part of the response that an agent may see, a nest of [B, ...]. By default it is the
        whole response. The reward is computed from the whole response.
        """
        return response

    def recorded_draw(self, slate: Slate[DocumentT], seen: Nest) -> Nest:
        """The draw of an observed response, which inverts `outcome` and `observe_response`.

        By default it is the choice of a choice model, which `seen.clicked` determines: the clicked
        position, or K for "no click". A user model with different draws overrides this method, and
        returns the likeliest draw where an agent does not see all. `recsim_tf.belief` reads it.

        Args:
          slate: the slate that was shown.
          seen: the observed response, a nest of [B, ...].
        """
        num_positions = slate.mask.shape[1]
        position = tf.argmax(seen.clicked, axis=1, output_type=tf.int32)
        return tf.where(tf.reduce_any(seen.clicked > 0, axis=1), position, num_positions)

    def likelihood(self, state: UserT, slate: Slate[DocumentT], seen: Nest) -> tf.Tensor:
        """The log-probability of the observed response given the user state, [B].

        By default it is the log-probability of `recorded_draw` under `response`, so a belief cannot
        disagree with the simulation. Values that `outcome` computes from the state are not drawn,
        so they are no evidence of the state. A user model overrides this method where an agent does
        not see the whole draw. The method then sums over the possible draws, as
        `Alternatives.log_likelihood` does.

        Args:
          state: the user state when the slate was shown.
          slate: the slate that was shown.
          seen: the observed response, a nest of [B, ...].

        Raises:
          ValueError: if the response is no choice of at most one position, and `recorded_draw` is
            not overridden.
        """
        response = self.response(state, slate)
        is_default = type(self).recorded_draw is UserModel.recorded_draw
        if is_default and num_outcomes(response) != slate.mask.shape[1] + 1:
            raise ValueError(
                f"{type(self).__name__} must override recorded_draw, which reads choices only, got"
                f" responses of {response.name}"
            )
        return log_prob(response, self.recorded_draw(slate, seen))

    def observation_bounds(self) -> Nest:
        """`Bounds` of the whole observation, or a nest of `Bounds` of its structure."""
        return Bounds()

    def response_bounds(self) -> Nest:
        """`Bounds` of the whole observed response, or a nest of `Bounds` of its structure. Zeros,
        the response before the first slate, are within them.
        """
        return Bounds()

    def turn_conditions(self, turn: Turn) -> list[tuple[tf.Tensor, str]]:
        """Conditions that a turn must meet, such as an item that a question needs. By default there
        are none. The ranges of `query_spec` are checked anyhow.

        Args:
          turn: a turn with a slate int32 [B, K] of candidate positions, -1 where it is empty.

        Returns:
          Pairs (condition, message) with conditions bool [B]. They are checked where the simulator
          has `validate=True`.
        """
        return []

    def check_documents(self, documents: "DocumentModel", slate_size: int) -> None:
        """Raises `ValueError` if these users do not fit the documents or the slate size. By default
        they fit all documents and sizes.
        """


class DocumentModel(Dynamics):
    """The documents of a corpus, their attributes, which may be hidden until a document is shown,
    and the changes of the corpus.

    By default each of B users has a separate corpus, so there are W = B corpora. With a class
    attribute `shared = True` a corpus belongs to a *world* of U users. They meet the same
    candidates and hidden attributes, and all their clicks change the corpus. There are W = B / U
    worlds, and `Simulator(users_per_world=U)` sets their size.

        class Popular(recsim_tf.DocumentModel):
            shared = True

            def initial_state(self, draws, num_corpora):
                return tf.zeros([num_corpora, 100])  # clicks by item

            def update(self, corpus, slate, response, innovation):
                items = tf.one_hot(slate.documents, 100)  # [W, U, K, 100]
                clicked = response.clicked[..., tf.newaxis]
                return corpus + tf.reduce_sum(items * clicked, axis=[1, 2])
    """

    # Whether the users of a world share a corpus.
    shared = False
    # Whether the documents that users meet are computed from the corpus state, where there is one.
    # A log of single sessions can be scored only where a shared corpus has this False.
    shows_state = True

    @property
    def num_kinds(self) -> int | None:
        """The number D of kinds of documents, where the draw of a candidate is its kind, int32 in
        [0, D), and `observe` depends on the kind alone. None, the default, for other documents.
        Agents can then see kinds in place of features, see `recsim_tf.agents.layers.Kinds`.
        """
        return None

    def initial_draws(self, num_corpora: int) -> tfd.Distribution | None:
        """The distribution, of batch shape [num_corpora], of the draws that make corpora differ at
        the start, or None where all corpora start alike.
        """
        return None

    def initial_state(self, draws: Nest, num_corpora: int) -> Nest:
        """Maps initial draws (() where there are none) to the corpus state, a nest of
        [num_corpora, ...]. By default these are the draws. () is a corpus without state.
        """
        return draws

    @property
    def has_state(self) -> bool:
        """True if there is a corpus state."""
        draws = self.initial_draws(1)
        return draws is not None or bool(tf.nest.flatten(self.initial_state((), 1)))

    @abc.abstractmethod
    def candidates(
        self, num_corpora: int, num_candidates: int, corpus: Nest, user: Nest
    ) -> tfd.Distribution:
        """The distribution of the candidates, of batch shape [num_corpora]. A draw is a nest of
        [num_corpora, num_candidates, ...].

        `user` is the state of the users, which must not be read where they share a corpus.

        Candidates from a catalogue should be drawn as ids. The simulator then gathers, carries and
        stores ids instead of features. `recsim_tf.core.distributions.candidate_ids` draws them,
        also by popularity and without replacement.
        """

    def describe(self, draw: Nest, corpus: Nest) -> Nest:
        """Maps candidate draws [W, N, ...] or [W, K, ...] to documents with the same leading axes.
        By default these are the draws.
        """
        return draw

    def reveal(self, documents: Nest) -> tfd.Distribution | None:
        """The distribution, of batch shape [W], of attributes [W, K, ...] that are hidden until
        documents [W, K, ...] are shown, or None where nothing is hidden.

        The attributes of persistent candidates (`resample_documents=False`) are drawn once, for all
        N candidates. Where users share a corpus they are drawn for all N candidates in each step
        that brings new candidates.
        """
        return None

    def show(self, documents: Nest, hidden: Nest) -> Nest:
        """Maps documents [B, K, ...] and the draw of their hidden attributes (() where there are
        none) to the documents that the user meets.

        By default these are the given documents. A model with hidden attributes returns a
        NamedTuple that includes the attributes.
        """
        return documents

    def innovation(self, corpus: Nest, slate: Slate, response: Nest) -> tfd.Distribution | None:
        """The distribution, of batch shape [W], of the noise in the corpus update, or None where
        the update has none. Slate and response are as in `update`.
        """
        return None

    def update(self, corpus: Nest, slate: Slate, response: Nest, innovation: Nest) -> Nest:
        """Maps the corpus state, the slate, the response and the innovation draw (() where there is
        none) to the next corpus state. By default nothing changes.

        Slate and response are nests of [B, ...]. Where users share a corpus they are nests of [W,
        U, ...], such as `slate.documents` [W, U, K, ...], with zeros for users who have left.
        """
        return corpus

    @abc.abstractmethod
    def observe(self, documents: Nest) -> Nest:
        """The part of the documents [B, N, ...] that an agent may see."""

    def observation_bounds(self) -> Nest:
        """`Bounds` of the whole observation, or a nest of `Bounds` of its structure."""
        return Bounds()
