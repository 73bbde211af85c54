"""SlateQ from a configuration."""

from collections.abc import Callable

import gin
import tensorflow as tf

from recsim_tf.adapters.tf_agents import SlateEnvironment
from recsim_tf.agents.slate_q.agent import SlateQAgent
from recsim_tf.agents.slate_q.network import SlateQNetwork
from recsim_tf.agents.slate_q.presets import preset_arguments


@gin.configurable(module="recsim_tf.agents")
def create_slate_q(
    environment: SlateEnvironment,
    train_step_counter: tf.Variable,
    network: Callable = SlateQNetwork,
    optimizer: Callable[[], tf.keras.optimizers.Optimizer] = tf.keras.optimizers.Adam,
    choice_network: Callable | None = None,
    preset: str | None = None,
    name: str = "SlateQ",
) -> SlateQAgent:
    """Builds a `SlateQAgent`, whose other arguments come from its own gin bindings.

    The arguments that a preset names are passed on, so that they win over gin bindings of the
    agent. RecSim's agents also have a no-click value of zero, which is the network's:
    `SlateQNetwork.no_click = "zero"`, and by default gamma 0.99 and an eval_epsilon of 0.001.

    Args:
      environment: gives the specs.
      train_step_counter: counts train steps.
      network: builds the Q-network from the observation spec.
      optimizer: builds the Keras optimizer.
      choice_network: builds the choice network from the observation spec, for
        choice_scores="learned".
      preset: one of `PRESETS`, RecSim 0.2.4's names of slate optimiser and target, such as
        "slate_greedy_optimal_q"; or None.
      name: of the agent in tables and plots.

    Raises:
      ValueError: for an unknown preset, or an argument that `SlateQAgent` refuses.
    """
    arguments = {} if preset is None else preset_arguments(preset)
    observation_spec = environment.observation_spec()
    return SlateQAgent(
        environment.time_step_spec(),
        environment.action_spec(),
        network(observation_spec),
        optimizer(),
        choice_network=None if choice_network is None else choice_network(observation_spec),
        train_step_counter=train_step_counter,
        name=name,
        **arguments,
    )
