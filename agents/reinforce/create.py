"""The slate policy gradient from a configuration."""

from collections.abc import Callable

import gin
import tensorflow as tf

from recsim_tf.adapters.tf_agents import SlateEnvironment
from recsim_tf.agents.reinforce.agent import ReinforceSlateAgent
from recsim_tf.agents.reinforce.networks import SlatePolicyNetwork, StateValueNetwork


@gin.configurable(module="recsim_tf.agents")
def create_reinforce(
    environment: SlateEnvironment,
    train_step_counter: tf.Variable,
    actor_network: Callable = SlatePolicyNetwork,
    value_network: Callable = StateValueNetwork,
    optimizer: Callable[[], tf.keras.optimizers.Optimizer] = tf.keras.optimizers.Adam,
    name: str = "REINFORCE",
) -> ReinforceSlateAgent:
    """Builds a `ReinforceSlateAgent`, whose other arguments come from its own gin bindings.

    Args:
      environment: gives the specs.
      train_step_counter: counts train steps.
      actor_network: builds the policy's network from the observation spec and the slate size.
      value_network: builds the value network from the observation spec.
      optimizer: builds the Keras optimizer.
      name: of the agent in tables and plots.
    """
    observation_spec, action_spec = environment.observation_spec(), environment.action_spec()
    return ReinforceSlateAgent(
        environment.time_step_spec(),
        action_spec,
        actor_network(observation_spec, action_spec.shape[0]),
        value_network(observation_spec),
        optimizer(),
        train_step_counter=train_step_counter,
        name=name,
    )
