# SPDX-License-Identifier: Apache-2.0
"""Networks on experience, with or without a memory."""

from typing import Any

import tensorflow as tf
from tf_agents.networks.network import Network
from tf_agents.trajectories import trajectory as tf_trajectory

from recsim_tf.adapters.tf_agents import PolicyInfo
from recsim_tf.core import nests
from recsim_tf.core.base.types import Nest, Observation
from recsim_tf.policies import fields


def has_memory(network: Network) -> bool:
    """True if a network has a state."""
    return bool(tf.nest.flatten(network.state_spec))


def unrolled(
    network: Network, experience: tf_trajectory.Trajectory, state: Nest, training: bool = False
) -> Any:
    """The results of a network for each frame of experience [B, T].

    Args:
      network: a network that returns (result, state).
      experience: any frames of sessions, [B, T].
      state: the state of the network before the first frames, () without a memory.

    Returns:
      The result, of batch shape [B, T] with a memory; else of [B * T], users first.
    """
    if not has_memory(network):
        return network(nests.merge_outer(experience.observation), training=training)[0]
    return network(experience.observation, experience.step_type, state, training=training)[0]


def unrolled_flat(
    network: Network, experience: tf_trajectory.Trajectory, state: Nest, training: bool = False
) -> Nest:
    """The results of `unrolled` for a network that returns tensors: [B * T, ...], users first."""
    result = unrolled(network, experience, state, training)
    return nests.merge_outer(result) if has_memory(network) else result


def first_state(experience: tf_trajectory.Trajectory) -> Nest:
    """The policy state in the info of the first frames of experience [B, T], or ()."""
    info = experience.policy_info
    state = info.policy_state if isinstance(info, PolicyInfo) else ()
    return tf.nest.map_structure(lambda leaf: leaf[:, 0], state)


class NetworkGroup:
    """Networks that observe the same sessions. Their joint state is the tuple of their states, or
    () if none of them has a memory.

    Args:
      *networks: networks that return (result, state), or None.

    Attributes:
      have_memory: whether any of them has a memory.
      present: the networks that are not None.
      state_spec: spec of their joint state for a user.
    """

    def __init__(self, *networks: Network | None):
        self._networks = networks
        self.present = [network for network in networks if network is not None]
        self._specs = tuple(() if each is None else each.state_spec for each in networks)
        self.have_memory = bool(tf.nest.flatten(self._specs))
        self.state_spec = self._specs if self.have_memory else ()

    def initial_state(self, num_users: int) -> Nest:
        return fields.zeros(self.state_spec, num_users)

    def step(self, observation: Observation, state: Nest = ()) -> tuple[list, Nest]:
        """The results of the networks for a step of B users, None for None, and the next state."""
        states = self.states(state)
        steps = [
            (None, ()) if network is None else network(observation, network_state=network_state)
            for network, network_state in zip(self._networks, states, strict=True)
        ]
        results, states = zip(*steps, strict=True)
        return list(results), states if self.have_memory else ()

    def states(self, state: Nest) -> tuple:
        """The states of the networks from their joint state."""
        return state if self.have_memory else self._specs
