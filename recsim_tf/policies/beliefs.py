"""What an agent believes about clicks: a weight for each candidate and one for "no click".

A slate's click probabilities are taken to be proportional to these weights, P(i | A) = v_i /
(sum_{j in A} v_j + v_0), so they must not depend on the other documents of the slate: multinomial
choice.
"""

from collections.abc import Callable, Sequence
from typing import Protocol, runtime_checkable

import gin
import numpy as np
import tensorflow as tf

from recsim_tf import choice
from recsim_tf.core.models import UserModel
from recsim_tf.core.ranges import Range
from recsim_tf.core.types import Nest, Observation
from recsim_tf.policies.observations import raw_user

# Observation of B users and N candidates -> (weights [B, N], no_click_weight [B]), all
# non-negative.
ChoiceScores = Callable[[Observation], tuple[tf.Tensor, tf.Tensor]]


@gin.configurable
class AffinityScores:
    """A multinomial choice model of the affinity <user, document>, both observed as vectors of the
    same length.

    The defaults are the choice model of interest evolution, which RecSim's SlateQ agent is built
    on. What layers added to the user's observation plays no part.

    Args:
      choice_model: multinomial, as `MultinomialProportional` or `MultinomialLogit`; by default that
        of interest evolution.
    """

    def __init__(self, choice_model: choice.ChoiceModel | None = None):
        self._choice_model = _multinomial(choice_model or choice.MultinomialProportional())

    @staticmethod
    def suits(observation: Observation) -> bool:
        """Whether users and documents are observed as vectors of one length."""
        user, documents = raw_user(observation.user), observation.documents
        return (
            tf.is_tensor(user)
            and tf.is_tensor(documents)
            and user.dtype.is_floating
            and user.dtype == documents.dtype
            and documents.shape.rank == 3
            and user.shape[1:] == documents.shape[2:]
        )

    def __call__(self, observation: Observation) -> tuple[tf.Tensor, tf.Tensor]:
        user, documents = raw_user(observation.user), observation.documents
        if not self.suits(observation):
            shapes = tf.nest.map_structure(lambda leaf: leaf.shape, (user, documents))
            raise ValueError(
                "the affinity <user, document> needs vectors of one length, got user and documents"
                f" of shapes {shapes}"
            )
        affinity = tf.linalg.matvec(documents, user)
        weights = self._choice_model.weights(affinity)
        return weights[:, :-1], weights[:, -1]


@gin.configurable
class CatalogueScores:
    """A multinomial choice model of the affinity <user, factors> + bias to documents of a shared
    catalogue, observed as ids [B, N].

    The users of drifting taste choose by it, `CatalogueScores(documents.factors, documents.bias,
    belief)` with `documents` its `Catalogue(ids_only=True)`. Their taste is hidden, and what they
    show is empty, so that there a belief must be given.

    Args:
      factors: [D, F], of the document of each id in [0, D). An array, a tensor, or a variable,
        which is then read at each call.
      bias: the same [D], or a number for all documents.
      belief: maps the observation to users' vectors [B, F]; by default they are the user's
        observation, without what layers added.
      choice_model: multinomial, as `MultinomialLogit`, the default, or `MultinomialProportional`.

    Raises:
      ValueError: for a choice model whose weights depend on the slate, or for tables of other
        shapes; when called, for documents that are not ids, or for users that are not vectors [B,
        F].
    """

    def __init__(
        self,
        factors: Sequence | np.ndarray | tf.Tensor | tf.Variable,
        bias: float | Sequence | np.ndarray | tf.Tensor | tf.Variable = 0.0,
        belief: Callable[[Observation], tf.Tensor] | None = None,
        choice_model: choice.ChoiceModel | None = None,
    ):
        self._choice_model = _multinomial(choice_model or choice.MultinomialLogit())
        for name, table in (("factors", factors), ("bias", bias)):
            Range().check(name, table)
        self._factors, self._bias = _kept(factors), _kept(bias)
        if self._factors.shape.rank != 2:
            raise ValueError(f"factors must have shape [D, F], got {self._factors.shape}")
        if self._bias.shape.rank and self._bias.shape != self._factors.shape[:1]:
            raise ValueError(
                f"bias must be a number or have shape [D={self._factors.shape[0]}] of factors, got"
                f" {self._bias.shape}"
            )
        self._belief = belief or (lambda observation: raw_user(observation.user))

    def __call__(self, observation: Observation) -> tuple[tf.Tensor, tf.Tensor]:
        user, leaves = self._belief(observation), tf.nest.flatten(observation.documents)
        if len(leaves) != 1 or leaves[0].shape.rank != 2 or not leaves[0].dtype.is_integer:
            shapes = ", ".join(f"{leaf.dtype.name} {leaf.shape}" for leaf in leaves)
            raise ValueError(f"documents must be ids [B, N], got {shapes}")
        num_documents, num_factors = self._factors.shape
        if not tf.is_tensor(user) or user.shape[1:] != [num_factors]:
            shapes = tf.nest.map_structure(lambda leaf: leaf.shape, user)
            raise ValueError(
                f"users must be vectors [B, {num_factors}], as long as the rows of factors, got"
                f" {shapes}: see `belief`"
            )
        users = tf.pad(tf.cast(user, tf.float32), [[0, 0], [0, 1]], constant_values=1.0)
        scores = product_with_documents(
            users, self._rows, leaves[0], num_documents, num_factors + 1
        )
        weights = self._choice_model.weights(scores)
        return weights[:, :-1], weights[:, -1]

    def _rows(self, ids=None):
        """float32 [..., F + 1]: factors and bias of documents [...], or of all."""
        bias = tf.broadcast_to(self._bias, self._factors.shape[:1])[:, tf.newaxis]
        tables = [tf.cast(table, tf.float32) for table in (self._factors, bias)]
        return tf.concat(
            [table if ids is None else tf.gather(table, ids) for table in tables], axis=-1
        )


def product_with_documents(users, vectors, ids, num_documents: int, width: int) -> tf.Tensor:
    """The inner products <user, document> of candidates from a shared catalogue, without a vector
    for each of many candidates.

    Where N * width > D they are gathered from a product [B, D] with all documents. Otherwise that
    is the larger tensor, and the vectors of the candidates are made and multiplied, [B, N, width].
    Where the candidates are all documents in order, nothing is gathered: under XLA a gather keeps
    what follows it out of vector registers.

    Args:
      users: [B, E].
      vectors: maps ids [B, N] to the vectors of these documents [B, N, E], and, called without ids,
        gives those of all documents [D, E].
      ids: integers [B, N], in [0, D).
      num_documents: D.
      width: the numbers that `vectors` takes for one document; at least E.

    Returns:
      [B, N].
    """
    if ids.shape[1] is not None and ids.shape[1] * width <= num_documents:
        return tf.linalg.matvec(vectors(ids), users)
    products = tf.matmul(users, vectors(), transpose_b=True)
    if ids.shape[1] != num_documents:
        return tf.gather(products, ids, batch_dims=1)
    return tf.cond(
        tf.reduce_all(ids == tf.range(num_documents, dtype=ids.dtype)),
        lambda: products,
        lambda: tf.gather(products, ids, batch_dims=1),
    )


class LearnedScores:
    """The choice weights of a network that learns from clicks; they carry no gradient.

    Args:
      network: gives (logits [B, N], no_click_logit [B]), as `slate_q.ClickNetwork`.
    """

    def __init__(self, network):
        self.network = network

    def __call__(self, observation: Observation) -> tuple[tf.Tensor, tf.Tensor]:
        return self.weights(*self.network(observation)[0])

    @staticmethod
    def weights(logits: tf.Tensor, no_click: tf.Tensor) -> tuple[tf.Tensor, tf.Tensor]:
        """The weights [B, N] and [B] of what the network gave."""
        weights = tf.stop_gradient(
            tf.nn.softmax(tf.concat([logits, no_click[:, tf.newaxis]], axis=-1))
        )
        return weights[:, :-1], weights[:, -1]


@runtime_checkable
class ScoringUsers(Protocol):
    """A user model that scores how much users like documents."""

    def scores(self, state: Nest, documents: Nest) -> tf.Tensor:
        """Scores [B, N] of documents, a nest of [B, N, ...], for users, a nest of [B, ...]."""


class BeliefScores:
    """A multinomial choice model of how much users in a believed state like the documents.

    Args:
      users: the user model, as `ScoringUsers`; it scores documents as they are observed.
      belief: maps the observation to a user state, a nest of [B, ...].
      choice_model: multinomial, as `MultinomialLogit` or `MultinomialProportional`.

    Raises:
      ValueError: if the users have no `scores`, or for a choice model whose weights depend on the
        slate.
    """

    def __init__(
        self,
        users: UserModel,
        belief: Callable[[Observation], Nest],
        choice_model: choice.ChoiceModel,
    ):
        if not isinstance(users, ScoringUsers):
            raise ValueError(
                f"users must have a method scores(state, documents), got {type(users).__name__}"
            )
        self._scores = users.scores
        self._belief = belief
        self._choice_model = _multinomial(choice_model)

    def __call__(self, observation: Observation) -> tuple[tf.Tensor, tf.Tensor]:
        scores = self._scores(self._belief(observation), observation.documents)
        weights = self._choice_model.weights(scores)
        return weights[:, :-1], weights[:, -1]


def _multinomial(choice_model: choice.ChoiceModel) -> choice.ChoiceModel:
    """The choice model, which must give a document the same weight on every slate."""
    if not isinstance(choice_model, choice.ChoiceModel) or not choice_model.is_multinomial:
        raise ValueError(
            "choice_model must be multinomial, as MultinomialProportional() or MultinomialLogit(),"
            f" got {choice_model!r}"
        )
    return choice_model


def _kept(table):
    """A table as a tensor, made once for all graphs; a variable stays one."""
    # Those of TensorFlow Probability, made of others, are modules.
    if isinstance(table, tf.Variable | tf.Module):
        return table
    with tf.init_scope():
        return tf.convert_to_tensor(table)
