# SPDX-License-Identifier: Apache-2.0
"""Calls of policies."""

from typing import Any

import tensorflow as tf

from recsim_tf.core import nests
from recsim_tf.core.base.arguments import kind_of
from recsim_tf.core.base.parameters import Model
from recsim_tf.core.base.types import Nest, Observation, Policy


def check_policy(policy: Policy) -> None:
    """Raises a `ValueError` if a policy cannot be called."""
    if not callable(policy):
        raise ValueError(
            "policy must be a function (observation, policy_state, seed) -> (action, policy_state),"
            f" got {policy!r}"
        )
    if isinstance(policy, type):
        raise ValueError(f"policy must be an object, got {kind_of(policy)}")


def check_users(name: str, policy: Model, num_users: int | tf.Tensor) -> None:
    """Requires parameters of a policy that have several values to have one for each user. A saved
    policy does not know the number of users, and checks nothing.

    Raises:
      ValueError: if the number of values is not the number of users.
    """
    for parameter, number in policy.users_of_parameters().items():
        if isinstance(num_users, int) and number not in (1, num_users):
            raise ValueError(
                f"{parameter} of {name} must be one value, or one for each of the num_users="
                f"{num_users}, got {number}"
            )


def act(
    policy: Policy,
    observation: Observation,
    policy_state: Nest,
    seed: tf.Tensor,
    name: str = "policy",
) -> tuple[Nest, Nest]:
    """A policy's action, a slate or a `Turn`, and its next state in the format of the given state.

    Raises:
      ValueError: if the policy does not return them, or if it is a model whose parameters are for
        another number of users.
    """
    if isinstance(policy, Model):
        check_users(name, policy, nests.num_rows(observation))
    try:
        result = policy(observation, policy_state, seed)
    except NotImplementedError as error:
        # TensorFlow raises this error where NumPy is called in a graph.
        raise ValueError(
            f"{name} must compute with TensorFlow; policies.numpy_policy(function, slate_size)"
            f" makes a policy of a function that computes with NumPy: {error}"
        ) from error
    if not isinstance(result, tuple | list) or len(result) != 2:
        raise ValueError(
            f"{name} must return (action, policy_state), got {type(result).__name__}"
            + (f" of {len(result)}" if isinstance(result, tuple | list) else "")
        )
    action, next_state = result
    if not _is_like(policy_state, next_state):
        raise ValueError(
            f"{name} must return a policy_state in the format of the given policy_state,"
            f" {_format(policy_state)}, got {_format(next_state)}: a policy with a state has a"
            " method initial_state, or rollout takes policy_state="
        )
    return action, next_state


def _is_like(before: Nest, after: Nest) -> bool:
    """Tells whether nests have the same structure, and tensors of the same dtypes and shapes."""
    try:
        tf.nest.assert_same_structure(before, after)
        tensors = [map(tf.convert_to_tensor, tf.nest.flatten(state)) for state in (before, after)]
        return all(
            left.dtype == right.dtype and left.shape.is_compatible_with(right.shape)
            for left, right in zip(*tensors, strict=True)
        )
    except (TypeError, ValueError):
        return False


def _format(state: Nest) -> str:
    """The structure of a nest, and the dtypes and shapes of its tensors."""

    def of_leaf(leaf: Any):
        if leaf is None:
            return "None"
        tensor = tf.convert_to_tensor(leaf)
        return f"{tensor.dtype.name}{tensor.shape}"

    return str(tf.nest.map_structure(of_leaf, state))
