"""A policy of TF-Agents that draws slates from a distribution."""

from tf_agents.trajectories import policy_step

from recsim_tf.adapters.tf_agents import TFSlatePolicy
from recsim_tf.core import random


class TFDrawnSlatePolicy(TFSlatePolicy):
    """A `PlackettLucePolicy` as a TF-Agents policy that knows the distribution of its slates.

    With `emit_log_probability=True`, an argument of `TFPolicy`, its info is a `PolicyInfo` with the
    slates' log-probabilities [B].
    """

    def _distribution(self, time_step, policy_state):
        return policy_step.PolicyStep(self.policy.distribution(time_step.observation), policy_state)

    def _action(self, time_step, policy_state, seed):
        distribution = self.policy.distribution(time_step.observation)
        slate = random.sample(distribution, self._next_seed(seed))
        info = ()
        if self.emit_log_probability:
            info = policy_step.set_log_probability(info, distribution.log_prob(slate))
        return policy_step.PolicyStep(slate, policy_state, info)
