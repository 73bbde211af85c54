"""Logs from tables of impressions, and from the Open Bandit Dataset."""

import logging
from collections.abc import Callable, Mapping
from typing import Any

import numpy as np

from recsim_tf.core.base.types import Observation
from recsim_tf.core.base.validation import check_at_least, check_plain, check_type
from recsim_tf.logs.datasets.open_bandit import OpenBanditLog
from recsim_tf.logs.tables import parsing
from recsim_tf.logs.tables.faults import Faults
from recsim_tf.logs.tables.frames import as_frame, check_present, check_roles, pandas
from recsim_tf.ope.log import Log, SlateLogProbs

_LOG = logging.getLogger(__name__)
_PLACE = ("session", "step", "position")
# Roles of probabilities, by their fields of `SlateLogProbs`.
_PROBABILITIES = {
    "slate": "propensity",
    "prefix": "propensity_prefix",
    "position": "propensity_position",
    "set": "propensity_set",
}
_ROLES = (*_PLACE, "item", "reward", *_PROBABILITIES.values())
_ROLES += tuple(f"target_{role}" for role in _PROBABILITIES.values())
# Names of columns in the feedback of obp, by role.
OBP_COLUMNS = {
    "session": "slate_id",
    "item": "action",
    "propensity": "pscore",
    "propensity_prefix": "pscore_cascade",
    "propensity_position": "pscore_item_position",
    "target_propensity": "evaluation_policy_pscore",
    "target_propensity_prefix": "evaluation_policy_pscore_cascade",
    "target_propensity_position": "evaluation_policy_pscore_item_position",
}
_LARGEST = 2**31 - 1
_ROUNDING = 1e-5  # Of probabilities, which may be float32.


def from_table(
    table: Any,
    columns: Mapping[str, str] | None = None,
    *,
    candidates: Any = None,
    slate_size: int | None = None,
    first_position: int = 0,
    drop_invalid: bool = False,
) -> Log:
    """The log of a table with one row for each item shown, an impression.

    `columns` maps roles to names of the table's columns. Needed are session, position, item and
    reward:

      session: ids, numbers or text. Sessions keep the order of their first rows.
      step: whole numbers, of which only the order within a session counts; without it a session is
        one slate.
      position: whole numbers from `first_position`. Positions that a slate lacks are empty.
      item: the number of the candidate, from 0.
      reward: what the position earned.
      propensity, propensity_set: probability in (0, 1] of the slate, or of its items in any order,
        under the policy that showed it; the same in all rows of a slate.
      propensity_prefix, propensity_position: that of the slate up to the position, or of the
        position's item at the position.
      target_propensity and so on: those under the policy to be judged, in [0, 1].

    Args:
      table: a pandas DataFrame, a pyarrow Table, or the path of a file .csv, .csv.gz, .csv.zip,
        .parquet or .pq.
      columns: names of columns by role; by default those that are named by their roles, or as obp
        names them, such as `slate_id` and `pscore`.
      candidates: a second such table, with what could have been shown, so that policies can be
        asked: a row for each item of each step, with the columns of session, step and item, and the
        features of the document in all others. The log's `observation.documents` are float32
        [S, T, N, P], and `observation.user` has no features.
      slate_size: K; by default the most impressions that a slate has.
      first_position: number of the first position.
      drop_invalid: leave out the sessions that have a fault, and log their count as a warning.

    Raises:
      FileNotFoundError, ImportError: as `logs.from_table`.
      ValueError: for a table without rows or one of the columns; for the first fault that is found,
        by row, session, step and position; and if all sessions are dropped.
    """
    check_at_least(0, first_position=first_position)
    check_plain("drop_invalid", drop_invalid, bool)
    if slate_size is not None:
        check_at_least(1, slate_size=slate_size)
    frame = as_frame(table)
    if columns is None:
        named = {role: role for role in _ROLES}
        columns = {
            role: name
            for names in (OBP_COLUMNS, named)
            for role, name in names.items()
            if name in frame
        }
    check_roles(columns, _ROLES, ("session", "position", "item", "reward"))
    check_present(frame, columns.values())
    session, ids = parsing.codes(frame[columns["session"]])
    faults = Faults(
        frame,
        np.where(session < 0, len(ids), session),
        drop_invalid,
        {role: columns[role] for role in _PLACE if role in columns},
    )
    faults.refuse(session < 0, columns["session"], "be a session id", "missing session id")
    found = _numbers(columns, first_position, faults)
    step = found.get("step", np.zeros(len(frame)))
    order = np.lexsort((found["position"], step, session))
    order = order[faults.sound(order)]
    is_first = ~_same_as_before(session[order])
    is_slate = is_first | ~_same_as_before(step[order])
    size = slate_size or int(np.bincount(np.cumsum(is_slate)).max(initial=1))
    _check_slates(columns, found, order, is_slate, size, first_position, faults)
    kept = faults.sound(order)
    order, is_first, is_slate = order[kept], is_first[kept], is_slate[kept]
    if faults.summary:
        _LOG.warning("%s", faults.summary)
    if not len(order):
        raise ValueError(f"table must have a session without a fault, got none: {faults.summary}")
    row, number = np.cumsum(is_first) - 1, np.cumsum(is_slate)
    number -= np.maximum.accumulate(np.where(is_first, number, 0))
    where = (row, number, found["position"][order].astype(int) - first_position)
    shape = (row[-1] + 1, number.max() + 1, size)

    def by_position(role, empty, dtype=np.float64):
        array = np.full(shape, empty, dtype)
        array[where] = found[role][order]
        return array

    active = np.zeros(shape[:2], bool)
    active[where[:2]] = True
    log = Log(
        by_position("item", -1, np.int32),
        by_position("reward", 0.0),
        active,
        *(_log_probs(found, by_position, size, prefix) for prefix in ("", "target_")),
    ).check()
    if candidates is None:
        return log
    place = [columns[role] for role in _PLACE[:2] if role in columns]
    steps = frame[place].iloc[order[is_slate]]
    documents = _documents(as_frame(candidates), steps, columns["item"], log)
    return log._replace(
        observation=Observation(np.zeros([*shape[:2], 0], np.float32), documents, ())
    )


def from_open_bandit(impressions: OpenBanditLog, target: OpenBanditLog | None = None) -> Log:
    """The log of S impressions of Open Bandit, for which `logs.read_open_bandit` has the
    probability of each item at its position and no more.

    A session is one step, and its slate one item. The position is not of the slate: it stands in
    the observation, whose `user` has "position", int32 [S, 1], and "features", int32 [S, 1, 4]. Its
    `documents` are item ids, int32 [S, 1, D].

    Args:
      impressions: of the policy that logged.
      target: None, or the log of another policy with the same items. The policy to be judged then
        shows an item at a position as often as that log does.
    """
    check_type("impressions", impressions, OpenBanditLog)
    number = len(impressions.item)
    of_target = SlateLogProbs()
    if target is not None:
        check_type("target", target, OpenBanditLog)
        if target.num_items != impressions.num_items:
            raise ValueError(
                f"target must be of the same {impressions.num_items} items, got {target.num_items}"
            )
        shown = np.zeros(
            [1 + max(target.position.max(), impressions.position.max()), target.num_items]
        )
        np.add.at(shown, (target.position, target.item), 1)
        with np.errstate(divide="ignore"):
            probs = np.log(shown / np.maximum(shown.sum(1, keepdims=True), 1))
        of_target = SlateLogProbs.of_items(
            probs[impressions.position, impressions.item][:, np.newaxis]
        )
    items = np.arange(impressions.num_items, dtype=np.int32)
    user = {
        "position": impressions.position[:, np.newaxis],
        "features": impressions.user_features[:, np.newaxis],
    }
    return Log(
        impressions.item.reshape(number, 1, 1),
        impressions.clicked.reshape(number, 1, 1).astype(np.float64),
        np.ones([number, 1], bool),
        SlateLogProbs.of_items(np.log(impressions.propensity)[:, np.newaxis]),
        of_target,
        observation=Observation(user, np.broadcast_to(items, [number, 1, len(items)]), ()),
    ).check()


def _numbers(
    columns: Mapping[str, str], first_position: int, faults: Faults
) -> dict[str, np.ndarray]:
    """float64 [R] by role."""

    def is_item(value):
        return parsing.is_whole(value) & (value >= 0) & (value <= _LARGEST)

    kinds: dict[str, tuple[Callable[[np.ndarray], np.ndarray], str]] = {
        "step": (parsing.is_whole, "be a whole number"),
        "position": (
            lambda value: is_item(value) & (value >= first_position),
            f"be a whole number of at least {first_position}",
        ),
        "item": (is_item, "be the number of a candidate, from 0"),
        "reward": (np.isfinite, "be a finite number"),
    }
    of_target = (lambda value: (value >= 0) & (value <= 1), "be in [0, 1]")
    of_logging = (lambda value: (value > 0) & (value <= 1), "be in (0, 1]")
    found = {}
    for role, column in columns.items():
        if role != "session":
            by_default = of_target if role.startswith("target") else of_logging
            is_allowed, allowed = kinds.get(role, by_default)
            found[role] = faults.numbers(column, is_allowed, allowed, f"invalid {role}")
    return found


def _check_slates(
    columns: Mapping[str, str],
    found: Mapping[str, np.ndarray],
    order: np.ndarray,
    is_slate: np.ndarray,
    size: int,
    first_position: int,
    faults: Faults,
) -> None:
    """Refuses rows that do not agree with the other rows of their slate."""

    def refuse(bad, role, allowed, reason):
        faults.refuse(bad, columns[role], allowed, reason, order)

    position = found["position"][order]
    refuse(
        ~is_slate & _same_as_before(position),
        "position",
        "differ from the other positions of its slate",
        "duplicate position",
    )
    refuse(
        position - first_position >= size,
        "position",
        f"be one of the first slate_size={size} positions (set first_position or slate_size for"
        " others)",
        "position outside the slate",
    )
    for role in columns:
        if "propensity" not in role or role.endswith("position"):
            continue
        values = found[role][order]
        before = np.append(1.0, values[:-1])[: len(values)]
        if role.endswith("prefix"):
            grows = ~is_slate & (values > before * (1 + _ROUNDING))
            refuse(grows, role, "not grow along the slate", f"growing {role}")
        else:
            differs = ~is_slate & (values != before)
            refuse(differs, role, "be the same in all rows of a slate", f"{role} differs")


def _log_probs(
    found: Mapping[str, np.ndarray], by_position: Any, size: int, prefix: str
) -> SlateLogProbs:
    """Those whose roles begin with a prefix; of one item all are the same."""
    known: dict[str, np.ndarray] = {}
    for field, role in _PROBABILITIES.items():
        if prefix + role in found:
            with np.errstate(divide="ignore"):
                known[field] = np.log(by_position(prefix + role, 1.0))
            if field == "prefix":
                known[field] = np.minimum.accumulate(known[field], axis=2)
            elif field != "position":
                known[field] = known[field].min(2)
    if "prefix" in known:
        known.setdefault("slate", known["prefix"][..., -1])
    if size == 1 and known:
        one = next(iter(known.values()))
        return SlateLogProbs.of_items(one.reshape(one.shape[:2]))
    return SlateLogProbs(**known)


def _documents(frame: Any, steps: Any, item: str, log: Log) -> np.ndarray:
    """float32 [S, T, N, P] of a table of candidates, zeros where a session is over; `steps` are the
    session and step of each slate, as the columns of a table.
    """
    place = list(steps.columns)
    check_present(frame, (*place, item), "candidates")
    faults = Faults(frame)
    number = faults.whole_numbers(item, 0, len(frame) - 1)
    names = [name for name in frame.columns if name not in (*place, item)]
    features = [
        faults.numbers(name, np.isfinite, "be a finite number", read=parsing.float32)
        for name in names
    ]
    index = pandas().MultiIndex.from_frame
    slate = index(steps).get_indexer(index(frame[place]))
    known = slate >= 0
    num_candidates = int(number.max()) + 1
    if log.slate.max() >= num_candidates:
        raise ValueError(
            f"candidates must have all items of the log, got {num_candidates} of at least"
            f" {log.slate.max() + 1}"
        )
    of_slates = np.full([len(steps), num_candidates, len(names)], np.nan, np.float32)
    of_slates[slate[known], number[known]] = np.stack(features, axis=1)[known]
    missing = np.argwhere(np.isnan(of_slates).any(2))
    if len(missing):
        at = ", ".join(f"{cell}" for cell in steps.iloc[missing[0, 0]])
        raise ValueError(
            f"candidates must have a row for each item from 0 to {num_candidates - 1} of each step,"
            f" got none for item {missing[0, 1]} of {at}"
        )
    documents = np.zeros([*log.active.shape, *of_slates.shape[1:]], np.float32)
    documents[log.active] = of_slates
    return documents


def _same_as_before(values: np.ndarray) -> np.ndarray:
    """bool [M]: which values [M] are the same as the one before them."""
    return np.append(False, values[1:] == values[:-1])[: len(values)]
