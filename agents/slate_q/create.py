"""SlateQ from a configuration."""

from collections.abc import Callable

import gin
import tensorflow as tf

from recsim_tf.adapters.tf_agents import SlateEnvironment
from recsim_tf.agents.slate_q.agent import SlateQAgent
from recsim_tf.agents.slate_q.network import SlateQNetwork


@gin.configurable(module="recsim_tf.agents")
def create_slate_q(
    environment: SlateEnvironment,
    train_step_counter: tf.Variable,
    network: Callable = SlateQNetwork,
    optimizer: Callable[[], tf.keras.optimizers.Optimizer] = tf.keras.optimizers.Adam,
    choice_network: Callable | None = None,
    name: str = "SlateQ",
) -> SlateQAgent:
    """Builds a `SlateQAgent`, whose other arguments come from its own gin bindings.

    Args:
      environment: gives the specs.
      train_step_counter: counts train steps.
      network: builds the Q-network from the observation spec.
      optimizer: builds the Keras optimizer.
      choice_network: builds the choice network from the observation spec, for choice_scores="learned".
      name: of the agent in tables and plots.
    """
    observation_spec = environment.observation_spec()
    return SlateQAgent(
        environment.time_step_spec(),
        environment.action_spec(),
        network(observation_spec),
        optimizer(),
        choice_network=None if choice_network is None else choice_network(observation_spec),
        train_step_counter=train_step_counter,
        name=name,
    )
