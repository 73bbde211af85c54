"""What is recorded of the sessions of some users: what they met, did and were, and why."""

from collections.abc import Sequence
from typing import Any, NamedTuple

import numpy as np
import tensorflow as tf

from recsim_tf.core import nests, random
from recsim_tf.core.acting import act
from recsim_tf.core.corpora import OF_CORPORA
from recsim_tf.core.execution import compiled
from recsim_tf.core.explanations import Explanation, explanation_of
from recsim_tf.core.simulator import Simulator
from recsim_tf.core.types import Nest, Trajectory, Transition
from recsim_tf.experiment.evaluation.evaluation import AnyPolicy, as_rollout
from recsim_tf.experiment.runs.errors import UsageError


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
        """int [U]: steps of each session."""
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
      simulator: the environment.
      policy: a rollout policy or a TF-Agents policy.
      users: the numbers of the users to keep, in [0, num_users).
      num_users: of the evaluation, on which its draws depend.
      max_steps: sessions still running then are cut off.
      seed: of the evaluation, an integer or int32 [2].

    Raises:
      UsageError: for an explanation of other shapes than `Explanation` says.
    """
    function, policy_state = as_rollout(policy, num_users)
    watched = _Watched(function, users, simulator.num_candidates)
    # The others of their worlds change what they meet.
    worlds, members = _worlds_of(users, simulator.corpora.size(num_users))

    def rows(nest, numbers=members):
        return tf.nest.map_structure(lambda leaf: tf.gather(leaf, numbers), nest)

    def rows_of_draws(draws):
        return draws._replace(
            **{
                field: rows(draw, worlds if field in OF_CORPORA else members)
                for field, draw in draws._asdict().items()
            }
        )

    def rows_of_step(transition):
        draws = rows_of_draws(transition.draws)
        return rows(transition._replace(draws=()))._replace(draws=draws)

    def empty_arrays(state):
        """Arrays for what a step gives, of which only the format is known yet."""
        policy_seed, step_seed = random.split_seed(random.as_seed(0), 2)
        slate, _ = act(watched, simulator.observe(state), policy_state, policy_seed)
        _, transition = simulator.step(state, slate, step_seed)
        arrays = tf.nest.map_structure(
            lambda leaf: tf.TensorArray(leaf.dtype, 0, dynamic_size=True, element_shape=leaf.shape),
            (rows_of_step(transition), watched.explanation),
        )
        return 0, arrays

    def add(carry, transition):
        step, arrays = carry
        # The policy has been called in this step, and in this graph.
        return step + 1, nests.write(arrays, step, (rows_of_step(transition), watched.explanation))

    @compiled
    def run(seed):
        begun = simulator.rollout(function, num_users, 1, seed, policy_state=policy_state)
        _, arrays = simulator.fold(
            watched, num_users, max_steps, seed, add, empty_arrays, policy_state=policy_state
        )
        return rows_of_draws(begun.initial), nests.stack(arrays)

    initial, (transitions, explanation) = run(random.as_seed(seed))
    # The others may have stayed longer.
    length = int(tf.math.count_nonzero(tf.reduce_any(transitions.active, axis=1)))
    transitions, explanation = tf.nest.map_structure(
        lambda leaf: leaf[:length], (transitions, explanation)
    )
    states, documents, candidates = _met(
        _of_users(simulator, worlds, members), Trajectory(initial, transitions, newcomers=())
    )
    places = [list(members).index(user) for user in users]
    transitions, states, documents, candidates = tf.nest.map_structure(
        lambda leaf: tf.gather(leaf, places, axis=1),
        (transitions._replace(draws=()), states, documents, candidates),
    )
    if not tf.is_tensor(explanation.labels):
        labels = np.array(watched.labels, object)
        explanation = explanation._replace(
            labels=np.broadcast_to(labels, [length, len(users), len(labels)])
        )
    return tf.nest.map_structure(
        _as_numpy,
        Recording(np.array(users), transitions, states, documents, candidates, explanation),
    )


class _Watched:
    """A policy whose last explanation can be read, in the graph in which it was called.

    Args:
      policy: with or without a state.
      users: whose explanations are kept.
      num_candidates: N.

    Attributes:
      explanation: of the last call, of [U, ...]; its labels are () where they are names.
      labels: the names.
    """

    def __init__(self, policy: Any, users: Sequence[int], num_candidates: int):
        self._policy = policy
        self._users = users
        self._num_candidates = num_candidates
        self.explanation = Explanation()
        self.labels: Sequence[str] = ()

    def __call__(self, observation, policy_state, seed):
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


def _met(simulator: Simulator, trajectory: Trajectory) -> tuple[Nest, Nest, Nest]:
    """The states of users, [T + 1, U, ...], the documents shown and the candidates, [T, U, ...]."""
    # The state after the last step is that in which one more would begin.
    longer = trajectory._replace(
        transitions=tf.nest.map_structure(
            lambda leaf: tf.concat([leaf, leaf[-1:]], axis=0), trajectory.transitions
        )
    )

    def met(state, transition):
        described = simulator.corpora.of_users(
            simulator.documents.describe(state.candidates, state.corpus),
            nests.batch_size(state.done),
        )
        return state.user, simulator.shown(state, transition).documents, described

    def write(arrays, step, state, transition, log_probs):
        del log_probs
        return nests.write(arrays, step, met(state, transition))

    @compiled
    def retrace():
        first = simulator.initial_state(longer.initial)
        format_of_step = met(first, nests.at_step(longer.transitions, 0))
        num_steps = longer.transitions.reward.shape[0]
        arrays = nests.arrays_like(format_of_step, num_steps)
        return nests.stack(simulator.retrace(longer, write, arrays, score=False))

    states, documents, candidates = retrace()
    return states, *tf.nest.map_structure(lambda leaf: leaf[:-1], (documents, candidates))


def _worlds_of(users: Sequence[int], size: int) -> tuple[np.ndarray, np.ndarray]:
    """The numbers of the worlds of these users, and of all users of those worlds of `size`."""
    worlds = np.array(list(dict.fromkeys(user // size for user in users)))
    return worlds, (worlds[:, np.newaxis] * size + np.arange(size)).reshape(-1)


def _of_users(simulator: Simulator, worlds: np.ndarray, users: np.ndarray) -> Simulator:
    """The simulator of some of its users, whose parameters may differ, and of all their worlds."""
    numbers = simulator.users_of_parameters()
    values = simulator.parameters()
    shared = simulator.documents.shared
    chosen = {
        name: tf.gather(values[name], worlds if shared and name.startswith("documents.") else users)
        for name in numbers
        if numbers[name] > 1
    }
    if shared:
        simulator = simulator.replaced(users_per_world=len(users) // len(worlds))
    if not chosen and simulator.num_users is None:
        return simulator
    of_any = simulator.replaced(num_users=None)
    return of_any.with_parameters(chosen)


def _as_numpy(leaf: Any) -> np.ndarray:
    return leaf.numpy() if tf.is_tensor(leaf) else leaf
