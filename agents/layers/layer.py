"""The layer between an environment and an agent: pure functions of a memory for each user."""

from collections.abc import Sequence

import numpy as np
import tensorflow as tf

from recsim_tf.core import turns
from recsim_tf.core.bounds import BoundedTensorSpec
from recsim_tf.core.sessions import SessionSource
from recsim_tf.core.turns import ActionFormat
from recsim_tf.core.types import Nest, Observation


class Layer:
    """Changes what an agent sees, shows or is rewarded for. A subclass overrides what it changes.

    A layer keeps a memory of each user's session, all zeros at its start. At each step, with
    observation o of the environment below,

        memory = update(memory, o)
        action = agent(augment(memory, o))
        cost(memory, o, action), then memory, action = act(memory, o, action)

    and the action goes to the environment below. An action is a slate int32 [B, K], or a `Turn`
    where there is a `query_spec`. `LayeredSimulator` runs this where an agent learns,
    so that replay holds what the agent saw; `LayeredPolicy` runs it where a policy acts on the
    environment itself.
    """

    # Steps of the environment below for each decision of the agent.
    steps_per_decision: int = 1
    # Discount of the rewards within a decision; see `TemporalAggregation`.
    gamma: float = 1.0

    def check(self, simulator: SessionSource) -> None:
        """Raises `ValueError` if the layer does not suit the environment below."""

    def action_format(self, below: ActionFormat) -> ActionFormat:
        """What the agent chooses, from what the environment below takes; by default the same.

        A layer that gives another format makes an action of the format below in `act`. The agent
        chooses among the documents that it sees, so `augment` then shows it other ones.
        """
        return below

    def memory_spec(self, observation_spec: Observation, actions: ActionFormat) -> Nest:
        """Specs of the memory of one user; () where the layer remembers nothing. Arguments are the
        specs of the environment below, for one user, and the actions of the agent.
        """
        return ()

    def observation_spec(self, observation_spec: Observation, actions: ActionFormat) -> Observation:
        """Specs of what the agent sees of one user; arguments as of `memory_spec`."""
        return observation_spec

    def update(self, memory: Nest, observation: Observation) -> Nest:
        """The memory [B, ...] with what the environment below shows, before the agent chooses."""
        return memory

    def augment(self, memory: Nest, observation: Observation) -> Observation:
        """What the agent sees."""
        return observation

    def act(self, memory: Nest, observation: Observation, action: Nest) -> tuple[Nest, Nest]:
        """The memory after the agent chose an action, and the action that is taken instead."""
        return memory, action

    def cost(self, memory: Nest, observation: Observation, action: Nest) -> tf.Tensor | None:
        """The cost of this action to the agent, float32 [B], or None for nothing."""
        return None


def or_zeros(spec: tf.TensorSpec, shape: Sequence[int]) -> BoundedTensorSpec:
    """A spec of that shape whose range holds zero too, which stands for what is not there."""
    low, high = (np.asarray(limit) for limit in turns.limits(spec))
    return BoundedTensorSpec(shape, spec.dtype, low.min(initial=0), high.max(initial=0), spec.name)
