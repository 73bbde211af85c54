"""Measures of sessions, under RecSim's names where they exist.

A step shows a slate, and a slate is one impression, however many documents it holds: rates are per
step, as in RecSim 0.2.4, if their name says nothing else.
"""

import math
from collections.abc import Iterable, Sequence
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np
import tensorflow as tf

from recsim_tf.core.base.types import Nest, Transition
from recsim_tf.core.nests import fields_of
from recsim_tf.core.runs import replicas
from recsim_tf.evaluation import own_measures
from recsim_tf.evaluation.comparison import Setting
from recsim_tf.evaluation.corpus_measures import num_categories
from recsim_tf.evaluation.own_measures import Estimate, OwnMeasures

if TYPE_CHECKING:
    from tf_agents.trajectories.trajectory import Trajectory

_NO_OWN = OwnMeasures()


class Measures(NamedTuple):
    """The measures of clicked documents that the responses of an environment allow."""

    num_clusters: int = 0  # C: of an integer field `cluster_id` with an upper bound, else 0
    quality: bool = False  # whether there is a field `quality`

    @classmethod
    def of(cls, response_spec: Nest) -> "Measures":
        """From the bounded specs of an observed response,
        `environment.observation_spec().response`.
        """
        # All responses have `clicked`; the rest is the model's.
        fields = fields_of(response_spec)
        return cls(num_categories(fields.get("cluster_id")), "quality" in fields)


def watch_fractions(cluster_clicks: np.ndarray, no_click: float, steps: float) -> dict[str, float]:
    """RecSim's `cluster_watch_count_frac`: clicks on each cluster, and steps without a click, as
    fractions of the steps.

    Every cluster has its value, also one without a click, for which RecSim writes none: curves have
    no holes.

    Args:
      cluster_clicks: [C], one for each cluster; with C = 0 the result is empty.
      no_click: steps without a click.
      steps: all steps; without any the fractions are zero.
    """
    if not len(cluster_clicks):
        return {}
    counts = {f"cluster_{cluster}": clicks for cluster, clicks in enumerate(cluster_clicks)} | {
        "no_click": no_click
    }
    return {name: float(count / max(steps, 1)) for name, count in counts.items()}


class SessionSums(NamedTuple):
    """Sums over the sessions of B users, float32 [B] where nothing else is said; a carry for
    `Simulator.fold`.
    """

    reward: tf.Tensor
    steps: tf.Tensor
    clicks: tf.Tensor
    no_click: tf.Tensor  # steps without a click
    quality: tf.Tensor  # of clicked documents, zero where the response has no field `quality`
    left: tf.Tensor  # 1 where the user left
    time_limit: tf.Tensor  # 1 where the simulator's time limit ended the session
    shown: tf.Tensor  # documents
    cluster_clicks: tf.Tensor  # [B, C]
    own: dict[str, tf.Tensor]  # [B], or [B, C] of the corpus, by name, see `OwnMeasures`
    segments: dict[str, tf.Tensor]  # int32 [B] by name, see `OwnMeasures`

    @classmethod
    def zeros(
        cls, num_users: int, num_clusters: int = 0, own: OwnMeasures = _NO_OWN, user: Nest = ()
    ) -> "SessionSums":
        """The sums before the first step, of B users, with clicks by C clusters (see `Measures`);
        `user` is the users' state at the start of a session, a nest of [B, ...].
        """
        return cls(
            **dict.fromkeys(cls._fields[:8], tf.zeros([num_users])),
            cluster_clicks=tf.zeros([num_users, num_clusters]),
            own=own.zeros(num_users),
            segments=own.segments(user, num_users),
        )

    def add_response(self, response: Nest, active: tf.Tensor) -> "SessionSums":
        """Adds the response to one step, for users whose `active`, bool [B], is true."""
        num_clusters = self.cluster_clicks.shape[1]
        steps = tf.cast(active, tf.float32)
        clicked = steps[:, tf.newaxis] * tf.cast(response.clicked, tf.float32)
        clicks = tf.reduce_sum(clicked, axis=-1)
        sums = self._replace(
            steps=self.steps + steps,
            clicks=self.clicks + clicks,
            no_click=self.no_click + steps * tf.cast(clicks == 0, tf.float32),
        )
        if "quality" in fields_of(response):
            quality = tf.reduce_sum(clicked * tf.cast(response.quality, tf.float32), axis=-1)
            sums = sums._replace(quality=self.quality + quality)
        if num_clusters:
            by_cluster = clicked[..., tf.newaxis] * tf.one_hot(response.cluster_id, num_clusters)
            sums = sums._replace(
                cluster_clicks=self.cluster_clicks + tf.reduce_sum(by_cluster, axis=1)
            )
        return sums

    def add(self, transition: Transition, own: OwnMeasures = _NO_OWN) -> "SessionSums":
        """Adds one step; `own` as for `zeros`."""
        shown = (transition.slate >= 0) & transition.active[:, tf.newaxis]
        return self.add_response(transition.response, transition.active)._replace(
            shown=self.shown + tf.reduce_sum(tf.cast(shown, tf.float32), axis=1),
            reward=self.reward + tf.cast(transition.reward, tf.float32),
            left=self.left + tf.cast(transition.terminated, tf.float32),
            time_limit=self.time_limit + tf.cast(transition.truncated, tf.float32),
            own=own.add(self.own, transition),
        )


class PolicyResult(NamedTuple):
    """The results of the sessions under one policy."""

    name: str
    mean_return: float
    standard_error: float  # of mean_return
    episodes: int
    mean_length: float  # steps a session
    length_standard_error: float
    click_rate: float  # clicks a step
    document_click_rate: float  # clicks a shown document
    mean_quality: float | None  # of clicked documents; None without clicks or qualities
    # by "cluster_<id>" and "no_click", see `watch_fractions`; empty without clusters
    cluster_watch_count_frac: dict[str, float]
    measures: dict[str, Any]  # of the user's own, see `OwnMeasures.summaries`
    segments: dict[str, Any]  # see `own_measures.by_segment`
    unfinished: int  # sessions that were cut off when the evaluation ended
    sessions: SessionSums  # of each user, as NumPy arrays
    has_quality: bool  # whether responses have one
    policy: str  # the name without the setting
    setting: Setting | None = None  # of a comparison
    # of mean_return, 95 %, with the uncertainty of fitted parameters, see `FittedModel`
    interval: tuple[float, float] | None = None
    support: str | None = None  # a sentence, see `fitting.slate_support`

    @classmethod
    def from_sums(
        cls,
        name: str,
        sums: SessionSums,
        has_quality: bool,
        users_per_corpus: int = 1,
        own: OwnMeasures = _NO_OWN,
    ) -> "PolicyResult":
        """Summarises sessions, with measures of the user's own. Users who share a corpus are not
        independent, so standard errors are those of the means of their worlds.
        """
        sessions = tf.nest.map_structure(lambda part: np.asarray(part, np.float64), sums)
        episodes = len(sessions.reward)
        returns, lengths = (
            Estimate.of(each.reshape(-1, users_per_corpus).mean(axis=1))
            for each in (sessions.reward, sessions.steps)
        )
        steps, clicks = sessions.steps.sum(), sessions.clicks.sum()
        return cls(
            name=name,
            mean_return=returns.mean,
            standard_error=returns.standard_error,
            episodes=episodes,
            mean_length=lengths.mean,
            length_standard_error=lengths.standard_error,
            click_rate=float(clicks / max(steps, 1)),
            document_click_rate=float(clicks / max(sessions.shown.sum(), 1)),
            mean_quality=(
                float(sessions.quality.sum() / clicks) if has_quality and clicks > 0 else None
            ),
            cluster_watch_count_frac=watch_fractions(
                sessions.cluster_clicks.sum(axis=0), sessions.no_click.sum(), steps
            ),
            measures=own.summaries(sessions.own, users_per_corpus),
            segments=own_measures.by_segment(sessions.segments, sessions.reward, sessions.own),
            unfinished=int(episodes - (sessions.left + sessions.time_limit).sum()),
            sessions=sessions,
            has_quality=has_quality,
            policy=name,
        )

    def of_setting(self, setting: Setting) -> "PolicyResult":
        """The result as one of a comparison; the setting is added to its name."""
        return self._replace(name=f"{self.policy} [{setting.label}]", setting=setting)

    def tags(self, suffix: str) -> dict[str, float]:
        """RecSim's scalar tags, and those of measures and segments of the user's own."""
        scalars = {
            "AverageEpisodeRewards": self.mean_return,
            "AverageEpisodeLength": self.mean_length,
            "StdEpisodeRewards": float(self.sessions.reward.std()),
            "CTR": self.click_rate,
        }
        if self.mean_quality is not None:
            scalars["AverageQuality"] = self.mean_quality
        own = own_measures.columns(self._asdict())
        return _tags(scalars | own, self.cluster_watch_count_frac, suffix)

    def as_json(self) -> dict[str, Any]:
        """All but the single sessions; in a comparison also the values by gin name, and the
        seed; of a fitted model also interval and support.
        """
        left_out = {"sessions", "has_quality", "policy", "setting"}
        left_out |= {name for name in ("interval", "support") if getattr(self, name) is None}
        content = {name: value for name, value in self._asdict().items() if name not in left_out}
        if self.setting is not None:
            content |= {"values": self.setting.values, "seed": self.setting.seed}
        return content


def over_seeds(results: Sequence[PolicyResult]) -> list[PolicyResult]:
    """The means over the seeds of a comparison: a result for each policy and values, none with a
    single seed. Standard errors are those of the mean over seeds. There are no segments.
    """
    groups: dict[tuple[str, str], list[PolicyResult]] = {}
    for result in results:
        if result.setting is not None:
            groups.setdefault((result.policy, result.setting.of_values), []).append(result)
    return [_mean(group) for group in groups.values() if len(group) > 1]


def _mean(group: Sequence[PolicyResult]) -> PolicyResult:
    """The mean of the results of several seeds, with the sessions of the first."""

    def estimate(values: Iterable[float]) -> Estimate:
        return Estimate.of(np.array(list(values)))

    numbers: dict[str, Any] = {
        name: estimate(getattr(result, name) for result in group)
        for name in ("mean_return", "mean_length", "click_rate", "document_click_rate")
    }
    qualities = [result.mean_quality for result in group if result.mean_quality is not None]
    settings = [result.setting for result in group if result.setting is not None]
    label = ", ".join(filter(None, (settings[0].of_values, f"mean of {len(group)} seeds")))
    mean = group[0]._replace(
        **{name: found.mean for name, found in numbers.items()},
        standard_error=numbers["mean_return"].standard_error,
        length_standard_error=numbers["mean_length"].standard_error,
        episodes=sum(result.episodes for result in group),
        unfinished=sum(result.unfinished for result in group),
        mean_quality=float(np.mean(qualities)) if qualities else None,
        cluster_watch_count_frac=tf.nest.map_structure(
            lambda *fractions: float(np.mean(fractions)),
            *(result.cluster_watch_count_frac for result in group),
        ),
        measures={
            name: estimate(result.measures[name]["mean"] for result in group)._asdict()
            for name in group[0].measures
        },
        segments={},
    )
    seeds = tuple(setting.seed for setting in settings)
    return mean.of_setting(settings[0]._replace(seed=seeds, label=label))


def _tags(scalars: dict[str, float], fractions: dict[str, float], suffix: str) -> dict[str, float]:
    scalars = scalars | {
        f"cluster_watch_count_frac/{name}": fraction for name, fraction in fractions.items()
    }
    return {f"{tag}/{suffix}": float(value) for tag, value in scalars.items()}


class CollectMetrics(tf.Module):
    """Counts the sessions that ended, and the steps, since it was last read; also an observer of a
    TF-Agents driver.

    The response to a step is in the frame after it. So rates of clicks are per response, and the
    time is per step; the two counts differ by the users' last steps only. Clicks are counted by C
    clusters, see `Measures`.
    """

    # In the order of `_sums`, whose last C are the clicks by cluster.
    _totals = (
        *("episodes", "reward", "squared_reward", "length", "steps"),
        *("impressions", "clicks", "no_click", "quality"),
    )

    def __init__(self, num_users: int, num_clusters: int = 0):
        super().__init__(name="CollectMetrics")
        self._strategy = tf.distribute.get_strategy()
        self._num_clusters = num_clusters
        self._has_quality = False
        self._reward = replicas.variable(tf.zeros([num_users]))
        self._length = replicas.variable(tf.zeros([num_users]))
        self._sums = replicas.variable(tf.zeros([len(self._totals) + num_clusters], tf.float64))

    def __call__(self, trajectory: "Trajectory") -> None:
        """Takes one frame of every user. The response in it is that to the frame before, zero in a
        FIRST frame.
        """
        response = trajectory.observation.response
        # The structure of a response is known when this is traced, which is before anything can be
        # read.
        self._has_quality = "quality" in fields_of(response)
        ends = tf.cast(trajectory.is_boundary(), tf.float64)
        running = tf.cast(~trajectory.is_boundary(), tf.float32)
        reward = self._reward + running * trajectory.reward
        length = self._length + running
        returns = tf.cast(reward, tf.float64)
        sums = SessionSums.zeros(reward.shape[0], self._num_clusters).add_response(
            response, ~trajectory.is_first()
        )
        sessions = [ends, ends * returns, ends * returns**2, ends * tf.cast(length, tf.float64)]
        steps = [running, sums.steps, sums.clicks, sums.no_click, sums.quality]
        of_users = tf.stack([*sessions, *(tf.cast(count, tf.float64) for count in steps)])
        by_cluster = tf.reduce_sum(tf.cast(sums.cluster_clicks, tf.float64), axis=0)
        self._sums.assign_add(tf.concat([tf.reduce_sum(of_users, axis=1), by_cluster], axis=0))
        self._reward.assign(running * reward)
        self._length.assign(running * length)

    @tf.function(autograph=False)
    def _read(self) -> tf.Tensor:
        return replicas.gather_total(self._strategy.run(self._take))

    def _take(self) -> tf.Tensor:
        sums = tf.identity(self._sums)
        self._sums.assign(tf.zeros_like(sums))
        return sums

    def read_and_clear(self, seconds: float) -> dict[str, float]:
        """RecSim's scalar tags of what all replicas collected since the last call, which took
        `seconds`.
        """
        with self._strategy.scope():
            sums = self._read().numpy()
        totals = dict(zip(self._totals, sums, strict=False))
        impressions = max(totals["impressions"], 1)
        scalars = {
            "TimePerStep": seconds / max(totals["steps"], 1),
            "CTR": totals["clicks"] / impressions,
        }
        if self._has_quality and totals["clicks"] > 0:
            scalars["AverageQuality"] = totals["quality"] / totals["clicks"]
        if totals["episodes"] > 0:
            mean = totals["reward"] / totals["episodes"]
            scalars["AverageEpisodeRewards"] = mean
            scalars["AverageEpisodeLength"] = totals["length"] / totals["episodes"]
            scalars["StdEpisodeRewards"] = math.sqrt(
                max(totals["squared_reward"] / totals["episodes"] - mean**2, 0)
            )
        return _tags(
            scalars,
            watch_fractions(sums[len(self._totals) :], totals["no_click"], impressions),
            "train",
        )
