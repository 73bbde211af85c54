"""What a log holds of one session."""

from typing import NamedTuple

import tensorflow as tf

from recsim_tf.core.execution import compiled
from recsim_tf.core.simulator import Simulator
from recsim_tf.core.types import InitialDraws, Nest, StepDraws


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


def session_spec(simulator: Simulator, num_users: int = 1) -> Session:
    """The shapes and dtypes of a simulator's sessions: a `Session` of `tf.TensorSpec` without the
    time axis.

    Args:
      simulator: the simulator.
      num_users: B, where a parameter of the simulator is a tensor [B].
    """
    specs = []

    @compiled
    def trace(seed):
        slate = first_positions(simulator, num_users)
        trajectory = simulator.rollout(
            lambda observation, policy_state, seed: (slate, policy_state), num_users, 1, seed
        )
        observation = simulator.observe(simulator.initial_state(trajectory.initial))
        initial, user, documents = _row_specs(
            (trajectory.initial, observation.user, observation.documents), num_axes=1
        )
        transition = _row_specs(trajectory.transitions, num_axes=2)
        specs.append(
            Session(
                initial=initial,
                user=user,
                documents=documents,
                slate=transition.slate,
                draws=transition.draws,
                response=transition.response,
                reward=transition.reward,
                is_terminal=transition.terminated,
                is_truncated=transition.truncated,
            )
        )

    trace.get_concrete_function(tf.TensorSpec([2], tf.int32))
    return specs[0]


def _row_specs(nest: Nest, num_axes: int) -> Nest:
    return tf.nest.map_structure(
        lambda leaf: tf.TensorSpec(leaf.shape[num_axes:], leaf.dtype), nest
    )


def first_positions(simulator: Simulator, num_users: int) -> tf.Tensor:
    """A valid slate for every user, int32 [B, K]."""
    return tf.tile(tf.range(simulator.slate_size)[tf.newaxis], [num_users, 1])
