# SPDX-License-Identifier: Apache-2.0
"""The return of simulated sessions with the gradient of its expectation, by the score function."""

from collections.abc import Iterable

import tensorflow as tf

from recsim_tf.core.base.arguments import checked, require
from recsim_tf.core.base.corpora import OF_CORPORA
from recsim_tf.core.base.types import Nest, Trajectory, Transition
from recsim_tf.core.simulator import Simulator
from recsim_tf.core.step.stages import Recorded, begin
from recsim_tf.policies.plackett_luce import PlackettLucePolicy
from recsim_tf.policies.stochastic import StochasticPolicy


@checked
def score_function_return(
    simulator: Simulator,
    policy: PlackettLucePolicy,
    trajectory: Trajectory,
    baseline: tf.Tensor | None = None,
) -> tf.Tensor:
    """The return of each session. The gradient of its mean is an unbiased estimate of the gradient
    of the expected return.

    This is REINFORCE (Williams 1992) for all draws. The log-probability of each action under the
    policy, and of each draw under the models, is differentiated times the reward from its step on,
    less a baseline. Rewards are differentiated with the draws held fixed, so parameters may also
    act through the reward or through the states. Users who share a corpus act on each other, so a
    draw is differentiated times the rewards of all users of its world.

        trajectory = simulator.rollout(policy, num_users, num_steps, seed)
        with tf.GradientTape() as tape:
            loss = -tf.reduce_mean(score_function_return(simulator, policy, trajectory))

    The gradient is unbiased for all parameters of the policy. For a parameter of the models it is
    unbiased unless the parameter acts through a jump of a map. A rule of departure, `budget <= 0`,
    is such a jump. The gradient ignores that a parameter can move the step at which it comes true;
    a hazard has no such jump. The return sums the T steps of the trajectory, and the variance of
    the gradient grows with T. The gradient of `relaxed_return` has less variance, and a bias.

    Args:
      simulator: the simulator that made the trajectory.
      policy: the policy with the parameters with which it drew the actions of the trajectory. Only
        its `decide` is used. An action is a slate, or a `Turn` where there is a `query_spec`. Its
        policy state is computed again, and differentiated.
      trajectory: a trajectory of a rollout with `auto_reset=False`, [T, B, ...].
      baseline: [T, B], subtracted from the reward from each step on. It may depend on the past of
        its row, or of its world, but not on draws from that step on. By default it is the mean of
        the other rows, or worlds, and zero if there are none.

    Returns:
      The return of each session, [B], in the dtype of the rewards.

    Raises:
      ValueError: for an argument of another type, an auto-reset trajectory, or a baseline of
        another shape.
    """
    require("policy", policy, StochasticPolicy)
    trajectory.require_single_session()
    trajectory.require_new_users()
    # A rollout under the same tape would let reparameterised draws move with their parameters, and
    # would count the parameters twice.
    trajectory = tf.nest.map_structure(tf.stop_gradient, trajectory)
    rewards = trajectory.transitions.reward
    corpora, num_users = simulator.corpora, rewards.shape[1]
    rewards_to_go = corpora.sums(tf.cumsum(rewards, axis=0, reverse=True))
    num_others = max(rewards_to_go.shape[1] - 1, 1)
    mean_of_others = tf.reduce_sum(rewards_to_go, axis=1, keepdims=True) - rewards_to_go
    mean_of_others /= num_others
    if baseline is None:
        baseline = mean_of_others
    else:
        baseline = tf.convert_to_tensor(baseline)
        if baseline.shape != rewards.shape:
            raise ValueError(f"baseline must have shape {rewards.shape}, got {baseline.shape}")
        baseline = corpora.sums(baseline)
    advantages = rewards_to_go - tf.stop_gradient(tf.cast(baseline, rewards.dtype))

    begun = Recorded(trajectory.initial._asdict(), score=True)
    begin(simulator, num_users, begun)

    def total(log_probs: Iterable[tf.Tensor], num_rows: int | tf.Tensor):
        terms = [tf.cast(each, rewards.dtype) for each in log_probs]
        return tf.add_n(terms) if terms else tf.zeros([num_rows], rewards.dtype)

    def score(log_probs: dict[str, tf.Tensor], active: tf.Tensor, advantage: tf.Tensor):
        """Zero, [B], with the gradient of log-probabilities by stage times the advantage [W]. Draws
        for users who have left, or for worlds that all users have left, do not count.
        """
        of_users, of_corpora = (
            total([each for stage, each in log_probs.items() if (stage in OF_CORPORA) == of], rows)
            for of, rows in ((False, num_users), (True, advantage.shape[0]))
        )
        nothing = tf.zeros([], rewards.dtype)
        of_corpora = tf.where(corpora.ended(~active), nothing, of_corpora)
        log_prob = tf.where(active, of_users, nothing)
        log_prob += corpora.at_first_users(of_corpora, num_users)
        weighted = log_prob * corpora.of_users(advantage, num_users)
        return weighted - tf.stop_gradient(weighted)

    # A given baseline may depend on the initial draws, so the mean of the others is used for them.
    initial = score(
        begun.log_probs, tf.ones([num_users], tf.bool), rewards_to_go[0] - mean_of_others[0]
    )

    def add(carry: Nest, step: tf.Tensor, state: Nest, transition: Transition, log_probs: dict):
        total, policy_state = carry
        actions, policy_state = policy.decide(simulator.observe(state), policy_state)
        log_probs = {**log_probs, "policy": actions.log_prob(transition.action)}
        total += transition.reward + score(log_probs, transition.active, advantages[step])
        return total, policy_state

    carry = initial, policy.initial_state(num_users)
    return simulator.retrace(trajectory, add, carry, score=True)[0]
