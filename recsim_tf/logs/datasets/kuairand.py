"""KuaiRand: impressions of short videos in a feed, as logged sessions of one user each."""

from collections.abc import Sequence
from typing import Any

import gin
import numpy as np

from recsim_tf.core.base.validation import check_count
from recsim_tf.logs.log import Log
from recsim_tf.logs.tables import parsing
from recsim_tf.logs.tables.faults import Faults
from recsim_tf.logs.tables.frames import as_frame, check_present
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


@gin.configurable(module="recsim_tf")
def read_kuairand(impressions: Any, histories: Sequence[Any] = (), num_videos: int = 7583) -> Log:
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
        before, `watch_seq`, and viewed for long, `long_watch_seq`.
      num_videos: the number of videos. KuaiRand-Pure has 7583.

    Raises:
      FileNotFoundError, ImportError: see `from_table`.
      ValueError: for a missing column, and for the first fault, see `from_table`.
    """
    check_count(num_videos=num_videos)
    tables = impressions if isinstance(impressions, list | tuple) else [impressions]
    frame = pandas().concat([_frame(table, _IMPRESSION) for table in tables])
    order = ["user_id", "time_ms", "video_id"]
    faults = Faults(frame)
    frame = frame.assign(
        time_ms=faults.whole_numbers("time_ms", 0, parsing.LARGEST_WHOLE),
        hourmin=faults.whole_numbers("hourmin", 0, 2359),
    ).sort_values(order, kind="stable", ignore_index=True)
    pause = frame.groupby("user_id")["time_ms"].diff() / _HOUR
    shares: dict[Any, float] = {}
    for table in histories:
        shares |= _shares(_frame(table, _HISTORY))
    frame = frame.assign(
        step=frame.index,
        position=0,
        hour=frame["hourmin"] // 100,
        pause=pause.fillna(_FIRST_PAUSE).clip(lower=_SHORTEST_PAUSE),
        share=frame["user_id"].map(shares).astype(float).fillna(0.0),
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


def _frame(table: Any, columns: Sequence[str]) -> Any:
    frame = as_frame(table)
    check_present(frame, columns)
    return frame[list(columns)]


def _shares(frame: Any) -> dict[Any, float]:
    """The shares of long views by user."""
    faults = Faults(frame)
    for column in ("watch_seq", "long_watch_seq"):
        faults.lists(column)
    views = zip(frame["user_id"], frame["watch_seq"], frame["long_watch_seq"], strict=True)
    return {
        user: (np.isin(seen, long).sum() - _USUAL_SHARE * len(seen)) / (len(seen) + _USUAL_VIEWS)
        for user, seen, long in views
    }
