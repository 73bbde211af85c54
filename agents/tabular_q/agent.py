# SPDX-License-Identifier: Apache-2.0
"""Tabular Q-learning (Watkins 1989), with a value for each cell of observations and slates."""

import dataclasses
import functools
from collections.abc import Callable
from typing import Literal, NamedTuple

import tensorflow as tf
from tf_agents.agents import data_converter, tf_agent
from tf_agents.trajectories import time_step as ts
from tf_agents.trajectories import trajectory

from recsim_tf.adapters.tf_agents import SlateEnvironment, TFSlatePolicy
from recsim_tf.agents.shared.exploration import require_slates
from recsim_tf.agents.shared.slate_table import all_slates, explain_slates
from recsim_tf.agents.tabular_q.cells import SlateCells, transpose_integers
from recsim_tf.core import random
from recsim_tf.core.base.arguments import Fraction, configurable
from recsim_tf.core.base.types import Nest, Observation, Seed
from recsim_tf.core.models.explanations import Explained
from recsim_tf.core.runs import replicas
from recsim_tf.policies.stochastic import EpsilonGreedy


@configurable(module="recsim_tf.agents")
@dataclasses.dataclass(frozen=True)
class TabularUpdates:
    """Options of the updates of a table's values. The defaults are RecSim 0.2.4's.

    Args:
      gamma: discount of the future, in [0, 1].
      learning_rate: learning rate in [0, 1]; a number or a function of the train step.
      learn_from_last_step: whether to learn from ends of sessions, which RecSim 0.2.4 does not.
    """

    gamma: Fraction = 0.99
    learning_rate: Fraction | Callable[[tf.Variable], tf.Tensor] = 0.1
    learn_from_last_step: bool = True


@configurable(module="recsim_tf.agents")
@dataclasses.dataclass(frozen=True)
class TabularExploration:
    """The exploration of a `TabularQAgent`'s collect policy. The defaults are RecSim 0.2.4's.

    Args:
      policy: "epsilon_greedy", a uniform slate with probability epsilon; or "min_count", the first
        of the slates whose cells have the fewest updates.
      temperature: t of epsilon = t^n in the n-th session of a user, counted from 1, in [0, 1]. If B
        users share the table, n is the number of sessions that all of them have begun, divided by
        B.
      seed: the seed of both policies, an integer or int32 [2].

    Raises:
      ValueError: for an unknown policy, or a number out of range.
    """

    policy: Literal["epsilon_greedy", "min_count"] = "epsilon_greedy"
    temperature: Fraction = 0.99
    seed: random.Seed = 0


class TabularQLoss(NamedTuple):
    """Statistics of a train step, scalars."""

    td_error: tf.Tensor  # mean absolute temporal-difference error, in units of reward
    q: tf.Tensor  # mean Q of the shown slates before the update, in units of reward
    visited: tf.Tensor  # share of the table's cells with an update


class TFSessionCountingPolicy(TFSlatePolicy):
    """A `TFSlatePolicy` that counts FIRST steps in a variable. A policy state could not count them,
    since TF-Agents' drivers begin with a new one at every call. The `policy` inside does not count.
    """

    def __init__(self, *arguments, num_sessions: tf.Variable, **named):
        super().__init__(*arguments, **named)
        self._num_sessions = num_sessions

    def _action(self, time_step: ts.TimeStep, policy_state: Nest, seed: Seed):
        self._num_sessions.assign_add(tf.math.count_nonzero(time_step.is_first()))
        return super()._action(time_step, policy_state, seed)


class TabularQAgent(tf_agent.TFAgent):
    """RecSim's tabular Q agent for B users who share a table.

    A cell of the table is a combination of the discretised observation of the user, perhaps the
    response to the previous slate, and the discretised documents of the slate in slate order
    (`SlateCells`). Unvisited cells have the value 0. A transition moves its cell's value by the
    learning rate towards `reward + gamma * discount * max over slates of the next Q`. The n
    transitions of a cell in a batch have the effect of n such updates towards their mean target.

    Experience is a trajectory [B, 2] of full slates. Visit counts include replays.

    Args:
      time_step_spec, action_spec: specs of the environment.
      cells: the numbering of the table's cells; by default `SlateCells` of the specs, whose other
        arguments come from its gin bindings.
      updates: options of the updates, by default `TabularUpdates()`.
      exploration: the exploration of the collect policy, by default `TabularExploration()`.
      ordinal_slates: whether another order of the same documents is another slate; if not, slates
        are in candidate order.
      train_step_counter: the counter of train steps; by default the global step.

    Attributes:
      cells: the `SlateCells`.
      slates: the slates among which the policies choose, int32 [S, K].
      num_sessions: a variable, the number of sessions that the collect policy has begun, int64.

    Raises:
      ValueError: for actions with queries, more than 20,000 slates, or too many cells.
    """

    def __init__(
        self,
        time_step_spec: ts.TimeStep,
        action_spec: tf.TensorSpec,
        cells: SlateCells | None = None,
        updates: TabularUpdates | None = None,
        exploration: TabularExploration | None = None,
        ordinal_slates: bool = False,
        train_step_counter: tf.Variable | None = None,
        name: str = "TabularQAgent",
    ):
        tf.Module.__init__(self, name=name)
        replicas.require_one(name)
        require_slates(name, action_spec)
        slate_size, num_candidates = action_spec.shape[0], int(action_spec.maximum.max()) + 1
        self.slates = all_slates(num_candidates, slate_size, ordered=ordinal_slates)
        self.cells = cells or SlateCells(time_step_spec.observation, slate_size)
        self._updates = updates or TabularUpdates()
        self._exploration = exploration or TabularExploration()
        self._ordinal_slates = ordinal_slates
        self._num_candidates = num_candidates
        num_cells = self.cells.num_cells
        variable = functools.partial(tf.Variable, trainable=False)
        with tf.init_scope():
            self._table = variable(tf.zeros([num_cells]), name="q")
            self._counts = variable(tf.zeros([num_cells], tf.int64), name="counts")
            self._num_visited = variable(0, dtype=tf.int64, name="num_visited")
            self.num_sessions = variable(0, dtype=tf.int64, name="num_sessions")
        if train_step_counter is None:
            train_step_counter = tf.compat.v1.train.get_or_create_global_step()

        explores = self._exploration.policy == "epsilon_greedy"
        explore = self._explore if explores else self._least_visited
        policy_seed, collect_seed = random.split_seed(random.as_seed(self._exploration.seed), 2)
        specs = time_step_spec, action_spec
        served = Explained(self._greedy, self._explain)
        read = [self._table, self._counts, self.num_sessions]
        super().__init__(
            *specs,
            TFSlatePolicy(*specs, served, [self._table], policy_seed),
            TFSessionCountingPolicy(
                *specs,
                explore,
                read,
                collect_seed,
                name="CollectPolicy",
                num_sessions=self.num_sessions,
            ),
            train_sequence_length=2,
            train_step_counter=train_step_counter,
        )
        self._as_transition = data_converter.AsTransition(self.data_context, squeeze_time_dim=True)

    def q_values(self, observation: Observation) -> tf.Tensor:
        """The value of each of the `slates` for B users, float32 [B, S], in units of reward."""
        return tf.transpose(self._by_slate(self._table, observation))

    def visit_counts(self, observation: Observation) -> tf.Tensor:
        """The number of updates of each slate's cell, int64 [B, S]."""
        return transpose_integers(self._by_slate(self._counts, observation))

    def epsilon(self, num_users: int | tf.Tensor) -> tf.Tensor:
        """Probability of a random slate in the collect policy for B users, a scalar."""
        sessions_a_user = tf.cast(self.num_sessions, tf.float32) / tf.cast(num_users, tf.float32)
        return tf.cast(self._exploration.temperature, tf.float32) ** sessions_a_user

    def _by_slate(self, table: tf.Tensor, observation: Observation):
        """The entries of a table for all slates, [S, B]. Slates are first, so that reductions over
        them run along the rows.
        """
        return tf.gather(table, self.cells.of_slates(observation, self.slates))

    def _greedy(self, observation: Observation, policy_state: Nest, seed: Seed):
        values = self._by_slate(self._table, observation)
        best = tf.argmax(values, axis=0, output_type=tf.int32)
        return tf.gather(self.slates, best), policy_state

    def _explain(self, observation: Observation, policy_state: Nest, seed: Seed):
        return explain_slates(self.q_values(observation), self.slates)

    def _least_visited(self, observation: Observation, policy_state: Nest, seed: Seed):
        counts = self._by_slate(self._counts, observation)
        fewest = tf.argmin(counts, axis=0, output_type=tf.int32)
        return tf.gather(self.slates, fewest), policy_state

    def _explore(self, observation: Observation, policy_state: Nest, seed: Seed):
        num_users = tf.shape(tf.nest.flatten(observation)[0])[0]
        act = EpsilonGreedy(self._greedy, self._num_candidates, lambda: self.epsilon(num_users))
        slate, policy_state = act(observation, policy_state, seed)
        return (slate if self._ordinal_slates else tf.sort(slate, axis=1)), policy_state

    def _initialize(self):
        return tf.no_op()

    def _transitions(self, experience: trajectory.Trajectory, weights: tf.Tensor | None):
        """The cells of transitions, their temporal-difference errors, their values before the
        update, and whether each transition counts.
        """
        if weights is not None:
            raise ValueError(
                "weights must be None: the tabular agent gives all transitions the same weight"
            )
        time_steps, policy_steps, next_time_steps = self._as_transition(experience)
        # A LAST step is followed by the FIRST step of another user. That pair is not a transition.
        valid = ~time_steps.is_last()
        if not self._updates.learn_from_last_step:
            valid &= ~next_time_steps.is_last()
        cells = self.cells.of_slate(time_steps.observation, policy_steps.action)
        values = tf.gather(self._table, cells)
        next_values = tf.reduce_max(
            self._by_slate(self._table, next_time_steps.observation), axis=0
        )
        targets = (
            next_time_steps.reward + self._updates.gamma * next_time_steps.discount * next_values
        )
        return cells, tf.where(valid, targets - values, 0.0), values, valid

    def _train(self, experience: trajectory.Trajectory, weights: tf.Tensor | None = None):
        cells, errors, values, valid = self._transitions(experience, weights)
        before = tf.gather(self._counts, cells)
        self._counts.scatter_add(tf.IndexedSlices(tf.cast(valid, tf.int64), cells))
        after = tf.gather(self._counts, cells)
        repeats = tf.cast(tf.maximum(after - before, 1), tf.float32)
        rate = self._updates.learning_rate
        if callable(rate):
            rate = rate(self.train_step_counter)
        # A cell's n transitions add up to 1 - (1 - rate)^n of the distance, each an n-th part.
        moves = (
            -tf.math.expm1(repeats * tf.math.log1p(-tf.cast(rate, tf.float32))) / repeats * errors
        )
        self._table.scatter_add(tf.IndexedSlices(moves, cells))
        # The n transitions of a new cell add up to 1.
        new_cells = tf.reduce_sum(tf.where(valid & (before == 0), 1.0 / repeats, 0.0))
        self._num_visited.assign_add(tf.cast(tf.round(new_cells), tf.int64))
        self.train_step_counter.assign_add(1)
        return self._loss_info(errors, values, valid)

    def _loss(self, experience: trajectory.Trajectory, weights=None, training: bool = False):
        _, errors, values, valid = self._transitions(experience, weights)
        return self._loss_info(errors, values, valid)

    def _loss_info(
        self, errors: tf.Tensor, values: tf.Tensor, valid: tf.Tensor
    ) -> tf_agent.LossInfo:
        share = tf.cast(valid, tf.float32) / tf.maximum(
            tf.cast(tf.math.count_nonzero(valid), tf.float32), 1.0
        )
        parts = TabularQLoss(
            td_error=tf.reduce_sum(share * tf.abs(errors)),
            q=tf.reduce_sum(share * values),
            visited=tf.cast(self._num_visited, tf.float32) / self.cells.num_cells,
        )
        return tf_agent.LossInfo(tf.reduce_sum(share * errors**2), parts)


@configurable(module="recsim_tf.agents")
def create_tabular_q(
    environment: SlateEnvironment,
    train_step_counter: tf.Variable,
    name: str = "TabularQ",
    cells: SlateCells | None = None,
    updates: TabularUpdates | None = None,
    exploration: TabularExploration | None = None,
) -> TabularQAgent:
    """Builds a `TabularQAgent`.

    Args:
      environment, train_step_counter, name: see `create_slate_q`.
      cells, updates, exploration: see `TabularQAgent`; None for the defaults, and for those of a
        gin file.
    """
    return TabularQAgent(
        environment.time_step_spec(),
        environment.action_spec(),
        cells,
        updates,
        exploration,
        train_step_counter=train_step_counter,
        name=name,
    )
