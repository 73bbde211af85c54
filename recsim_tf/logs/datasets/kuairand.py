# SPDX-License-Identifier: Apache-2.0
"""KuaiRand: impressions of short videos in a feed, as logged sessions of one user each."""

from collections.abc import Sequence
from typing import Any

import numpy as np

from recsim_tf.core.base.arguments import Count, configurable
from recsim_tf.logs.log import Log
from recsim_tf.logs.tables import parsing
from recsim_tf.logs.tables.faults import Faults
from recsim_tf.logs.tables.frames import as_frame, check_present, path_of
from recsim_tf.logs.tables.parsing import pandas
from recsim_tf.logs.tables.table import from_table

_IMPRESSION = ("user_id", "video_id", "time_ms", "hourmin", "tab", "is_click")
_HISTORY = ("user_id", "watch_seq", "long_watch_seq")
_HOUR = 3.6e6  # milliseconds
# Hours before the first impression of a user, of which the log tells nothing.
_FIRST_PAUSE = 24.0
_SHORTEST_PAUSE = 1e-3  # hours, between impressions that have the same time
# The share of long views that is usual, and how many views it counts for.
_USUAL_SHARE, _USUAL_VIEWS = 0.35, 8


@configurable(module="recsim_tf")
def read_kuairand(impressions: Any, histories: Sequence[Any] = (), num_videos: Count = 7583) -> Log:
    """Reads KuaiRand-Pure (Gao et al. 2022, "KuaiRand: an unbiased sequential recommendation
    dataset with randomly exposed videos"): a session for each user, a step for each impression.

    The context of a step is the `tab` of the app (a whole number), the `hour` of the day and the
    `pause`, the hours since the user's last impression; it is 24 before the first one. The initial
    draw `share` is the share of long views among the last views before the log. It is smoothed by
    eight views, and the usual share of 0.35 is subtracted, so 0 is a user without a history.

    Args:
      impressions: a table as of `from_table`, or a list of tables of one log, such as later days of
        the same users, with `user_id`, `video_id` in [0, num_videos), `time_ms`, `hourmin` (1830
        for half past six in the evening), `tab` and `is_click` (0 or 1).
      histories: such tables with a row for each user: `user_id`, and lists of the videos viewed
        before, `watch_seq`, and viewed for long, `long_watch_seq`. Ids are compared as those of
        `from_table`: 7 and "7" are the same id.
      num_videos: the number of videos. KuaiRand-Pure has 7583.

    Raises:
      FileNotFoundError, ImportError: see `from_table`.
      ValueError: for a missing column, and for the first fault, see `from_table`.
    """
    tables = impressions if isinstance(impressions, list | tuple) else [impressions]
    frame = pandas().concat([_impressions(table, num_videos) for table in tables])
    user, user_ids = parsing.codes(frame["user_id"], ordered=True)
    order = ["user", "time_ms", "video_id"]
    frame = frame.assign(user=user).sort_values(order, kind="stable", ignore_index=True)
    pause = frame.groupby("user")["time_ms"].diff() / _HOUR
    shares: dict[str, float] = {}
    for table in histories:
        _add_shares(table, shares)
    share = np.array([shares.get(user_id, 0.0) for user_id in user_ids])
    frame = frame.assign(
        step=frame.index,
        position=0,
        hour=frame["hourmin"] // 100,
        pause=pause.fillna(_FIRST_PAUSE).clip(lower=_SHORTEST_PAUSE),
        share=share[frame["user"]],
    )
    roles = {"session": "user_id", "timestamp": "time_ms", "document": "video_id"}
    return from_table(
        frame,
        {**roles, "step": "step", "position": "position", "clicked": "is_click"},
        user_columns={"share": "share"},
        context={name: name for name in ("tab", "hour", "pause")},
        document_ids=range(num_videos),
        departed=False,
        multiple_clicks=True,
    )


def _impressions(table: Any, num_videos: int) -> Any:
    """A table of impressions, after a check of each row."""
    frame, faults = _frame("impressions", table, _IMPRESSION)
    videos = f"be a video id in [0, {num_videos})"
    codes = faults.known("video_id", range(num_videos), videos, "unknown video")
    faults.refuse(codes < 0, "video_id", videos, "missing video")
    hourmin = faults.whole_numbers("hourmin", 0, 2359)
    faults.refuse(hourmin % 100 > 59, "hourmin", "be a time of the day", "invalid hourmin")
    return frame.assign(
        video_id=codes,
        time_ms=faults.whole_numbers("time_ms", 0, parsing.LARGEST_WHOLE),
        hourmin=hourmin,
        tab=faults.whole_numbers("tab", 0, parsing.LARGEST_FLOAT32),
        is_click=faults.flags("is_click"),
    )


def _add_shares(table: Any, shares: dict[str, float]) -> None:
    """Adds the shares of long views by the text of a user's id."""
    frame, faults = _frame("histories", table, _HISTORY)
    users = parsing.id_texts(frame["user_id"])
    repeated = users.duplicated() | users.isin(shares)
    faults.refuse(repeated, "user_id", "differ from the other users", "repeated user")
    lists = zip(faults.lists("watch_seq"), faults.lists("long_watch_seq"), strict=True)
    for user, (watched, long) in zip(users, lists, strict=True):
        num_long = parsing.id_texts(watched).isin(parsing.id_texts(long)).sum()
        shares[user] = (num_long - _USUAL_SHARE * len(watched)) / (len(watched) + _USUAL_VIEWS)


def _frame(name: str, table: Any, columns: Sequence[str]) -> tuple[Any, Faults]:
    """Columns of a table with a user in each row, and the object that refuses their faults."""
    frame = as_frame(table, texts=["user_id"], name=name)
    check_present(frame, columns)
    frame, faults = frame[list(columns)], Faults(frame, path=path_of(table))
    codes, _ = parsing.codes(frame["user_id"])
    faults.refuse(codes < 0, "user_id", "be a user id", "missing user id")
    return frame, faults
