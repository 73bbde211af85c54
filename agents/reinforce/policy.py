"""A policy that draws slates from a distribution."""

import tensorflow as tf
from tf_agents.policies import tf_policy
from tf_agents.trajectories import policy_step

from recsim_tf import replicas
from recsim_tf.core import random


class DrawnSlatePolicy(tf_policy.TFPolicy):
    """Shows slates drawn from the distribution that a network gives.

    Randomness comes from the `seed` of `action` if it is an int32 [2] tensor, else from a variable
    of the policy, which a checkpoint holds.

    Args:
      time_step_spec: of the environment.
      action_spec: of the environment.
      network: gives (distribution of slates int32 [B, K], state), as `SlatePolicyNetwork`.
      emit_log_probability: whether the policy's info is a `PolicyInfo` with the slates'
        log-probabilities [B].
      seed: an integer or int32 [2].
    """

    def __init__(
        self,
        time_step_spec,
        action_spec,
        network,
        emit_log_probability: bool,
        seed=0,
        name: str = "DrawnSlatePolicy",
    ):
        super().__init__(
            time_step_spec,
            action_spec,
            clip=False,
            emit_log_probability=emit_log_probability,
            name=name,
        )
        self._network = network
        with tf.init_scope():
            self._seed = replicas.seed_variable(seed, name="seed")

    def _variables(self):
        return [*self._network.variables, self._seed]

    def _distribution(self, time_step, policy_state):
        distribution, _ = self._network(time_step.observation)
        return policy_step.PolicyStep(distribution, policy_state)

    def _action(self, time_step, policy_state, seed):
        if seed is None:
            next_seed, seed = random.split_seed(self._seed, 2)
            self._seed.assign(next_seed)
        step = self._distribution(time_step, policy_state)
        slate = random.sample(step.action, seed)
        info = ()
        if self.emit_log_probability:
            info = policy_step.set_log_probability(info, step.action.log_prob(slate))
        return policy_step.PolicyStep(slate, policy_state, info)
