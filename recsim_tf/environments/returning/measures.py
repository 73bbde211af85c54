# SPDX-License-Identifier: Apache-2.0
"""Measures of users who come back: visits, gaps, active days and retention by day.

Retention is reported as for mobile applications: on day N after the first visit, or on day N or
later, which is called rolling. The mean days until users return are defined as in KuaiSim (Zhao et
al. 2023, "KuaiSim: a comprehensive simulator for recommender systems").
"""

from typing import NamedTuple

import tensorflow as tf

from recsim_tf.core.base.arguments import configurable
from recsim_tf.core.base.types import Nest, Trajectory, Transition
from recsim_tf.core.nests import fields_of


@configurable(module="recsim_tf")
def visits(transition: Transition) -> tf.Tensor:
    """A measure for `Evaluation.measures`: 1 where a visit ends, also by the simulator's time
    limit, [B]. Its sum over a session is the number of visits. Raises a ValueError if the users are
    not `ReturningUsers`.
    """
    ends = tf.cast(_visit(transition).ends, tf.bool) | transition.truncated
    return tf.cast(ends & transition.active, tf.float32)


@configurable(module="recsim_tf")
def days_away(transition: Transition) -> tf.Tensor:
    """A measure for `Evaluation.measures`: the days until the next visit, [B], 0 where the visit
    goes on or is the last. Its sum over a session, divided by the visits less one, is the mean gap.
    Raises a ValueError if the users are not `ReturningUsers`.
    """
    days = tf.cast(_visit(transition).days, tf.float32)
    return tf.where(transition.active & ~transition.terminated, days, 0.0)


def _visit(transition: Transition) -> Nest:
    visit = fields_of(transition.draws.innovation).get("visit")
    if visit is None:
        raise ValueError("visits are measured of ReturningUsers, got a transition of other users")
    return visit


class Lifetimes(NamedTuple):
    """Sums over the lifetimes of B users, which are a carry for `Simulator.fold`.

    sums = simulator.fold(policy, 1000, 2000, seed, Lifetimes.add, Lifetimes.zeros(1000, 60))
    """

    visits: tf.Tensor  # [B], visits that have ended
    returns: tf.Tensor  # [B], visits after the first visit
    days_away: tf.Tensor  # [B], the sum of the gaps between visits
    active_days: tf.Tensor  # bool [B, D], whether there was a visit on each day since the first
    reward: tf.Tensor  # [B]

    @classmethod
    def zeros(cls, num_users: int, num_days: int) -> "Lifetimes":
        """The sums of B users before the first step, where all are active on day 0 of D days that
        are counted, such as the horizon.
        """
        none = tf.zeros([num_users])
        first = tf.tile(tf.range(num_days)[tf.newaxis] == 0, [num_users, 1])
        return cls(none, none, none, first, none)

    @classmethod
    def of(cls, trajectory: Trajectory, num_days: int) -> "Lifetimes":
        """The sums of a trajectory [T, B, ...] of single sessions. Raises a ValueError for an
        auto-reset trajectory, or if the users are not `ReturningUsers`.
        """
        trajectory.require_single_session()
        _visit(trajectory.transitions)
        num_users = trajectory.transitions.reward.shape[1]
        return tf.foldl(cls.add, trajectory.transitions, cls.zeros(num_users, num_days))

    def add(self, transition: Transition) -> "Lifetimes":
        """Adds the transition of one step, [B, ...]."""
        gap = days_away(transition)
        since_first = self.days_away + gap
        num_days = self.active_days.shape[1]
        day = tf.cast(tf.floor(since_first), tf.int32)[:, tf.newaxis]
        is_back = gap > 0
        return Lifetimes(
            visits=self.visits + visits(transition),
            returns=self.returns + tf.cast(is_back, tf.float32),
            days_away=since_first,
            active_days=self.active_days | (is_back[:, tf.newaxis] & (tf.range(num_days) == day)),
            reward=self.reward + tf.cast(transition.reward, tf.float32),
        )

    @property
    def mean_gap(self) -> tf.Tensor:
        """The mean number of days between a visit and the next visit, or 0 without returns."""
        return tf.math.divide_no_nan(tf.reduce_sum(self.days_away), tf.reduce_sum(self.returns))

    @property
    def num_active_days(self) -> tf.Tensor:
        """The number of days with a visit, [B]."""
        return tf.reduce_sum(tf.cast(self.active_days, tf.float32), axis=1)

    @property
    def retention(self) -> tf.Tensor:
        """The day-N retention, [D]: the share of users who visit on day N after the first."""
        return tf.reduce_mean(tf.cast(self.active_days, tf.float32), axis=0)

    @property
    def rolling_retention(self) -> tf.Tensor:
        """The rolling retention, [D]: the share of users with a visit on day N or later."""
        later = tf.cumsum(tf.cast(self.active_days, tf.int32), axis=1, reverse=True)
        return tf.reduce_mean(tf.cast(later > 0, tf.float32), axis=0)
