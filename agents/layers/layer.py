"""The layer between an environment and an agent: pure functions of a memory for each user."""

import tensorflow as tf

from recsim_tf.core.sessions import SessionSource
from recsim_tf.core.types import Nest, Observation


class Layer:
    """Changes what an agent sees, shows or is rewarded for. A subclass overrides what it changes.

    A layer keeps a memory of each user's session, all zeros at its start. At each step, with
    observation o of the environment below,

        memory = update(memory, o)
        slate = agent(augment(memory, o))
        cost(memory, o, slate), then memory, slate = act(memory, o, slate)

    and the slate goes to the environment below. `LayeredSimulator` runs this where an agent learns,
    so that replay holds what the agent saw; `LayeredPolicy` runs it where a policy acts on the
    environment itself.
    """

    # Steps of the environment below for each decision of the agent.
    steps_per_decision: int = 1
    # Discount of the rewards within a decision; see `TemporalAggregation`.
    gamma: float = 1.0

    def check(self, simulator: SessionSource) -> None:
        """Raises `ValueError` if the layer does not suit the environment below."""
        del simulator

    def memory_spec(self, observation_spec: Observation, slate_size: int) -> Nest:
        """Specs of the memory of one user; () where the layer remembers nothing.

        Args:
          observation_spec: of the environment below, for one user.
          slate_size: K.
        """
        del observation_spec, slate_size
        return ()

    def observation_spec(self, observation_spec: Observation) -> Observation:
        """Specs of what the agent sees of one user, from those of the environment below."""
        return observation_spec

    def update(self, memory: Nest, observation: Observation) -> Nest:
        """The memory [B, ...] after the environment below showed an observation, before the agent
        chooses.
        """
        del observation
        return memory

    def augment(self, memory: Nest, observation: Observation) -> Observation:
        """What the agent sees."""
        del memory
        return observation

    def act(
        self, memory: Nest, observation: Observation, slate: tf.Tensor
    ) -> tuple[Nest, tf.Tensor]:
        """The memory after the agent chose a slate int32 [B, K], and the slate that is shown
        instead.
        """
        del observation
        return memory, slate

    def cost(self, memory: Nest, observation: Observation, slate: tf.Tensor) -> tf.Tensor | None:
        """What is taken off the agent's reward for choosing this slate, float32 [B], or None for
        nothing.
        """
        del memory, observation, slate
        return None
