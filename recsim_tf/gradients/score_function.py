"""The return of simulated sessions with the gradient of its expectation, by the score function."""

import tensorflow as tf

from recsim_tf.core.simulator import Simulator
from recsim_tf.core.stages import Recorded, begin
from recsim_tf.core.types import Trajectory
from recsim_tf.policies.plackett_luce import PlackettLucePolicy


def score_function_return(
    simulator: Simulator,
    policy: PlackettLucePolicy,
    trajectory: Trajectory,
    baseline: tf.Tensor | None = None,
) -> tf.Tensor:
    """The return of each session; the gradient of the mean is an unbiased estimate of that of the
    expected return.

    REINFORCE (Williams 1992) for everything that was drawn: the log-probability of each action
    under the policy, and of each draw under the models, is differentiated times the reward from its
    step on, less a baseline. Rewards are differentiated as they stand, with the draws held fixed,
    so parameters may also act through the reward or through the states.

        trajectory = simulator.rollout(policy, num_users, num_steps, seed)
        with tf.GradientTape() as tape:
            loss = -tf.reduce_mean(score_function_return(simulator, policy, trajectory))

    The gradient is unbiased for all parameters of the policy. For a parameter of the models it is
    unbiased unless the parameter acts through a jump of a map. A rule of departure, `budget <= 0`,
    is such a jump: the gradient does not see that it comes true at another step, which needs a
    hazard. The return is that of the trajectory's T steps, and the variance of the gradient grows
    with T. The gradient of `relaxed_return` has less variance, and a bias.

    Args:
      simulator: that made the trajectory.
      policy: at the parameters with which it drew the trajectory's actions. Only its `log_prob` is
        used, (observation, action) -> [B]; an action is a slate, or a `Turn` where there is a
        `query_spec`.
      trajectory: of a rollout with `auto_reset=False`, [T, B, ...].
      baseline: [T, B], subtracted from the reward from each step on; it may depend on the past of
        its row, not on what is drawn from that step on. By default the mean of the other rows, for
        which users must be independent; zero if there are none.

    Returns:
      The return of each session, [B], in the dtype of the rewards.

    Raises:
      ValueError: for an auto-reset trajectory, or a baseline of another shape.
    """
    trajectory.require_single_session()
    trajectory.require_new_users()
    # A rollout under the same tape would let reparameterised draws move with their parameters, and
    # count these twice.
    trajectory = tf.nest.map_structure(tf.stop_gradient, trajectory)
    rewards = trajectory.transitions.reward
    rewards_to_go = tf.cumsum(rewards, axis=0, reverse=True)
    mean_of_others = _mean_of_others(rewards_to_go)
    if baseline is None:
        baseline = mean_of_others
    elif baseline.shape != rewards.shape:
        raise ValueError(f"baseline must have shape {rewards.shape}, got {baseline.shape}")
    advantages = rewards_to_go - tf.stop_gradient(tf.cast(baseline, rewards.dtype))

    begun = Recorded(trajectory.initial._asdict(), score=True)
    begin(simulator, rewards.shape[1], begun)
    # A baseline of the caller may depend on the initial draws, so it cannot serve for them.
    initial = _sum(begun.log_probs, rewards.dtype) * (rewards_to_go[0] - mean_of_others[0])

    def add(total, step, state, transition, log_probs):
        log_prob = _sum(log_probs, rewards.dtype) + tf.cast(
            policy.log_prob(simulator.observe(state), transition.action), rewards.dtype
        )
        # What is drawn for users who have left changes nothing.
        score = tf.where(transition.active, log_prob * advantages[step], 0)
        return total + transition.reward + _gradient_only(score)

    return simulator.retrace(trajectory, add, _gradient_only(initial), score=True)


def _mean_of_others(values):
    """For each [T, B] the mean over the other rows."""
    num_others = max(values.shape[1] - 1, 1)
    return (tf.reduce_sum(values, axis=1, keepdims=True) - values) / num_others


def _sum(log_probs, dtype):
    return tf.add_n([tf.cast(log_prob, dtype) for log_prob in log_probs.values()])


def _gradient_only(value):
    """Zero, with the gradient of `value`."""
    return value - tf.stop_gradient(value)
