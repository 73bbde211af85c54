"""Calls of policies."""

import tensorflow as tf

from recsim_tf.core.types import Nest, Observation, Policy


def check_policy(policy: Policy) -> None:
    """Raises a `ValueError` for what cannot be called."""
    if not callable(policy):
        raise ValueError(
            "policy must be a function (observation, policy_state, seed) -> (slate, policy_state),"
            f" got {policy!r}"
        )


def act(
    policy: Policy, observation: Observation, policy_state: Nest, seed: tf.Tensor
) -> tuple[tf.Tensor, Nest]:
    """A policy's slate and its next state, of the structure of the given one.

    Raises:
      ValueError: if the policy returns something else.
    """
    result = policy(observation, policy_state, seed)
    if not isinstance(result, tuple | list) or len(result) != 2:
        raise ValueError(
            f"policy must return (slate, policy_state), got {type(result).__name__}"
            + (f" of {len(result)}" if isinstance(result, tuple | list) else "")
        )
    slate, next_state = result
    try:
        tf.nest.assert_same_structure(policy_state, next_state)
    except (TypeError, ValueError) as error:
        structures = [
            tf.nest.map_structure(lambda leaf: type(leaf).__name__, state)
            for state in (policy_state, next_state)
        ]
        raise ValueError(
            "policy must return a policy_state of the structure of the one that it was given,"
            f" {structures[0]}, got {structures[1]}: a policy with a state has a method"
            " initial_state, or rollout takes policy_state="
        ) from error
    return slate, next_state
