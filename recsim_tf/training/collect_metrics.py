# SPDX-License-Identifier: Apache-2.0
"""Metrics of the sessions that a training collects, in RecSim's scalar tags."""

import math
from types import SimpleNamespace
from typing import TYPE_CHECKING, Any

import numpy as np
import tensorflow as tf

from recsim_tf.adapters.tf_agents import SlateEnvironment
from recsim_tf.core.runs import replicas
from recsim_tf.evaluation.measures import add, session_measures, shapes, summaries, tags, zeros

if TYPE_CHECKING:
    from tf_agents.trajectories.trajectory import Trajectory

# What is counted of responses, where an environment has it; "steps" counts the responses.
_OF_RESPONSES = {"steps", "clicks", "quality", "cluster_clicks", "no_click"}


class CollectMetrics(tf.Module):
    """Counts the sessions that ended, and the steps, since it was last read; also an observer of a
    TF-Agents driver.

    The response to a step is in the frame after it. So rates of clicks are per response, and the
    time is per step; the two counts differ by the users' last steps only.

    Args:
      environment: B users.
    """

    def __init__(self, environment: SlateEnvironment):
        super().__init__(name="CollectMetrics")
        self._strategy = tf.distribute.get_strategy()
        measures = session_measures(environment.observation_spec().response)
        self._measures = {
            name: measure
            for name, measure in measures.items()
            if set(measure.of or [name]) <= _OF_RESPONSES
        }
        self._shapes = shapes(self._measures, environment.simulator)
        of_sessions = ("episodes", "reward", "squared_reward", "length", "running")
        num_users = environment.batch_size
        # Each user has totals, which are summed when they are read. On an accelerator a sum over
        # users at each step would be a kernel for each name.
        self._totals = {
            name: replicas.variable(tf.zeros([num_users, *shape], tf.float64))
            for name, shape in (dict.fromkeys(of_sessions, ()) | self._shapes).items()
        }
        self._reward = replicas.variable(tf.zeros([num_users]))
        self._length = replicas.variable(tf.zeros([num_users]))

    def __call__(self, trajectory: "Trajectory") -> None:
        """Takes a frame of every user, with the response before it, zero in a FIRST frame."""
        ends = tf.cast(trajectory.is_boundary(), tf.float64)
        running = tf.cast(~trajectory.is_boundary(), tf.float32)
        reward = self._reward + running * trajectory.reward
        length = self._length + running
        returns = tf.cast(reward, tf.float64)
        response = trajectory.observation.response
        step: Any = SimpleNamespace(response=response, active=~trajectory.is_first())
        counts = {
            "episodes": ends,
            "reward": ends * returns,
            "squared_reward": ends * returns**2,
            "length": ends * tf.cast(length, tf.float64),
            "running": running,
            **add(self._measures, zeros(self._shapes, ends.shape[0]), step),
        }
        for name, count in counts.items():
            self._totals[name].assign_add(tf.cast(count, tf.float64))
        self._reward.assign(running * reward)
        self._length.assign(running * length)

    @tf.function(autograph=False)
    def _read(self) -> dict[str, tf.Tensor]:
        return replicas.gather_total(self._strategy.run(self._take))

    def _take(self) -> dict[str, tf.Tensor]:
        totals = {name: tf.reduce_sum(total, axis=0) for name, total in self._totals.items()}
        for total in self._totals.values():
            total.assign(tf.zeros_like(total))
        return totals

    def read_and_clear(self, seconds: float) -> dict[str, float]:
        """RecSim's scalar tags of all frames since the last call, which took `seconds`."""
        with self._strategy.scope():
            totals = {name: total.numpy()[np.newaxis] for name, total in self._read().items()}
        # Without a response rates are zero.
        totals["steps"] = np.maximum(totals["steps"], 1)
        rates = {name: measure for name, measure in self._measures.items() if measure.of}
        scalars = tags(summaries(rates, totals))
        scalars["TimePerStep"] = seconds / max(totals["running"].item(), 1)
        if episodes := totals["episodes"].item():
            mean = totals["reward"].item() / episodes
            variance = totals["squared_reward"].item() / episodes - mean**2
            scalars["AverageEpisodeRewards"] = mean
            scalars["AverageEpisodeLength"] = totals["length"].item() / episodes
            scalars["StdEpisodeRewards"] = math.sqrt(max(variance, 0))
        return {f"{tag}/train": value for tag, value in scalars.items()}
