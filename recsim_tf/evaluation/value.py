# SPDX-License-Identifier: Apache-2.0
"""The returns of a policy in a model of the users."""

from collections.abc import Callable, Mapping

import numpy as np
import tensorflow as tf

from recsim_tf.core import random
from recsim_tf.core.base.arguments import Count, Fraction, checked
from recsim_tf.core.base.types import Seed, SimulatorState, Transition
from recsim_tf.core.runs.execution import compiled, traced_call
from recsim_tf.core.simulator import Simulator
from recsim_tf.evaluation.baselines import AnyPolicy, as_rollout
from recsim_tf.evaluation.comparison import paired_draws
from recsim_tf.logs.cuts import Ends

# (simulator, number of users, seed) -> the states in which sessions begin, or None
Start = Callable[[Simulator, int, Seed], SimulatorState | None]


@checked
def value(
    simulator: Simulator,
    policy: AnyPolicy,
    num_sessions: Count,
    num_steps: Count,
    seed: int = 0,
    *,
    gamma: Fraction = 1.0,
    draws: Mapping[str, np.ndarray] | None = None,
    start: Start | None = None,
    ends: Ends | None = None,
) -> np.ndarray:
    """The returns of simulated sessions under a policy, float64 [B], in units of reward. Policies
    get the same users, and the same noise as long as they show the same slates.

    Args:
      simulator: the simulator of the users.
      policy: a rollout policy, or a policy of TF-Agents.
      num_sessions: number of sessions B.
      num_steps: number of steps T, after which sessions are cut off.
      seed: an integer.
      gamma: discount of each step, in [0, 1], which multiplies that of the users.
      draws: draws [D, ...] of parameters of the simulator, by name. Each draw gets the same users
        and noise. The result is then [D, B].
      start: a function that returns the states in which sessions begin; None to draw users.
      ends: the step or day after which rewards of a session do not count; None for all T steps.

    Raises:
      ValueError: for an argument of another type or out of range, draws of different lengths, and
        parameters that the simulator does not have.
    """
    num_draws = 1
    if draws is not None:
        lengths = {len(each) for each in draws.values()} or {1}
        if len(lengths) > 1:
            raise ValueError(f"draws must have one length, got {sorted(lengths)}")
        (num_draws,) = lengths
    rows = num_draws * num_sessions
    if draws:
        simulator = paired_draws(simulator, draws, num_sessions)
    function, policy_state = as_rollout(policy, rows)
    ends = ends or Ends(np.full(num_sessions, num_steps))
    last, last_day = (np.tile(end, num_draws) for end in ends)

    def add(carry: tuple, transition: Transition):
        total, factor, step, day = carry
        counts = transition.active & (step < last)
        if last_day.size:
            counts &= day < tf.constant(last_day, tf.float32)
            day += tf.maximum(tf.cast(transition.draws.innovation.visit.days, tf.float32), 0.0)
        total += tf.where(counts, factor * tf.cast(transition.reward, tf.float32), 0)
        # The discount is not 0 when a user leaves, since the user is inactive from then on.
        discount = transition._replace(terminated=tf.zeros_like(transition.terminated)).discount
        return total, gamma * factor * discount, step + 1, day

    begun = tf.zeros([rows]), tf.ones([rows]), tf.constant(0), tf.zeros([rows])

    @compiled(user_steps=0)
    def run(seed: tf.Tensor) -> tf.Tensor:
        state = None if start is None else start(simulator, rows, random.split_seed(seed, 3)[2])
        return simulator.fold(
            function, rows, num_steps, seed, add, begun, policy_state=policy_state, state=state
        )[0]

    if not draws:
        return traced_call(run, random.as_seed(seed)).numpy().astype(np.float64)
    with random.paired(num_draws, 1):
        returns = traced_call(run, random.as_seed(seed)[tf.newaxis])
    return returns.numpy().astype(np.float64).reshape(num_draws, num_sessions)
