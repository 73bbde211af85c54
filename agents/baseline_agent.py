"""A baseline as an agent of TF-Agents, so that a run can evaluate it as it evaluates what
learns.
"""

import gin
import tensorflow as tf
from tf_agents.agents import tf_agent
from tf_agents.agents.random import fixed_policy_agent

from recsim_tf.adapters.tf_agents import SlateEnvironment, TFSlatePolicy
from recsim_tf.core.types import Policy
from recsim_tf.policies.registry import BASELINE_NAMES, baseline_policy


class BaselineAgent(fixed_policy_agent.FixedPolicyAgent):
    """TF-Agents' agent with a fixed policy, around a rollout policy; training it changes nothing.

    Args:
      time_step_spec: of the environment.
      action_spec: of the environment.
      policy: a rollout policy.
      train_step_counter: counts train steps; by default the global step.
      name: of the agent in tables and plots.
      seed: of the policy, an integer or int32 [2].
    """

    def __init__(
        self,
        time_step_spec,
        action_spec,
        policy: Policy,
        train_step_counter: tf.Variable | None = None,
        name: str = "Baseline",
        seed=0,
    ):
        def slate_policy(time_step_spec, action_spec):
            return TFSlatePolicy(time_step_spec, action_spec, policy, seed=seed)

        super().__init__(
            time_step_spec, action_spec, slate_policy, train_step_counter=train_step_counter
        )
        self._display_name = name

    @property
    def name(self) -> str:
        """The name, which need not be an identifier as the name of a `tf.Module` must."""
        return self._display_name

    def _train(self, experience, weights=None):
        # A loss that a loop can carry: the base class has None in it.
        super()._train(experience, weights)
        return tf_agent.LossInfo(tf.zeros([]), ())


@gin.configurable(module="recsim_tf.agents")
def create_baseline(
    environment: SlateEnvironment,
    train_step_counter: tf.Variable,
    policy: str = "random",
    name: str | None = None,
) -> BaselineAgent:
    """Builds an agent that shows the slates of a baseline and does not learn.

    `recsim-tf train` with `experiment.create_agent = @create_baseline` and `train.num_iterations =
    0` evaluates it.

    Args:
      environment: of the simulator that the baseline is built for.
      train_step_counter: counts train steps.
      policy: one of `BASELINES`.
      name: of the agent in tables and plots, by default that of `BASELINE_NAMES`.

    Raises:
      ValueError: for an unknown policy, or if it is not one for this environment.
    """
    return BaselineAgent(
        environment.time_step_spec(),
        environment.action_spec(),
        baseline_policy(policy, environment.simulator),
        train_step_counter=train_step_counter,
        name=name or BASELINE_NAMES.get(policy, policy),
    )
