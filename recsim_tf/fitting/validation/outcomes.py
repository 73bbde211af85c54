# SPDX-License-Identifier: Apache-2.0
"""What users did in logged or simulated sessions, as statistics and classifiers read it."""

from collections.abc import Iterator
from typing import Any, NamedTuple, Protocol

import numpy as np
import tensorflow as tf

from recsim_tf.core import nests
from recsim_tf.core.base.types import Nest, Seed, SimulatorState, Transition
from recsim_tf.core.simulator import Simulator
from recsim_tf.fitting.predictions.responses import amounts
from recsim_tf.logs.log import Log


class Outcomes(NamedTuple):
    """The outcomes of the steps of S sessions, with zeros after the end of each."""

    active: np.ndarray  # bool [S, T], the session has the step
    left: np.ndarray  # bool [S, T], the user left after the step
    clicked: np.ndarray  # float [S, T, K], the click weights
    counted: np.ndarray  # bool [S, T, K], a document was shown there
    reward: np.ndarray  # float [S, T]
    # float [S, T] by field of the responses that has a mean, without clicks: the sum over the slate
    amounts: dict[str, np.ndarray]
    documents: Any = ()  # int [S, T, K], the ids of what was shown; () where documents are no ids

    @property
    def length(self) -> np.ndarray:
        """The number of steps of each session, int64 [S]."""
        return self.active.sum(axis=1)

    @property
    def clicks(self) -> np.ndarray:
        """The number of clicks at each step, float [S, T]."""
        return self.clicked.sum(axis=2)


def outcomes_of(simulator: Simulator, state: SimulatorState, transition: Transition) -> Outcomes:
    """The outcomes of a step of B users, as tensors [B, ...], without the ids of documents. They
    are zeros where the transition is not active.
    """
    slate = simulator.shown(state, transition)
    response = simulator.users.response(state.user, slate)
    outcomes = Outcomes(
        active=transition.active,
        left=transition.terminated,
        clicked=transition.response.clicked,
        counted=transition.slate >= 0,
        reward=simulator.reward(transition.response, state.user),
        amounts=amounts(response, transition.draws.response, slate),
    )
    return nests.where(transition.active, outcomes, nests.zeros_like(outcomes))


def ids_of(documents: Nest) -> Any:
    """The ids of documents, int [..., K]; () where they are no single ids."""
    leaves = tf.nest.flatten(documents)
    is_ids = (
        len(leaves) == 1 and np.ndim(leaves[0]) == 3 and np.asarray(leaves[0]).dtype.kind in "iu"
    )
    return np.asarray(leaves[0]) if is_ids else ()


def vectors_of(simulator: Simulator, log: Log) -> Any:
    """The numbers that describe the documents of a log to its users, by id, float64 [D, F], in
    units of their standard deviations; () where documents are no ids, or change.
    """
    ids, documents = ids_of(log.documents), simulator.documents
    if isinstance(ids, tuple) or documents.has_state or tf.nest.flatten(log.hidden):
        return ()
    number = tf.range(int(ids[log.shown].max(initial=0)) + 1, dtype=tf.int32)
    shown = documents.show(documents.describe(number[tf.newaxis], ()), ())
    columns = [
        np.reshape(leaf, [len(number), -1]).astype(np.float64)
        for leaf in tf.nest.flatten(shown)
        if leaf.dtype.is_floating
    ]
    if not columns:
        return ()
    vectors = np.concatenate(columns, axis=1)
    return (vectors - vectors.mean(axis=0)) / np.maximum(vectors.std(axis=0), 1e-9)


class Simulations(Protocol):
    """Sessions of a log, and simulations of them, in which users who are hidden are drawn.

    Attributes:
      log: the logged sessions.
      is_closed_loop: True if whole sessions are simulated, False if each step is simulated given
        the logged steps before it.
      users_leave: whether users can leave in the models.
      innovations_are_latent: whether the log lacks the users' innovations.
      initial_is_latent: whether sessions of the log lack initial draws.
      vectors: see `vectors_of`.
    """

    log: Log
    is_closed_loop: bool
    users_leave: bool
    innovations_are_latent: bool
    initial_is_latent: bool
    vectors: Any

    def observed(self, seed: Seed = 0) -> Outcomes:
        """The outcomes of the log."""

    def simulated(self, seed: Seed, number: int) -> Iterator[Outcomes]:
        """The outcomes of so many simulations of all sessions, one after the other."""
