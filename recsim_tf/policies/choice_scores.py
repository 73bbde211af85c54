"""What an agent believes about clicks: a weight for each candidate and one for "no click".

A slate's click probabilities are taken to be proportional to these weights, P(i | A) = v_i /
(sum_{j in A} v_j + v_0), so they must not depend on the other documents of the slate: multinomial
choice.
"""

from collections.abc import Callable
from typing import Any

import tensorflow as tf

from recsim_tf import choice
from recsim_tf.core.base.types import Nest, Observation
from recsim_tf.policies.fields import raw_user

# Observation of B users and N candidates -> (weights [B, N], no_click_weight [B]), all
# non-negative.
ChoiceScores = Callable[[Observation], tuple[tf.Tensor, tf.Tensor]]


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


class LearnedScores:
    """The choice weights of a network that learns from clicks; they carry no gradient.

    Args:
      network: gives (logits [B, N], no_click_logit [B]), as `slate_q.ClickNetwork`.
    """

    def __init__(self, network: Callable):
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


class BeliefScores:
    """A multinomial choice model of how much users in a believed state like the documents.

    Args:
      users: a user model with a method `scores(state, documents)`, which gives scores [B, N] of
        documents, a nest of [B, N, ...] as they are observed, for users, a nest of [B, ...].
      belief: maps the observation to a user state, a nest of [B, ...].
      choice_model: multinomial, as `MultinomialLogit` or `MultinomialProportional`.

    Raises:
      ValueError: if the users have no `scores`, or for a choice model whose weights depend on the
        slate.
    """

    def __init__(
        self,
        users: Any,
        belief: Callable[[Observation], Nest],
        choice_model: choice.ChoiceModel,
    ):
        if not hasattr(users, "scores"):
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
