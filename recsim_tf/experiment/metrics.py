"""What is measured about sessions, under RecSim's names where they exist."""

import math
from typing import Any, NamedTuple

import tensorflow as tf

from recsim_tf.core.types import Transition


class SessionSums(NamedTuple):
    """Sums over the sessions of B users, each [B]; a carry for `Simulator.fold`."""

    reward: tf.Tensor
    steps: tf.Tensor
    clicks: tf.Tensor
    quality: tf.Tensor  # of clicked documents, zero where the response has no field `quality`
    finished: tf.Tensor

    @classmethod
    def zeros(cls, num_users: int) -> "SessionSums":
        return cls(*(tf.zeros([num_users]) for _ in cls._fields))

    def add(self, transition: Transition) -> "SessionSums":
        """Adds one step."""
        active = tf.cast(transition.active, tf.float32)
        clicks, quality = _clicks_and_quality(transition.response)
        finished = tf.cast(transition.terminated | transition.truncated, tf.float32)
        return SessionSums(
            reward=self.reward + tf.cast(transition.reward, tf.float32),
            steps=self.steps + active,
            clicks=self.clicks + active * clicks,
            quality=self.quality + active * quality,
            finished=self.finished + finished,
        )


class PolicyResult(NamedTuple):
    """What sessions under one policy gave."""

    name: str
    mean_return: float
    standard_error: float  # of mean_return
    episodes: int
    mean_length: float  # steps a session
    length_standard_error: float
    click_rate: float  # clicks a step
    mean_quality: float | None  # of clicked documents; None without clicks or qualities
    unfinished: int  # sessions that were cut off when the evaluation ended

    @classmethod
    def from_sums(cls, name: str, sums: SessionSums) -> "PolicyResult":
        reward, steps, clicks, quality, finished = (part.numpy().astype("float64") for part in sums)
        episodes = len(reward)
        root = math.sqrt(max(episodes - 1, 1))
        return cls(
            name=name,
            mean_return=float(reward.mean()),
            standard_error=float(reward.std() / root),
            episodes=episodes,
            mean_length=float(steps.mean()),
            length_standard_error=float(steps.std() / root),
            click_rate=float(clicks.sum() / max(steps.sum(), 1)),
            mean_quality=float(quality.sum() / clicks.sum()) if clicks.sum() > 0 and quality.any() else None,
            unfinished=int(episodes - finished.sum()),
        )

    def tags(self, suffix: str) -> dict[str, float]:
        """RecSim's scalar tags."""
        scalars = {
            "AverageEpisodeRewards": self.mean_return,
            "AverageEpisodeLength": self.mean_length,
            "StdEpisodeRewards": self.standard_error * math.sqrt(max(self.episodes - 1, 1)),
            "CTR": self.click_rate,
        }
        if self.mean_quality is not None:
            scalars["AverageQuality"] = self.mean_quality
        return {f"{tag}/{suffix}": value for tag, value in scalars.items()}

    def as_json(self) -> dict[str, Any]:
        return self._asdict()


def _clicks_and_quality(response) -> tuple[tf.Tensor, tf.Tensor]:
    """Clicks and the quality of clicked documents of a response, each [B]."""
    clicked = tf.cast(response.clicked, tf.float32)
    clicks = tf.reduce_sum(clicked, axis=-1)
    if not hasattr(response, "quality"):
        return clicks, tf.zeros_like(clicks)
    return clicks, tf.reduce_sum(clicked * tf.cast(response.quality, tf.float32), axis=-1)


class CollectMetrics(tf.Module):
    """An observer of a TF-Agents driver: the sessions that end, and the steps, since it was last read.

    Args:
      num_users: B.
    """

    _totals = ("episodes", "reward", "squared_reward", "length", "steps", "clicks", "quality")

    def __init__(self, num_users: int):
        super().__init__(name="CollectMetrics")
        self._reward = tf.Variable(tf.zeros([num_users]), trainable=False)
        self._length = tf.Variable(tf.zeros([num_users]), trainable=False)
        self._sums = tf.Variable(tf.zeros([len(self._totals)], tf.float64), trainable=False)

    def __call__(self, trajectory) -> None:
        """Takes one frame of every user. The response in it is that to the frame before, zero in a FIRST frame."""
        ended = trajectory.is_boundary()
        running = 1 - tf.cast(ended, tf.float32)
        reward = self._reward + running * trajectory.reward
        length = self._length + running
        ends = tf.cast(ended, tf.float32)
        clicks, quality = _clicks_and_quality(trajectory.observation.response)
        parts = (ends, ends * reward, ends * reward**2, ends * length, running, clicks, quality)
        self._sums.assign_add(tf.stack([tf.reduce_sum(tf.cast(part, tf.float64)) for part in parts]))
        self._reward.assign(running * reward)
        self._length.assign(running * length)

    def read_and_clear(self, seconds: float) -> dict[str, float]:
        """RecSim's scalar tags of what was collected since the last call, which took `seconds`."""
        totals = dict(zip(self._totals, self._sums.numpy(), strict=True))
        self._sums.assign(tf.zeros_like(self._sums))
        scalars = {"TimePerStep": seconds / max(totals["steps"], 1), "CTR": totals["clicks"] / max(totals["steps"], 1)}
        if totals["clicks"] > 0 and totals["quality"] != 0:
            scalars["AverageQuality"] = totals["quality"] / totals["clicks"]
        if totals["episodes"] > 0:
            mean = totals["reward"] / totals["episodes"]
            scalars["AverageEpisodeRewards"] = mean
            scalars["AverageEpisodeLength"] = totals["length"] / totals["episodes"]
            scalars["StdEpisodeRewards"] = math.sqrt(max(totals["squared_reward"] / totals["episodes"] - mean**2, 0))
        return {f"{tag}/train": float(value) for tag, value in scalars.items()}
