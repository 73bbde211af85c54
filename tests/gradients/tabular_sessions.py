# SPDX-License-Identifier: Apache-2.0
"""Sessions in tables, small enough to enumerate: the exact expected return of a slate policy,
differentiable in everything.
"""

from typing import NamedTuple

import numpy as np
import tensorflow as tf
from tensorflow_probability import distributions as tfd

from recsim_tf.agents.shared.slate_table import all_slates
from recsim_tf.choice import MultinomialLogit
from recsim_tf.core.distributions.plackett_luce_slates import PlackettLuce
from recsim_tf.core.models.models import DocumentModel, UserModel
from recsim_tf.core.simulator import Simulator
from recsim_tf.policies import PlackettLucePolicy

DTYPE = tf.float64


class Tables(NamedTuple):
    """A population with S states that meets the same N documents at each step, on slates of K."""

    start: np.ndarray  # [S], probabilities of the first state
    scores: np.ndarray  # [S, N], of the choice
    position_scores: np.ndarray  # [K], added to them
    no_click_mass: float
    values: np.ndarray  # [N], reward of a click
    # [S, N + 1, S], probabilities of the next state by what was clicked, N for nothing
    transitions: np.ndarray
    hazards: np.ndarray  # [S], probability that a user leaves in this state, after each step


# Fresh and tired users. The first document clicks best and tires, the last hardly clicks and
# refreshes.
TABLES = Tables(
    start=np.array([0.7, 0.3]),
    scores=np.array([[1.2, 0.4, -0.3], [0.3, 0.6, 0.2]]),
    position_scores=np.array([0.0, -0.6]),
    no_click_mass=0.0,
    values=np.array([1.0, 0.7, 0.4]),
    transitions=np.array(
        [
            [[0.2, 0.8], [0.7, 0.3], [0.95, 0.05], [0.6, 0.4]],
            [[0.05, 0.95], [0.4, 0.6], [0.8, 0.2], [0.3, 0.7]],
        ]
    ),
    hazards=np.array([0.1, 0.6]),
)
# [S, N], of the policy that is differentiated
LOGITS = np.array([[0.5, 0.0, -0.5], [0.2, -0.3, 0.1]])
NUM_STEPS = 3


class Item(NamedTuple):
    """Documents; leading axes [B, N] or [B, K]."""

    features: tf.Tensor  # [..., N], one-hot
    id: tf.Tensor  # int32 [...]


class Response(NamedTuple):
    """Response to a slate."""

    clicked: tf.Tensor  # [B, K]
    value: tf.Tensor  # [B, K], reward of a click
    id: tf.Tensor  # int32 [B, K]


class TabularUsers(UserModel):
    """Users whose state is a one-hot vector [B, S]; the choice is a multinomial logit.

    Args:
      tables: numbers, or tensors and variables in their place.
    """

    tables: Tables

    def initial_draws(self, num_users):
        return tfd.Categorical(probs=tf.tile(self._table("start")[tf.newaxis], [num_users, 1]))

    def initial_state(self, draws):
        return tf.one_hot(draws, self.tables.start.shape[0], dtype=DTYPE)

    def response(self, state, slate):
        scores = tf.einsum("bs,sn,bkn->bk", state, self._table("scores"), slate.documents.features)
        choice_model = MultinomialLogit(no_click_mass=self._table("no_click_mass"))
        return choice_model(scores + self._table("position_scores"), slate.mask)

    def outcome(self, state, slate, draw):
        values = tf.einsum("bkn,n->bk", slate.documents.features, self._table("values"))
        return Response(
            tf.one_hot(draw, slate.mask.shape[1], dtype=DTYPE), values, slate.documents.id
        )

    def innovation(self, state, slate, response):
        """The next state."""
        clicked = tf.einsum("bk,bkn->bn", response.clicked, slate.documents.features)
        clicked = tf.concat([clicked, 1 - tf.reduce_sum(clicked, axis=1, keepdims=True)], axis=1)
        return tfd.Categorical(
            probs=tf.einsum("bs,bn,snt->bt", state, clicked, self._table("transitions"))
        )

    def update(self, state, slate, response, innovation):
        return tf.one_hot(innovation, state.shape[1], dtype=DTYPE)

    def departure(self, state):
        return tfd.Bernoulli(probs=tf.linalg.matvec(state, self._table("hazards")))

    def observe(self, state):
        return state

    def _table(self, name):
        return tf.convert_to_tensor(getattr(self.tables, name), DTYPE)


class TabularDocuments(DocumentModel):
    """The same N documents for everybody at each step.

    Args:
      num_documents: N.
    """

    num_documents: int

    def candidates(self, num_users, num_candidates, corpus, user):
        return tfd.Independent(
            tfd.Deterministic(tf.tile(tf.range(num_candidates)[tf.newaxis], [num_users, 1])), 1
        )

    def describe(self, draw, corpus):
        return Item(tf.one_hot(draw, self.num_documents, dtype=DTYPE), draw)

    def observe(self, documents):
        return documents.features


def click_value(response: Response) -> tf.Tensor:
    """[B]: the value of what was clicked."""
    return tf.reduce_sum(response.clicked * response.value, axis=1)


def tabular_sessions(tables: Tables = TABLES, **arguments) -> Simulator:
    """The simulator of the tables.

    Args:
      tables: numbers, or tensors and variables in their place.
      **arguments: of `Simulator`.
    """
    slate_size, num_documents = tables.position_scores.shape[0], tables.values.shape[0]
    return Simulator(
        TabularUsers(tables),
        TabularDocuments(num_documents),
        slate_size,
        num_documents,
        click_value,
        **arguments,
    )


def tabular_policy(
    logits: tf.Tensor, slate_size: int = len(TABLES.position_scores)
) -> PlackettLucePolicy:
    """The policy of logits [S, N], or [B, S, N], a copy for each user, so that one backward pass
    gives the gradient of each session.
    """

    def item_logits(observation):
        equation = "bs,sn->bn" if logits.shape.rank == 2 else "bs,bsn->bn"
        return tf.einsum(equation, observation.user, logits)

    return PlackettLucePolicy.of_logits(item_logits, slate_size)


def exact_return(logits: tf.Tensor, num_steps: int, tables: Tables = TABLES) -> tf.Tensor:
    """The expected return, by enumeration of slates, choices, next states and departures.

    Args:
      logits: of the policy, [S, N].
      num_steps: T, at most so many steps a session.
      tables: numbers, or tensors and variables in their place.

    Returns:
      A scalar.
    """
    start, scores, position_scores, no_click_mass, values, transitions, hazards = (
        tf.convert_to_tensor(table, DTYPE) for table in tables
    )
    num_states, num_documents = scores.shape
    slates = all_slates(num_documents, position_scores.shape[0])  # [M, K]
    # [S, M]
    slate_probs = tf.exp(PlackettLuce(logits[:, tf.newaxis, :], slates.shape[1]).log_prob(slates))
    shown = tf.gather(scores, slates, axis=1) + position_scores  # [S, M, K]
    nothing = tf.fill([num_states, len(slates), 1], no_click_mass)
    choice_probs = tf.nn.softmax(tf.concat([shown, nothing], axis=2))  # [S, M, K + 1]
    # [M, K + 1]
    clicked = np.concatenate([slates, np.full([len(slates), 1], num_documents)], axis=1)
    rewards = tf.gather(tf.concat([values, [0]], axis=0), clicked)  # [M, K + 1]
    stays = tf.gather(transitions, clicked, axis=1) * (1 - hazards)  # [S, M, K + 1, S]
    value = tf.zeros([num_states], DTYPE)
    for _ in range(num_steps):
        value = tf.einsum(
            "sm,smc,smc->s", slate_probs, choice_probs, rewards + tf.linalg.matvec(stays, value)
        )
    return tf.reduce_sum(start * value)
