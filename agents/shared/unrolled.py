"""Networks on experience, also those with a memory."""

from typing import Any

import tensorflow as tf
from tf_agents.networks.network import Network
from tf_agents.trajectories import trajectory as tf_trajectory

from recsim_tf.adapters.tf_agents import PolicyInfo
from recsim_tf.core import nests
from recsim_tf.core.base.types import Nest, Observation
from recsim_tf.policies import fields


def has_memory(network: Network) -> bool:
    """Whether a network has a state."""
    return bool(tf.nest.flatten(network.state_spec))


def unrolled(
    network: Network, experience: tf_trajectory.Trajectory, state: Nest, training: bool = False
) -> Any:
    """What a network gives for each frame of experience [B, T].

    Args:
      network: gives (result, state).
      experience: [B, T], of any frames of sessions.
      state: of the network before the first frames, () without a memory.

    Returns:
      Of batch shape [B, T] with a memory; else of [B * T], users first.
    """
    if not has_memory(network):
        return network(nests.merge_outer(experience.observation), training=training)[0]
    return network(experience.observation, experience.step_type, state, training=training)[0]


def unrolled_flat(
    network: Network, experience: tf_trajectory.Trajectory, state: Nest, training: bool = False
) -> Nest:
    """`unrolled` where the network gives tensors: a nest of [B * T, ...], users first."""
    result = unrolled(network, experience, state, training)
    return nests.merge_outer(result) if has_memory(network) else result


def first_state(experience: tf_trajectory.Trajectory) -> Nest:
    """The policy state in the info of the first frames of experience [B, T], or ()."""
    info = experience.policy_info
    state = info.policy_state if isinstance(info, PolicyInfo) else ()
    return tf.nest.map_structure(lambda leaf: leaf[:, 0], state)


class NetworkGroup:
    """Networks that see the same sessions. Their state is the tuple of their states; it is () where
    none of them has a memory.

    Args:
      *networks: each gives (result, state), or is None.

    Attributes:
      have_memory: whether one of them has a memory.
      present: those that are not None.
      state_spec: of their state, for one user.
    """

    def __init__(self, *networks: Network | None):
        self._networks = networks
        self.present = [one for one in networks if one is not None]
        self._specs = tuple(() if one is None else one.state_spec for one in networks)
        self.have_memory = bool(tf.nest.flatten(self._specs))
        self.state_spec = self._specs if self.have_memory else ()

    def initial_state(self, num_users: int) -> Nest:
        return fields.zeros(self.state_spec, num_users)

    def step(self, observation: Observation, state: Nest = ()) -> tuple[list, Nest]:
        """Results of the networks for a step of B users, None for None, and the next state."""
        states = self.states(state)
        steps = [
            (None, ()) if network is None else network(observation, network_state=own)
            for network, own in zip(self._networks, states, strict=True)
        ]
        results, states = zip(*steps, strict=True)
        return list(results), states if self.have_memory else ()

    def states(self, state: Nest) -> tuple:
        """The states of the networks, of their common one."""
        return state if self.have_memory else self._specs
