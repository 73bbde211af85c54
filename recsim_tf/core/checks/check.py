# SPDX-License-Identifier: Apache-2.0
"""The check of a simulator: a few steps of a few users, in which every method is checked."""

import dataclasses
import warnings
from collections.abc import Sequence
from typing import Any

import numpy as np
import tensorflow as tf
import tree
from tensorflow_probability import distributions as tfd

from recsim_tf.core import nests, random
from recsim_tf.core.base.arguments import checked
from recsim_tf.core.base.parameters import Model
from recsim_tf.core.base.types import (
    InitialDraws,
    Nest,
    Policy,
    Seed,
    SimulatorState,
    Trajectory,
    Turn,
)
from recsim_tf.core.checks.checked_models import CheckedDocuments, CheckedUsers
from recsim_tf.core.checks.methods import Method, check_scores, check_tensor, near_names, same
from recsim_tf.core.distributions import log_prob
from recsim_tf.core.simulator import Simulator
from recsim_tf.core.step import turns
from recsim_tf.core.step.stages import STEP_STAGES, Sampled
from recsim_tf.support.errors import ModelWarning

# The methods that give the distributions of stages, at the start of sessions and in a step.
_BEGIN = {
    "user": "users.initial_draws",
    "corpus": "documents.initial_draws",
    "candidates": "documents.candidates",
    "hidden": "documents.reveal",
}
_STEP = _BEGIN | {
    "newcomers": "users.initial_draws",
    "response": "users.response",
    "innovation": "users.innovation",
    "departure": "users.departure",
    "corpus": "documents.innovation",
}
# In the first steps every call is checked; in later ones, of more users, only the sessions.
_NUM_STEPS, _NUM_LATER_STEPS = 3, 8
_NUM_LATER_USERS = 61


@tf.autograph.experimental.do_not_convert
@checked
def check(simulator: Simulator, policy: Policy | None = None) -> None:
    """Checks that the models of a simulator keep the promises of `UserModel` and `DocumentModel`.

    It simulates a few steps of a few users, eagerly on the CPU, in about a second: with full and
    with short slates, as single sessions and with new users. It checks the shapes, dtypes,
    structures and values that every method returns, calls every method twice, scores draws of every
    distribution, checks the scores that choice models get, and goes through the sessions again.
    All states, rewards and log-probabilities must be finite. It uses up no global random number.

        recsim_tf.check(simulator)  # nothing, or an error such as
        # ValueError: Listeners.response must return a distribution of batch shape [users=5], got []

    `recsim-tf train`, `evaluate`, `simulate` and `fit` call it before they start. It warns of
    misspelled methods, which the simulator never calls.

    Args:
      simulator: the simulator of the models.
      policy: None, or a policy that plays some steps with `validate=True`.

    Raises:
      ValueError: for the first fault. It is one line, which names the method or the policy, the
        expected result and the given result. An exception of a method is its cause.
    """
    for message in near_names(simulator):
        warnings.warn(message, ModelWarning, stacklevel=4)
    if simulator.documents.shared and simulator.num_users is None:
        # All users become one world, so that a few users are enough.
        simulator = simulator.replaced(users_per_world=None)
    sizes = (simulator.slate_size, simulator.num_candidates)
    # The number of users differs from other lengths, so that a wrong axis does not pass for users.
    few = next(size for size in (5, 6, 7) if size not in sizes)
    of_parameters = [number for number in simulator.users_of_parameters().values() if number > 1]
    given = simulator.num_users or next(iter(of_parameters), None)
    simulator.check_num_users(given or few)
    with tf.init_scope(), tf.device("CPU:0"):
        for models, num_users, num_steps, auto_reset in (
            (_checked(simulator, given or few), given or few, _NUM_STEPS, False),
            (simulator, given or _NUM_LATER_USERS, _NUM_LATER_STEPS, True),
        ):
            trajectory, states = _simulated(simulator, models, num_users, num_steps, auto_reset)
            for step, reward in enumerate(trajectory.transitions.reward):
                _check_finite("reward", reward, step)
            _check_replay(simulator, trajectory, states)
        if policy is not None:
            _check_actions(simulator, policy, given or _NUM_LATER_USERS)


def _checked(simulator: Simulator, num_users: int) -> Simulator:
    """The simulator with models that check every call."""
    reward = Method("reward_fn", simulator.reward)

    def reward_fn(response: Nest, user: Nest):
        rewards = reward.pure(response, user)
        check_tensor(reward, rewards, "float", users=num_users)
        if not np.isfinite(rewards).all():
            reward.refuse(
                "must return finite rewards", rewards[~tf.math.is_finite(rewards)][0].numpy()
            )
        return rewards

    return simulator.replaced(
        users=CheckedUsers(_validating(simulator.users), num_users, simulator.slate_size),
        documents=CheckedDocuments(
            simulator.documents, simulator.corpora.number(num_users), simulator.num_candidates
        ),
        reward_fn=reward_fn,
    )


def _validating(model: Model) -> Model:
    """The model with choice models that check their scores."""
    changes: dict[str, Any] = {}
    for field in dataclasses.fields(model):
        value = getattr(model, field.name)
        if isinstance(value, Model):
            inner = _validating(value)
            changes |= {field.name: inner} if inner is not value else {}
        elif field.name == "validate" and value is False:
            changes[field.name] = True
    return model.replaced(**changes) if changes else model


class _Scored(Sampled):
    """Samples draws, and requires that their log-probabilities are finite."""

    def __init__(self, simulator: Simulator, seed: Seed, names: Sequence[str], methods: Any):
        super().__init__(seed, names)
        self._simulator, self._methods = simulator, methods

    def sample(self, stage: str, distribution: tfd.Distribution, who: tf.Tensor | None = None):
        draw = super().sample(stage, distribution, who)
        owner, _, name = self._methods[stage].partition(".")
        model = self._simulator.users if owner == "users" else self._simulator.documents
        check_scores(Method.of(model, name), distribution, draw, log_prob(distribution, draw))
        return draw


def _simulated(
    simulator: Simulator, checked: Simulator, num_users: int, num_steps: int, auto_reset: bool
) -> tuple[Trajectory, SimulatorState]:
    """Sessions of a simulator, and the states [T, B, ...] in which the slates were shown."""
    seed, *step_seeds = random.split_seed(random.as_seed(0), 1 + num_steps)
    begins = _Scored(simulator, seed, InitialDraws._fields, _BEGIN)
    initial = checked.begin(num_users, begins)
    state = checked.initial_state(initial)
    states, records = [], []
    for step, seed in enumerate(step_seeds):
        # The state is checked before the draws, since a wrong state spoils log-probabilities too.
        _check_finite("state", state, step)
        checked.observe(state)
        action = _turn(checked, num_users, step).action
        answers = _Scored(simulator, seed, STEP_STAGES, _STEP)
        next_state, *record = checked.advance(state, action, answers, auto_reset)
        states.append(state)
        records.append(record)
        state = next_state if auto_reset else checked.corpora.keep_ended(state, next_state)
    checked.observe(state)
    transitions, newcomers = _stacked(records)
    return Trajectory(initial, transitions, newcomers), _stacked(states)


def _stacked(steps: Sequence[Nest]) -> Nest:
    """Stacks nests of [B, ...] to one nest of [T, B, ...]."""
    return tf.nest.map_structure(lambda *leaves: tf.stack(leaves), *steps)


def _turn(simulator: Simulator, num_users: int, step: int) -> Turn:
    """Turns of a step. Every second slate is short, with one document. Queries come from their
    whole range, where the users accept them.
    """
    slate = (np.arange(simulator.slate_size) + step) % simulator.num_candidates
    if step % 2:
        slate[1:] = -1
    turn = turns.some_turn(simulator, num_users)
    turn = turn._replace(slate=tf.constant(np.tile(slate, [num_users, 1]), tf.int32))
    tried = turn._replace(query=turns.random_queries(simulator.query_spec, num_users, seed=step))
    return nests.where(turns.accepted(simulator, tried), tried, turn)


def _check_finite(name: str, nest: Nest, step: int) -> None:
    """Requires a nest of [B, ...] to be finite."""
    for path, leaf in tree.flatten_with_path(nest):
        if leaf.dtype.is_floating and not np.isfinite(leaf).all():
            user = int(np.nonzero(~np.isfinite(leaf))[0][0])
            raise ValueError(
                f"the {'/'.join([name, *map(str, path)])} of sessions must be finite, got"
                f" {leaf[user].numpy()} in step {step}"
            )


def _check_replay(simulator: Simulator, trajectory: Trajectory, states: SimulatorState) -> None:
    """Requires that a replay of the draws gives the states of the sessions again."""
    for name, replayed, expected in zip(
        SimulatorState._fields, simulator.replay(trajectory), states, strict=True
    ):
        if not same(replayed, expected):
            raise ValueError(
                f"replay must reproduce the {name} of every step from the draws, got a different"
                f" {name}: no method may keep anything between its calls"
            )


def _check_actions(simulator: Simulator, policy: Policy, num_users: int) -> None:
    """Requires the slates and queries of a policy to be valid."""
    try:
        simulator.replaced(validate=True).rollout(policy, num_users, _NUM_LATER_STEPS, seed=1)
    except ValueError as error:
        name = getattr(policy, "__name__", type(policy).__name__)
        raise ValueError(f"policy {name}: {error}") from error
