# SPDX-License-Identifier: Apache-2.0
"""Rollouts: sessions under a policy, in one loop."""

from collections.abc import Callable
from typing import Any, NamedTuple

import tensorflow as tf

from recsim_tf.core import nests, random
from recsim_tf.core.base.types import (
    InitialDraws,
    Nest,
    Seed,
    SimulatorState,
    Trajectory,
    Transition,
    initial_policy_state,
)
from recsim_tf.core.runs.draws import Ahead
from recsim_tf.core.step import stages, steps, turns
from recsim_tf.core.step.acting import act
from recsim_tf.core.step.stages import Models, Sampled


class Call(NamedTuple):
    """The arguments of `Simulator.rollout`."""

    policy: Any
    num_users: int
    num_steps: int
    seed: Seed
    auto_reset: bool
    policy_state: Nest | None
    state: SimulatorState | None


class Loop:
    """Users who meet a policy, step by step.

    Args:
      models: the models of the simulation.
      call: the policy, the number of users and steps, and how the sessions begin.

    Attributes:
      first: the draws, or the state, with which the sessions begin.
      state: the state with which the sessions begin.
      record: the specs of a transition and of the draws of new users.
    """

    def __init__(self, models: Models, call: Call):
        self._models, self._call = models, call
        initial_seed, loop_seed = random.split_seed(call.seed, 2)
        self._seed, self._noise_seed = random.split_seed(loop_seed, 2)
        self.first: InitialDraws | SimulatorState
        if call.state is None:
            self.first = stages.begin(
                models, call.num_users, Sampled(initial_seed, InitialDraws._fields)
            )
        else:
            _check_state(call.state, call.num_users)
            self.first = call.state
        self.state = steps.initial_state(models, self.first)
        # A policy state that comes with a state belongs to the middle of sessions.
        if call.policy_state is None or call.state is not None:
            self._first_policy_state = initial_policy_state(call.policy, call.num_users)
        else:
            self._first_policy_state = call.policy_state
        self._policy_state = (
            self._first_policy_state if call.policy_state is None else call.policy_state
        )
        action = turns.some_turn(models, call.num_users).action
        self._ahead = Ahead(
            lambda answers: steps.advance(models, self.state, action, answers, call.auto_reset),
            call.num_users,
        )
        self.record = self._ahead.record

    def run(
        self,
        function: Callable[[Nest, tuple[Transition, Nest], tf.Tensor], Nest],
        carry: Nest,
        early_exit: bool = False,
    ) -> Nest:
        """Runs the steps of the call.

        Args:
          function: (carry, (transition, draws of new users), step) -> carry.
          carry: the first carry.
          early_exit: whether to stop when all users have left.

        Returns:
          The last carry.
        """

        def goes_on(step: tf.Tensor, state: SimulatorState, *_):
            return ~tf.reduce_all(state.done) if early_exit else tf.constant(True)

        # On an accelerator, deriving seeds inside the loop would take half of its kernels.
        seeds = random.derived_seeds(self._seed, self._call.num_steps, 1 + Ahead.SEEDS_OF_STEP)

        def body(step, state, policy_state, noise, carry):
            policy_seed, *draw_seeds = tf.unstack(seeds[..., step, :, :], axis=-2)
            observation = steps.observe(self._models, state)
            action, policy_state = act(self._call.policy, observation, policy_state, policy_seed)
            answers = self._ahead.step(noise, draw_seeds)
            next_state, transition, newcomers = steps.advance(
                self._models, state, action, answers, self._call.auto_reset
            )
            if self._call.auto_reset:
                ended = transition.terminated | transition.truncated
                policy_state = nests.where(ended, self._first_policy_state, policy_state)
            else:
                next_state = self._models.corpora.keep_ended(state, next_state)
            carry = function(carry, (transition, newcomers), step)
            return step + 1, next_state, policy_state, answers.carried, carry

        noise = self._ahead.begin(self._noise_seed)
        loop_vars = (0, self.state, self._policy_state, noise, carry)
        # By default the random draws of ten steps run ahead of the users, which takes three times
        # the memory and more time.
        return tf.while_loop(
            goes_on, body, loop_vars, parallel_iterations=1, maximum_iterations=self._call.num_steps
        )[-1]


def rollout(models: Models, call: Call) -> Trajectory:
    """Simulates users and keeps every draw; see `Simulator.rollout`."""
    loop = Loop(models, call)

    def write(arrays: Nest, record: tuple[Transition, Nest], step: tf.Tensor):
        return nests.write(arrays, step, record)

    written = loop.run(write, nests.arrays_like(loop.record, call.num_steps))
    transitions, newcomers = nests.stack(written)
    return Trajectory(loop.first, transitions, newcomers)


def fold(
    models: Models,
    call: Call,
    function: Callable[[Nest, Transition], Nest],
    initial: Nest | Callable[[SimulatorState], Nest],
) -> Nest:
    """Simulates users and folds each transition into a carry; see `Simulator.fold`."""
    loop = Loop(models, call)

    def update(carry: Nest, record: tuple[Transition, Nest], step: tf.Tensor):
        return function(carry, record[0])

    carry = initial(loop.state) if callable(initial) else initial
    return loop.run(update, carry, early_exit=not call.auto_reset)


def _check_state(state: SimulatorState, num_users: int) -> None:
    """Raises `ValueError` unless the state is a state of `num_users` users."""
    steps.check_state(state)
    if not state.done.shape.is_compatible_with([num_users]):
        raise ValueError(f"state must be of num_users={num_users}, got {state.done.shape[0]}")
