"""What a log holds of one session."""

from typing import NamedTuple

import tensorflow as tf

from recsim_tf.core import turns
from recsim_tf.core.execution import compiled
from recsim_tf.core.simulator import Simulator
from recsim_tf.core.stages import OneSource
from recsim_tf.core.types import InitialDraws, Nest, Seed, StepDraws, Transition


class Session(NamedTuple):
    """One session of T steps: an element of a log."""

    initial: InitialDraws  # nests of [...]
    user: Nest  # nest of [T, ...], observed before the slate
    documents: Nest  # nest of [T, N, ...], observed before the slate
    slate: tf.Tensor  # int32 [T, K]
    draws: StepDraws  # nests of [T, ...]
    response: Nest  # nest of [T, K, ...]
    reward: tf.Tensor  # [T]
    is_terminal: tf.Tensor  # bool [T]
    is_truncated: tf.Tensor  # bool [T]
    query: Nest = ()  # nest of [T, ...], () where the simulator has no `query_spec`

    @classmethod
    def of(cls, initial: Nest, user: Nest, documents: Nest, transitions: Transition) -> "Session":
        """From initial draws, what was observed, and transitions, with any leading axes."""
        return cls(
            initial=initial,
            user=user,
            documents=documents,
            slate=transitions.slate,
            draws=transitions.draws,
            response=transitions.response,
            reward=transitions.reward,
            is_terminal=transitions.terminated,
            is_truncated=transitions.truncated,
            query=transitions.query,
        )


def session_spec(simulator: Simulator, num_users: int = 1) -> Session:
    """The shapes and dtypes of a simulator's sessions: a `Session` of `tf.TensorSpec` without the
    time axis.

    Args:
      simulator: the simulator.
      num_users: B, where a parameter of the simulator is a tensor [B].
    """
    if simulator.documents.shared:
        # A session has the shapes of any world.
        simulator = simulator.replaced(users_per_world=1)
    specs = []

    @compiled
    def trace(seed: Seed):
        answers = OneSource(seed)
        initial = simulator.begin(num_users, answers)
        state = simulator.initial_state(initial)
        action = turns.some_turn(simulator, num_users).action
        _, transition, _ = simulator.advance(state, action, answers)
        observation = simulator.observe(state)
        session = initial, observation.user, observation.documents, transition
        specs.append(Session.of(*_row_specs(session)))

    trace.get_concrete_function(tf.TensorSpec([2], tf.int32))
    return specs[0]


def _row_specs(nest: Nest) -> Nest:
    """Of a nest of [B, ...]."""
    return tf.nest.map_structure(lambda leaf: tf.TensorSpec(leaf.shape[1:], leaf.dtype), nest)
