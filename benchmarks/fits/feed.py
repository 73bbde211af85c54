"""A feed of short videos, as KuaiRand has it: one impression a step, users with a hidden appetite,
memories of hours and of a day, fatigue within a visit. The page, the hour and the pause before a
step are its context. Only public parts of recsim_tf.
"""

from pathlib import Path
from typing import NamedTuple

import numpy as np
import pandas as pd
import tensorflow as tf
from tensorflow_probability import distributions as tfd

import recsim_tf
from recsim_tf import fitting, logs
from recsim_tf.core.distributions import candidate_ids

_NUM_VIDEOS, _NUM_TAGS, _NUM_TABS = 7583, 45, 15
_FIRST_PAUSE = 240.0  # hours before the first impression of a user


class Context(NamedTuple):
    """The context that is known before a step, [B] each."""

    tab: tf.Tensor
    hour: tf.Tensor
    pause: tf.Tensor  # hours since the last step


class User(NamedTuple):
    """The draws of a user, [B] each."""

    appetite: tf.Tensor  # a class
    share: tf.Tensor  # of videos watched for long, in the history
    tab: tf.Tensor
    hour: tf.Tensor
    pause: tf.Tensor


class State(NamedTuple):
    """The state of a user, [B] each."""

    user: User
    context: Context
    fast: tf.Tensor  # memories of surprises
    slow: tf.Tensor
    place: tf.Tensor  # steps since the last pause


class Video(NamedTuple):
    """A video as users meet it, [B, K] each."""

    effect: tf.Tensor
    length: tf.Tensor


class Videos(recsim_tf.DocumentModel):
    """Videos by id."""

    effect: tuple = recsim_tf.parameter(rank=1)  # [V]
    tag_effect: tuple = recsim_tf.parameter(rank=1)  # [G]
    tag: tuple = ()  # [V]
    length: tuple = ()  # [V], the logarithm of seconds, standardised

    def candidates(self, num_users, num_candidates, corpus, user):
        return candidate_ids(len(self.length), num_users, num_candidates)

    def show(self, documents, hidden):
        tags = tf.gather(tf.constant(self.tag, tf.int32), documents)
        effect = tf.gather(self.effect, documents) + tf.gather(self.tag_effect, tags)
        return Video(effect, tf.gather(tf.constant(self.length, tf.float32), documents))

    def observe(self, documents):
        return documents


class Viewers(recsim_tf.UserModel):
    """Users of a feed. A normal appetite is one of `num_classes`, by Gauss-Hermite quadrature."""

    num_classes: int = 5

    tab: tuple = recsim_tf.parameter((0.0,) * _NUM_TABS, rank=1)
    clock: tuple = recsim_tf.parameter((0.0,) * 6, rank=1)  # of the hour 4, of the length 2
    share: float = recsim_tf.parameter(3.0)
    spread: float = recsim_tf.parameter(0.5, low=0)  # of appetites
    fast: float = recsim_tf.parameter(0.0)
    slow: float = recsim_tf.parameter(0.0)
    fatigue: float = recsim_tf.parameter(0.0)
    rest: float = recsim_tf.parameter(0.0)

    def context(self, num_users):
        zeros = tf.zeros([num_users])
        tabs = tfd.Categorical(logits=tf.zeros([num_users, _NUM_TABS]))
        return Context(tabs, tfd.Uniform(zeros, 24.0), tfd.LogNormal(zeros + 2.0, 1.5))

    def initial_draws(self, num_users):
        _, weights = np.polynomial.hermite_e.hermegauss(self.num_classes)
        logits = tf.constant(np.log(weights / weights.sum()), tf.float32)
        appetite = tfd.Categorical(logits=tf.broadcast_to(logits, [num_users, len(weights)]))
        share = tfd.Normal(tf.zeros([num_users]), 0.15)
        return tfd.JointDistributionNamed(User(appetite, share, *self.context(num_users)))

    def initial_state(self, draws):
        none = tf.zeros_like(draws.share)
        return State(draws, Context(draws.tab, draws.hour, draws.pause), none, none, none)

    def common(self, state, video):  # [B, 1], of any user
        angle = state.context.hour[:, tf.newaxis] * (2 * np.pi / 24)
        waves = [tf.sin(angle), tf.cos(angle), tf.sin(2 * angle), tf.cos(2 * angle)]
        terms = tf.stack([*waves, video.length, video.length**2], axis=-1)
        of_tabs = tf.one_hot(state.context.tab, _NUM_TABS) * self.per_user("tab", 2)
        tab = tf.reduce_sum(of_tabs, axis=-1, keepdims=True)
        return tab + video.effect + tf.reduce_sum(terms * self.per_user("clock", 3), axis=-1)

    def faded(self, state):
        pause = state.context.pause
        place = tf.where(pause < 0.5, state.place + 1, 0.0)
        fast, slow = state.fast * 0.5 ** (pause / 4), state.slow * 0.5 ** (pause / 24)
        return state._replace(fast=fast, slow=slow, place=place)

    def response(self, state, slate):
        now, pause = self.faded(state), state.context.pause
        nodes, _ = np.polynomial.hermite_e.hermegauss(self.num_classes)
        appetite = tf.gather(tf.constant(nodes, tf.float32), state.user.appetite)
        moved = self.per_user("fast") * now.fast + self.per_user("slow") * now.slow
        moved += self.per_user("fatigue") * tf.math.log1p(now.place)
        moved += self.per_user("rest") * tf.math.log(pause + 0.02)
        of_user = self.per_user("spread") * appetite + self.per_user("share") * state.user.share
        scores = self.common(state, slate.documents) + (of_user + moved)[:, tf.newaxis]
        return recsim_tf.choice.IndependentClicks()(scores, slate.mask)

    def outcome(self, state, slate, draw):
        return recsim_tf.Clicks(draw)

    def innovation(self, state, slate, response):
        return tfd.JointDistributionNamed(self.context(state.fast.shape[0]))

    def update(self, state, slate, response, innovation):
        now = self.faded(state)
        surprise = (response.clicked - tf.sigmoid(self.common(state, slate.documents)))[:, 0]
        fast, slow = now.fast + surprise, now.slow + surprise
        return now._replace(context=innovation, fast=fast, slow=slow)

    def observe(self, state):
        return state.context


def read(folder: Path) -> logs.Log:
    """The log of KuaiRand, a session a user."""
    table = pd.read_parquet(folder / "kuairand_train.parquet")
    table = table.sort_values(["user_id", "time_ms", "video_id"], kind="stable", ignore_index=True)
    pause = table.groupby("user_id").time_ms.diff() / 3.6e6
    table["pause"] = pause.fillna(_FIRST_PAUSE).clip(lower=1e-3)
    table["hour"], table["step"], table["position"] = table.hourmin // 100, table.index, 0
    before = pd.read_parquet(folder / "kuairand_histories.parquet").set_index("user_id")
    shares = {
        user: (np.isin(watched, long).sum() - 0.35 * len(watched)) / (len(watched) + 8)
        for user, watched, long in zip(
            before.index, before.watch_seq, before.long_watch_seq, strict=True
        )
    }
    table["share"] = table.user_id.map(shares).fillna(0.0)
    return logs.from_table(
        table,
        {
            "session": "user_id",
            "step": "step",
            "position": "position",
            "document": "video_id",
            "clicked": "is_click",
        },
        user_columns={"share": "share"},
        context={"tab": "tab", "hour": "hour", "pause": "pause"},
        document_ids=range(_NUM_VIDEOS),
        departed=False,
        multiple_clicks=True,
    )


def simulator(folder: Path) -> recsim_tf.Simulator:
    """The feed, before it is fitted."""
    table = pd.read_parquet(folder / "kuairand_videos.parquet").set_index("video_id")
    table = table.reindex(range(_NUM_VIDEOS))
    seconds = table.video_duration.fillna(table.video_duration.median()) / 1e3
    length = np.log(seconds + 1)
    length = ((length - length.mean()) / length.std()).to_numpy(np.float32)
    tag = table.tag.fillna("none").str.split(",").str[0].astype("category").cat.codes.to_numpy()
    effects = (np.zeros(size, np.float32) for size in (_NUM_VIDEOS, tag.max() + 1))
    return recsim_tf.Simulator(Viewers(), Videos(*effects, tag=tag, length=length), 1, 10)


def starts() -> dict[str, fitting.Parameter]:
    """The parameters that are fitted, with their starts and priors."""
    normal = tfd.Normal(0.0, 0.32)
    parameters = {
        "users.tab": fitting.Parameter(np.zeros(_NUM_TABS), prior=tfd.Normal(0.0, 3.0)),
        "users.clock": fitting.Parameter(np.zeros(6)),
        "documents.effect": fitting.Parameter(np.zeros(_NUM_VIDEOS), prior=normal),
        "documents.tag_effect": fitting.Parameter(np.zeros(_NUM_TAGS), prior=normal),
        "users.share": fitting.Parameter(3.0),
        "users.spread": fitting.Parameter(0.5, "positive"),
    }
    moving = ("fast", "slow", "fatigue", "rest")
    return parameters | {f"users.{name}": fitting.Parameter(0.0) for name in moving}
