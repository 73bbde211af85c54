# SPDX-License-Identifier: Apache-2.0
"""The Open Bandit Dataset as logged sessions of single impressions or of pages."""

import os
from typing import Annotated, Any, NamedTuple

import numpy as np

from recsim_tf.core.base.arguments import OneOf, WholeNumber, checked
from recsim_tf.core.base.types import Observation
from recsim_tf.logs.log import Log, SlateLogProbs
from recsim_tf.logs.tables import parsing
from recsim_tf.logs.tables.faults import Faults
from recsim_tf.logs.tables.frames import read_columns
from recsim_tf.logs.tables.parsing import pandas

CAMPAIGNS = ("all", "men", "women")
POLICIES = ("random", "bts")
_NUM_POSITIONS = 3
_COLUMNS = ("timestamp", "item_id", "position", "click", "propensity_score")
_USER_FEATURES = tuple(f"user_feature_{number}" for number in range(4))
_ITEM_CATEGORIES = tuple(f"item_feature_{number}" for number in range(1, 4))


class OpenBanditLog(NamedTuple):
    """S impressions with features for click models, as sessions of a step with one item."""

    # `documents` are int32 item ids. `response` is int32, 0 for a click and 1 for no click. No user
    # leaves. All items are candidates. `observation.user` has "position", int32 [S, 1], and
    # "features", int32 [S, 1, 4]; `observation.documents` are item ids, int32 [S, 1, D].
    log: Log
    # Position of the item on the page, int32 [S]: 0, 1 or 2 from left to right.
    position: np.ndarray
    # Logged probability of the item at this position, float64 [S], in (0, 1].
    propensity: np.ndarray
    # Positions in `user_categories`, int32 [S, 4]; their number for an unknown hash.
    user_features: np.ndarray
    user_categories: tuple[np.ndarray, ...]  # 4 arrays of hashes, sorted
    # The user's past clicks on the item shown, as the data set counts them, float32 [S].
    affinity: np.ndarray
    timestamp: np.ndarray  # datetime64[ns] [S], UTC
    item_numeric: np.ndarray  # float32 [D], item feature 0
    # Codes of item features 1 to 3, int32 [D, 3], numbered in order of item id.
    item_categories: np.ndarray

    @property
    def item(self) -> np.ndarray:
        """The items shown, int32 [S]."""
        return self.log.documents[:, 0, 0]

    @property
    def clicked(self) -> np.ndarray:
        """True where the item shown was clicked, bool [S]."""
        return self.log.response[:, 0] == 0

    @property
    def num_items(self) -> int:
        """The number of items, D."""
        return len(self.item_numeric)


@checked
def read_open_bandit(
    folder: str | os.PathLike,
    campaign: Annotated[str, OneOf(CAMPAIGNS)] = "all",
    policy: Annotated[str, OneOf(POLICIES)] = "random",
    like: OpenBanditLog | None = None,
) -> OpenBanditLog:
    """Reads one log of the Open Bandit Dataset (Saito et al. 2020, arXiv 2008.07146), impressions
    in the order of the file.

    A row is one item at one of three positions of a page. The data set does not mark rows of the
    same page, so each row is a session.

    Features of users and items are hashes. The hashes of items differ between the folders of the
    two policies, but group the same items: their codes, numbered in order of item id, agree. The
    hashes of users are the same in both folders, but not all of them occur in each.

    Args:
      folder: the data set. It has a folder `POLICY/CAMPAIGN` with `CAMPAIGN.csv` and
        `item_context.csv`.
      campaign: "all", "men" or "women", the items on offer.
      policy: "random" (uniform) or "bts" (Bernoulli Thompson sampling).
      like: a log whose `user_categories` are used for the codes of users, such as the log of the
        other policy; by default this log has its own categories.

    Raises:
      FileNotFoundError, ImportError: see `from_table`.
      ValueError: for another campaign or policy; and for a fault, with its row and column, see
        `from_table`.
    """
    place = os.path.join(os.fspath(folder), policy, campaign)
    item_numeric, item_categories = _read_items(os.path.join(place, "item_context.csv"))
    num_items = len(item_numeric)
    affinities = [f"user-item_affinity_{item}" for item in range(num_items)]
    path = os.path.join(place, f"{campaign}.csv")
    frame = read_columns(path, (*_COLUMNS, *_USER_FEATURES, *affinities))
    faults = Faults(frame, path=path)
    item = faults.whole_numbers("item_id", 0, num_items - 1).astype(np.int32)
    position = faults.whole_numbers("position", 1, _NUM_POSITIONS).astype(np.int32)
    click = faults.whole_numbers("click", 0, 1).astype(np.int32)
    propensity = faults.numbers("propensity_score", lambda x: (x > 0) & (x <= 1), "be in (0, 1]")
    time, valid, _ = parsing.timestamps(frame["timestamp"])
    valid = valid & (np.abs(time) < 2.0**63)  # nanoseconds of datetime64
    faults.refuse(~valid, "timestamp", "be a date (ISO 8601)", "invalid timestamp")
    features, categories = [], []
    for number, name in enumerate(_USER_FEATURES):
        codes, hashes = parsing.codes(
            _hashes(frame, faults, name),
            None if like is None else like.user_categories[number],
            ordered=True,
        )
        features.append(np.where(codes < 0, len(hashes), codes))
        categories.append(hashes)
    affinity = np.zeros(len(frame))
    for number, name in enumerate(affinities):
        values = faults.numbers(
            name, lambda x: x >= 0, "be a number of at least 0", read=parsing.float32
        )
        affinity = np.where(item == number, values, affinity)
    user_features = np.stack(features, axis=1).astype(np.int32)
    log = Log(
        length=np.ones(len(frame), np.int32),
        departed=np.zeros(len(frame), bool),
        documents=item[:, np.newaxis, np.newaxis],
        shown=np.ones((len(frame), 1, 1), bool),
        response=1 - click[:, np.newaxis],
        slate=item[:, np.newaxis, np.newaxis],
        reward=click[:, np.newaxis, np.newaxis].astype(np.float64),
        propensity=SlateLogProbs.of_items(np.log(propensity)[:, np.newaxis]),
        observation=Observation(
            {"position": position[:, np.newaxis] - 1, "features": user_features[:, np.newaxis]},
            np.broadcast_to(np.arange(num_items, dtype=np.int32), [len(frame), 1, num_items]),
            (),
        ),
    ).check()
    return OpenBanditLog(
        log=log,
        position=position - 1,
        propensity=propensity,
        user_features=user_features,
        user_categories=tuple(categories),
        affinity=parsing.as_float32(affinity),
        timestamp=time.astype("datetime64[ns]"),
        item_numeric=item_numeric,
        item_categories=item_categories,
    )


def _read_items(path: str) -> tuple[np.ndarray, np.ndarray]:
    """Item feature 0, float32 [D], and codes of item features 1 to 3, int32 [D, 3], by item id."""
    frame = read_columns(path, ("item_id", "item_feature_0", *_ITEM_CATEGORIES))
    faults = Faults(frame, path=path)
    item = faults.whole_numbers("item_id", 0, len(frame) - 1)
    order, repeated = np.argsort(item), pandas().Series(item).duplicated().to_numpy()
    faults.refuse(repeated, "item_id", "differ from the other items", "duplicate item")
    numeric = faults.numbers(
        "item_feature_0", np.isfinite, "be a finite number", read=parsing.float32
    )
    categories = [
        pandas().factorize(_hashes(frame, faults, name).iloc[order])[0] for name in _ITEM_CATEGORIES
    ]
    return numeric[order], np.stack(categories, axis=1).astype(np.int32)


def _hashes(frame: Any, faults: Faults, name: str) -> Any:
    """A column of hashes. A missing hash is refused."""
    faults.refuse(frame[name].isna().to_numpy(), name, "be a hash", f"invalid {name}")
    return frame[name]


@checked
def page_log(impressions: OpenBanditLog, max_affinity: WholeNumber = 2) -> Log:
    """The log of impressions as pages of three positions. Each impression is a session of one page,
    which shows its item at its position; the two other positions are empty.

    Args:
      impressions: S impressions, as `read_open_bandit` reads them.
      max_affinity: the largest affinity, at least 0. Affinities are rounded, and cut to it.

    Returns:
      A log with `initial` the codes of the users' features, int32 [S, 4]; `documents` item ids
      int32 [S, 1, 3], 0 where nothing is shown; `hidden` affinities int32 [S, 1, 3]; `response`
      int32 [S, 1, 3], 1 for a click.

    Raises:
      ValueError: if max_affinity is no integer of at least 0.
    """

    def at_position(values):
        """Values [S] at the positions shown and zeros elsewhere, int32 [S, 1, 3]."""
        return np.where(shown, values[:, np.newaxis, np.newaxis], 0).astype(np.int32)

    shown = (impressions.position[:, np.newaxis] == np.arange(_NUM_POSITIONS))[:, np.newaxis]
    return impressions.log._replace(
        initial=impressions.user_features,
        documents=at_position(impressions.item),
        shown=shown,
        hidden=at_position(np.minimum(np.rint(impressions.affinity), max_affinity)),
        response=at_position(impressions.clicked),
        # These are unknown for the other positions of a page.
        slate=(),
        reward=(),
        propensity=SlateLogProbs(),
        observation=(),
    )


@checked
def open_bandit_log(impressions: OpenBanditLog, target: OpenBanditLog) -> Log:
    """The log of impressions with the probabilities of a policy to judge. The policy shows an item
    at a position as often as it is shown there in `target`.

    Args:
      impressions: the impressions of the policy that logged.
      target: impressions of the policy to judge.

    Raises:
      ValueError: if `target` has another number of items.
    """
    if target.num_items != impressions.num_items:
        raise ValueError(
            f"target must have the same {impressions.num_items} items, got {target.num_items}"
        )
    number = 1 + max(target.position.max(), impressions.position.max())
    shown = np.zeros([number, target.num_items])
    np.add.at(shown, (target.position, target.item), 1)
    with np.errstate(divide="ignore"):
        log_probs = np.log(shown / np.maximum(shown.sum(1, keepdims=True), 1))
    logged_log_probs = log_probs[impressions.position, impressions.item][:, np.newaxis]
    return impressions.log._replace(target=SlateLogProbs.of_items(logged_log_probs)).check()
