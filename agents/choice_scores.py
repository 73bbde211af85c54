"""What an agent believes about clicks: a weight for each candidate and one for "no click".

A slate's click probabilities are taken to be proportional to these weights, P(i | A) = v_i / (sum_{j in A} v_j + v_0), so they must not
depend on the other documents of the slate: multinomial choice.
"""

from collections.abc import Callable
from typing import Any

import gin
import tensorflow as tf

from recsim_tf import choice
from recsim_tf.agents.layers.users import raw_user
from recsim_tf.core.models import UserModel
from recsim_tf.core.types import Nest, Observation

# Observation of B users and N candidates -> (weights [B, N], no_click_weight [B]), all non-negative.
ChoiceScores = Callable[[Observation], tuple[tf.Tensor, tf.Tensor]]


@gin.configurable
class AffinityScores:
    """A multinomial choice model of the affinity <user, document>, both observed as vectors of the same length.

    The defaults are the choice model of interest evolution, which RecSim's SlateQ agent is built on. What layers added to the user's
    observation plays no part.

    Args:
      choice_model: `MultinomialProportional` or `MultinomialLogit`.
      **parameters: of the choice model; by default no_click_mass 1 and min_normalizer -1.
    """

    def __init__(self, choice_model=choice.MultinomialProportional, **parameters: Any):
        _check_multinomial(choice_model)
        if choice_model is choice.MultinomialProportional:
            parameters = {"no_click_mass": 1.0, "min_normalizer": -1.0, **parameters}
        self._choice_model = choice_model
        self._parameters = parameters

    def __call__(self, observation: Observation) -> tuple[tf.Tensor, tf.Tensor]:
        user, documents = raw_user(observation.user), observation.documents
        if not tf.is_tensor(user) or not tf.is_tensor(documents) or user.shape[1:] != documents.shape[2:]:
            shapes = tf.nest.map_structure(lambda leaf: leaf.shape, (user, documents))
            raise ValueError(f"the affinity <user, document> needs vectors of one length, got user and documents of shapes {shapes}")
        affinity = tf.linalg.matvec(documents, user)
        weights = self._choice_model(affinity, **self._parameters).weights()
        return weights[:, :-1], weights[:, -1]


class LearnedScores:
    """The choice weights of a network that learns from clicks; they carry no gradient.

    Args:
      network: gives (logits [B, N], no_click_logit [B]), as `slate_q.ClickNetwork`.
    """

    def __init__(self, network):
        self.network = network

    def __call__(self, observation: Observation) -> tuple[tf.Tensor, tf.Tensor]:
        (logits, no_click), _ = self.network(observation)
        weights = tf.stop_gradient(tf.nn.softmax(tf.concat([logits, no_click[:, tf.newaxis]], axis=-1)))
        return weights[:, :-1], weights[:, -1]


class BeliefScores:
    """A multinomial choice model of how much users in a believed state like the documents.

    Args:
      users: the user model, with `scores(state, documents)` [B, N], of documents as they are observed.
      belief: maps the observation to a user state, a nest of [B, ...].
      choice_model: `MultinomialProportional` or `MultinomialLogit`.
      **parameters: of the choice model; by default of the logit, no_click_mass 5, as in RecSim 0.2.4's interest exploration.

    Raises:
      ValueError: if the users have no `scores`, or for a choice model whose weights depend on the slate.
    """

    def __init__(self, users: UserModel, belief: Callable[[Observation], Nest], choice_model=choice.MultinomialLogit, **parameters: Any):
        _check_multinomial(choice_model)
        if not hasattr(users, "scores"):
            raise ValueError(f"users must have a method scores(state, documents), got {type(users).__name__}")
        if choice_model is choice.MultinomialLogit:
            parameters = {"no_click_mass": 5.0, **parameters}
        self._scores = users.scores
        self._belief = belief
        self._choice_model = choice_model
        self._parameters = parameters

    def __call__(self, observation: Observation) -> tuple[tf.Tensor, tf.Tensor]:
        scores = self._scores(self._belief(observation), observation.documents)
        weights = self._choice_model(scores, **self._parameters).weights()
        return weights[:, :-1], weights[:, -1]


def _check_multinomial(choice_model) -> None:
    if not issubclass(choice_model, choice.MultinomialProportional | choice.MultinomialLogit):
        raise ValueError(f"choice_model must be MultinomialProportional or MultinomialLogit, got {choice_model.__name__}")
