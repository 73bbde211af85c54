"""The two things that an author of an environment writes: how users behave and what documents there
are.

Every random stage is a method that returns a TFP distribution over *draws*, followed by a
deterministic, differentiable map from draws to state. The simulator samples the distributions,
`log_prob` scores them and gradients flow through the maps: nothing is written twice. All tensors
have the users as leading axis, [B, ...], and no method loops over users, documents or positions.

Parameters are data: a number, a tensor of shape [B] or a variable. Store them as given and convert
them inside the methods, so that a variable stays learnable and a [B] tensor sweeps over users;
`per_user` expands them.
"""

import abc

import tensorflow as tf
from tensorflow_probability import distributions as tfd

from recsim_tf.core import nests
from recsim_tf.core.bounds import Bounds
from recsim_tf.core.types import Clicks, Nest, Slate


def per_user(parameter, rank: int, dtype: tf.DType = tf.float32, table_rank: int = 0) -> tf.Tensor:
    """Shapes a parameter to broadcast against a [B, ...] tensor of the given rank.

    Args:
      parameter: a number, a tensor or variable of shape [] or [B]; a table of parameters has
        `table_rank` axes more, which stay last.
      rank: rank of the tensor that it meets, more than `table_rank`.
      dtype: dtype of the result.
      table_rank: number of axes of the parameter itself, 0 for a number.
    """
    value = tf.cast(tf.convert_to_tensor(parameter, dtype_hint=dtype), dtype)
    if value.shape.rank == table_rank:
        return value
    return tf.reshape(value, [-1] + [1] * (rank - table_rank - 1) + value.shape[1:].as_list())


class UserModel(tf.Module, abc.ABC):
    """How a population of users starts, responds to slates, changes and leaves."""

    @abc.abstractmethod
    def initial_draws(self, num_users: int) -> tfd.Distribution:
        """The distribution, of batch shape [num_users], of what differs between users at the start
        of a session.
        """

    def initial_state(self, draws: Nest) -> Nest:
        """Maps initial draws to the users' state, a nest of [B, ...]; by default the draws
        themselves.
        """
        return draws

    @abc.abstractmethod
    def response(self, state: Nest, slate: Slate) -> tfd.Distribution:
        """The distribution, of batch shape [B], of the drawn part of a response: the choice, a
        rating, a dwell time.
        """

    def outcome(self, state: Nest, slate: Slate, draw: Nest) -> Nest:
        """Maps a response draw to the response: a NamedTuple of [B, K, ...] with a field `clicked`,
        the click weights [B, K].

        By default the draw is that of a choice model, a position or K for "no click", and the
        response is `Clicks`.
        """
        del state
        return Clicks(clicked=tf.one_hot(draw, slate.mask.shape[1]))

    def innovation(self, state: Nest, slate: Slate, response: Nest) -> tfd.Distribution | None:
        """The distribution, of batch shape [B], of the noise in the state update, or None where the
        update has none.
        """
        del state, slate, response
        return None

    def update(self, state: Nest, slate: Slate, response: Nest, innovation: Nest) -> Nest:
        """Maps state, slate, response and innovation draw (() where there is none) to the next
        state; by default nothing changes.
        """
        del slate, response, innovation
        return state

    def departure(self, state: Nest) -> tf.Tensor | tfd.Distribution:
        """Who leaves, judged on the updated state; by default nobody, and sessions end by the
        simulator's time limit.

        Returns:
          bool [B], a rule, which is not scored; or a distribution of batch shape [B] over "leaves
          now" (0 or 1), which is.
        """
        return tf.zeros([nests.batch_size(state)], tf.bool)

    @abc.abstractmethod
    def observe(self, state: Nest) -> Nest:
        """The part of the state that an agent may see, a nest of [B, ...]."""

    def observe_response(self, response: Nest) -> Nest:
        """The part of the response that an agent may see, a nest of [B, K, ...]; by default all of
        it. Rewards are of the whole.
        """
        return response

    def observation_bounds(self) -> Nest:
        """`Bounds` of the observation: one for all of it, or a nest of its structure."""
        return Bounds()

    def response_bounds(self) -> Nest:
        """`Bounds` of the observed response: one for all of it, or a nest of its structure."""
        return Bounds()


class DocumentModel(tf.Module, abc.ABC):
    """Which documents there are, what is hidden about them until they are shown, and how the corpus
    changes.
    """

    def initial_draws(self, num_users: int) -> tfd.Distribution | None:
        """The distribution, of batch shape [num_users], that starts a corpus, or None for a corpus
        without state.
        """
        del num_users
        return None

    def initial_state(self, draws: Nest) -> Nest:
        """Maps the initial draws (() where there are none) to the corpus state; () is a corpus
        without state.
        """
        del draws
        return ()

    @abc.abstractmethod
    def candidates(
        self, num_users: int, num_candidates: int, corpus: Nest, user: Nest
    ) -> tfd.Distribution:
        """The distribution of the candidates: batch shape [num_users], a draw is a nest of
        [num_users, num_candidates, ...].

        Where there is a shared catalogue, draw ids: they are gathered, carried and stored instead
        of features.
        """

    def describe(self, draw: Nest, corpus: Nest) -> Nest:
        """Maps candidate draws [B, N, ...] or [B, K, ...] to documents with the same leading axes;
        by default the draw itself.
        """
        del corpus
        return draw

    def reveal(self, documents: Nest) -> tfd.Distribution | None:
        """The distribution, of batch shape [B], of attributes [B, K, ...] that are hidden until
        documents [B, K, ...] are shown.

        None where nothing is hidden. Persistent candidates (`resample_documents=False`) are
        revealed once, for all N of them.
        """
        del documents
        return None

    def show(self, documents: Nest, hidden: Nest) -> Nest:
        """Maps documents [B, K, ...] and the draw of their hidden attributes (() where there are
        none) to what the user meets.

        By default the documents as they are. Where attributes are revealed, return a NamedTuple of
        its own.
        """
        del hidden
        return documents

    def update(self, corpus: Nest, slate: Slate, response: Nest) -> Nest:
        """Maps the corpus state, what was shown and the response to the next corpus state; by
        default nothing changes.
        """
        del slate, response
        return corpus

    @abc.abstractmethod
    def observe(self, documents: Nest) -> Nest:
        """The part of the documents [B, N, ...] that an agent may see."""

    def observation_bounds(self) -> Nest:
        """`Bounds` of the observation: one for all of it, or a nest of its structure."""
        return Bounds()
