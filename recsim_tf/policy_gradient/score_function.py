"""The return of simulated sessions with the gradient of its expectation, by the score function."""

from collections.abc import Callable

import tensorflow as tf

from recsim_tf.core.draws import Recorded
from recsim_tf.core.simulator import Simulator
from recsim_tf.core.types import Observation, Trajectory


def score_function_return(
    simulator: Simulator,
    slate_log_prob: Callable[[Observation, tf.Tensor], tf.Tensor],
    trajectory: Trajectory,
    baseline: tf.Tensor | None = None,
) -> tf.Tensor:
    """The return of each session; the gradient of the mean is an unbiased estimate of that of the expected return.

    REINFORCE (Williams 1992) for everything that was drawn: the log-probability of each slate under the policy, and of each draw under
    the models, is differentiated times the reward from its step on, less a baseline. Rewards are differentiated as they stand, with the
    draws held fixed, so parameters may also act through the reward or through the states.

        policy = PlackettLucePolicy(item_logits, simulator.slate_size)
        trajectory = simulator.rollout(policy, num_users, num_steps, seed)
        with tf.GradientTape() as tape:
            loss = -tf.reduce_mean(score_function_return(simulator, policy.log_prob, trajectory))

    It is unbiased for all parameters of the policy. For one of the models it is so unless the parameter acts through a jump of a map: the
    gradient does not see that a rule of departure, `budget <= 0`, comes true at another step; that needs a hazard. Its variance grows with
    the number of steps; `relaxed_return` has less, and a bias.

    Args:
      simulator: that made the trajectory.
      slate_log_prob: maps an observation and a slate int32 [B, K] to log-probabilities [B].
      trajectory: of a rollout with `auto_reset=False`, [T, B, ...], with slates drawn from the policy at its present parameters.
      baseline: [T, B], subtracted from the reward from each step on; it may depend on the past of its row, not on what is drawn from that
        step on. By default the mean of the other rows, for which users must be independent; zero if there are none.

    Returns:
      The return of each session, [B], in the dtype of the rewards.

    Raises:
      ValueError: for an auto-reset trajectory, or a baseline of another shape.
    """
    if tf.nest.flatten(trajectory.newcomers):
        raise ValueError("trajectory must hold one session a row (auto_reset=False), got an auto-reset trajectory")
    rewards = trajectory.transitions.reward
    rewards_to_go = tf.cumsum(rewards, axis=0, reverse=True)
    mean_of_others = _mean_of_others(rewards_to_go)
    if baseline is None:
        baseline = mean_of_others
    elif baseline.shape != rewards.shape:
        raise ValueError(f"baseline must have shape {rewards.shape}, got {baseline.shape}")
    advantages = tf.stop_gradient(rewards_to_go - tf.cast(baseline, rewards.dtype))

    begun = Recorded(trajectory.initial._asdict(), score=True)
    simulator.begin(rewards.shape[1], begun)
    # A baseline of the caller may know the initial draws.
    initial = _sum(begun.log_probs, rewards.dtype) * tf.stop_gradient(rewards_to_go[0] - mean_of_others[0])

    def add(total, step, state, transition, log_probs):
        log_prob = _sum(log_probs, rewards.dtype) + tf.cast(slate_log_prob(simulator.observe(state), transition.slate), rewards.dtype)
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
