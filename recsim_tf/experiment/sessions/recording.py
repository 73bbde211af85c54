# SPDX-License-Identifier: Apache-2.0
"""The record of some users' sessions: documents, responses, states, and the policy's reasons."""

from collections.abc import Iterator, Mapping, Sequence
from typing import Any, NamedTuple

import numpy as np
import tensorflow as tf

from recsim_tf.core import nests, random
from recsim_tf.core.base.types import Nest, Observation, SimulatorState, Transition
from recsim_tf.core.models.explanations import Explanation, explanation_of
from recsim_tf.core.nests import fields_of
from recsim_tf.core.runs.execution import compiled, traced_call
from recsim_tf.core.simulator import Simulator
from recsim_tf.core.step.acting import act
from recsim_tf.core.step.stages import Recorded
from recsim_tf.evaluation.baselines import AnyPolicy, as_rollout
from recsim_tf.support.errors import UsageError


class Recording(NamedTuple):
    """Sessions of U users of up to T steps, N candidates and K positions, as NumPy arrays."""

    users: np.ndarray  # int [U], their numbers in the evaluation
    transitions: Transition  # [T, U, ...], without draws
    states: Nest  # of users, nest of [T + 1, U, ...]: before each step, and after the last
    documents: Nest  # nest of [T, U, K, ...]: shown; at an empty position it is any candidate
    candidates: Nest  # nest of [T, U, N, ...]
    explanation: Explanation  # of [T, U, ...], labels too

    @property
    def lengths(self) -> np.ndarray:
        """The number of steps of each session, int [U]."""
        return self.transitions.active.sum(axis=0)


def record(
    simulator: Simulator,
    policy: AnyPolicy,
    users: Sequence[int],
    num_users: int,
    max_steps: int,
    seed: random.Seed,
) -> Recording:
    """Simulates the sessions of an evaluation in graph mode, and keeps those of some users.

    Args:
      simulator, policy, max_steps, seed: the arguments of `Evaluation.evaluator`.
      users: the numbers of the users to keep, in [0, num_users).
      num_users: the number of users of the evaluation, on which its draws depend.

    Raises:
      UsageError: for an explanation of other shapes than `Explanation` says.
    """
    function, policy_state = as_rollout(policy, num_users)
    watched = _Watched(function, users, simulator.num_candidates)

    def rows(nest: Nest) -> Nest:
        return tf.nest.map_structure(lambda leaf: tf.gather(leaf, users), nest)

    def met(state: SimulatorState, transition: Nest) -> Nest:
        described = simulator.documents.describe(state.candidates, state.corpus)
        candidates = simulator.corpora.of_users(described, num_users)
        documents = simulator.shown(state, transition).documents
        kept = rows((transition._replace(draws=()), state.user, documents, candidates))
        # The policy has been called in this step, and in this graph.
        return *kept, watched.explanation

    def begin(state: SimulatorState) -> Nest:
        """The number of the step, the state before it, and empty arrays for the records."""
        policy_seed, step_seed = random.split_seed(random.as_seed(0), 2)
        action, _ = act(watched, simulator.observe(state), policy_state, policy_seed)
        _, transition = simulator.step(state, action, step_seed)
        arrays = tf.nest.map_structure(
            lambda leaf: tf.TensorArray(leaf.dtype, 0, dynamic_size=True, element_shape=leaf.shape),
            met(state, transition),
        )
        return 0, state, arrays

    def add(carry: Nest, transition: Transition) -> Nest:
        step, state, arrays = carry
        arrays = nests.write(arrays, step, met(state, transition))
        draws = Recorded({**transition.draws._asdict(), "newcomers": ()})
        next_state, *_ = simulator.advance(state, transition.action, draws, False)
        return step + 1, simulator.corpora.keep_ended(state, next_state), arrays

    @compiled
    def run(seed: tf.Tensor) -> Nest:
        _, last, arrays = simulator.fold(
            watched, num_users, max_steps, seed, add, begin, policy_state=policy_state
        )
        return nests.stack(arrays), rows(last.user)

    (transitions, states, documents, candidates, explanation), last = traced_call(
        run, random.as_seed(seed)
    )
    # The others may have stayed longer.
    length = int(tf.math.count_nonzero(tf.reduce_any(transitions.active, axis=1)))
    states = tf.nest.map_structure(
        lambda leaf, end: tf.concat([leaf, end[tf.newaxis]], axis=0)[: length + 1], states, last
    )
    transitions, documents, candidates, explanation = tf.nest.map_structure(
        lambda leaf: leaf[:length], (transitions, documents, candidates, explanation)
    )
    if not tf.is_tensor(explanation.labels):
        labels = np.array(watched.labels, object)
        explanation = explanation._replace(
            labels=np.broadcast_to(labels, [length, len(users), len(labels)])
        )
    return tf.nest.map_structure(
        lambda leaf: leaf.numpy() if tf.is_tensor(leaf) else leaf,
        Recording(np.array(users), transitions, states, documents, candidates, explanation),
    )


class _Watched:
    """A policy whose last `explanation`, of [U, ...] for U users, can be read in the graph in which
    it was called. Where labels are names, they are in `labels` instead.
    """

    def __init__(self, policy: Any, users: Sequence[int], num_candidates: int):
        self._policy = policy
        self._users = users
        self._num_candidates = num_candidates
        self.explanation = Explanation()
        self.labels: Sequence[str] = ()

    def __call__(
        self, observation: Observation, policy_state: Nest, seed: tf.Tensor
    ) -> tuple[Nest, Nest]:
        explanation = explanation_of(self._policy, observation, policy_state, seed)
        self.explanation = self._checked(explanation, nests.batch_size(observation))
        return self._policy(observation, policy_state, seed)

    def _checked(self, explanation: Explanation, num_users: int) -> Explanation:
        """The rows of the users, after the format has been checked."""
        labels: Any = explanation.labels
        if tf.is_tensor(labels):
            num_labels = labels.shape[1]
            labels = tf.gather(labels, self._users)
        else:
            # They need no place in the graph.
            num_labels, self.labels, labels = len(labels), labels, ()
        shapes = {
            "candidates": [num_users, self._num_candidates],
            "alternatives": [num_users, num_labels],
            "user": [num_users],
        }
        checked: dict[str, Any] = {}
        for part, shape in shapes.items():
            checked[part] = {}
            for name, value in getattr(explanation, part).items():
                value = tf.convert_to_tensor(value)
                if value.shape != shape or value.dtype in (tf.string, tf.bool):
                    raise UsageError(
                        f"explain must give {part}[{name!r}] as numbers {shape}, got"
                        f" {value.dtype.name} {value.shape}"
                    )
                checked[part][name] = tf.gather(tf.cast(value, tf.float32), self._users)
        return Explanation(labels=labels, **checked)


def fields(nest: Nest) -> dict[str, np.ndarray]:
    """The arrays of a nest by the name of their field, without empty ones.

    "" is the name of a lone array, and a name that comes twice has those of the fields around it in
    front.
    """
    by_name: dict[str, np.ndarray] = {}
    paths = [(path, value) for path, value in _paths((), nest) if value.size]
    names = [path[-1] if path else "" for path, _ in paths]
    for name, (path, value) in zip(names, paths, strict=True):
        by_name[name if names.count(name) == 1 else ".".join(path)] = value
    return by_name


def _paths(path: tuple[str, ...], nest: Nest) -> Iterator[tuple[tuple[str, ...], np.ndarray]]:
    nest = fields_of(nest) or nest
    if isinstance(nest, tuple | list):
        nest = {str(index): part for index, part in enumerate(nest)}
    if isinstance(nest, Mapping):
        for name, part in nest.items():
            yield from _paths((*path, str(name)), part)
    else:
        yield path, np.asarray(nest)


def one_hot_index(values: np.ndarray) -> np.ndarray | None:
    """The index of the one in vectors [..., F], int [...], or None if a vector is not one-hot."""
    # Integers are rather categories side by side.
    if not values.ndim or values.shape[-1] < 2 or values.dtype.kind != "f":
        return None
    is_one_hot = (np.count_nonzero(values, axis=-1) == 1) & (values.max(axis=-1) == 1)
    return values.argmax(axis=-1) if is_one_hot.all() else None
