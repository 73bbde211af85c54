"""Policies that draw slates or turns from a distribution, for an agent that learns."""

from tf_agents.trajectories import policy_step

from recsim_tf.adapters.tf_agents import TFSlatePolicy
from recsim_tf.agents.shared.unrolled import Together
from recsim_tf.core import random
from recsim_tf.core.distributions import parts_of
from recsim_tf.policies.plackett_luce import PlackettLucePolicy


class CollectingPolicy(PlackettLucePolicy):
    """The policy of a network, whose state is that of all networks that learn from its actions.

    Args:
      networks: the first gives the distributions.
    """

    def __init__(self, networks: Together):
        super().__init__(lambda observation: networks.step(observation, ())[0][0])
        self._networks = networks

    def initial_state(self, num_users):
        return self._networks.initial_state(num_users)

    def decide(self, observation, policy_state):
        (distribution, *_), policy_state = self._networks.step(observation, policy_state)
        return distribution, policy_state


class TFDrawnSlatePolicy(TFSlatePolicy):
    """A `PlackettLucePolicy` as a TF-Agents policy that knows the distribution of its actions.

    With `emit_log_probability=True`, an argument of `TFPolicy`, its info is a `PolicyInfo` with the
    actions' log-probabilities [B].
    """

    def _distribution(self, time_step, policy_state):
        distribution, policy_state, info = self._decided(time_step, policy_state)
        return policy_step.PolicyStep(parts_of(distribution), policy_state, info)

    def _action(self, time_step, policy_state, seed):
        distribution, policy_state, info = self._decided(time_step, policy_state)
        action = random.sample(distribution, self._next_seed(seed))
        if self.emit_log_probability:
            info = policy_step.set_log_probability(info, distribution.log_prob(action))
        return policy_step.PolicyStep(action, policy_state, info)

    def _decided(self, time_step, policy_state):
        policy_state = self._begun(time_step, policy_state)
        info = self._info(policy_state)
        return *self.policy.decide(time_step.observation, policy_state), info
