"""A policy of TF-Agents that draws slates or turns from a distribution."""

from tf_agents.trajectories import policy_step

from recsim_tf.adapters.tf_agents import TFSlatePolicy
from recsim_tf.core import random
from recsim_tf.core.distributions import parts_of


class TFDrawnSlatePolicy(TFSlatePolicy):
    """A `PlackettLucePolicy` as a TF-Agents policy that knows the distribution of its actions.

    With `emit_log_probability=True`, an argument of `TFPolicy`, its info is a `PolicyInfo` with the
    actions' log-probabilities [B].
    """

    def _distribution(self, time_step, policy_state):
        distribution = self.policy.distribution(time_step.observation)
        return policy_step.PolicyStep(parts_of(distribution), policy_state)

    def _action(self, time_step, policy_state, seed):
        distribution = self.policy.distribution(time_step.observation)
        action = random.sample(distribution, self._next_seed(seed))
        info = ()
        if self.emit_log_probability:
            info = policy_step.set_log_probability(info, distribution.log_prob(action))
        return policy_step.PolicyStep(action, policy_state, info)
