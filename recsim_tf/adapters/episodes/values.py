"""Values that a session can have, whatever the models draw."""

from typing import NamedTuple

import numpy as np
import tensorflow as tf
import tree

from recsim_tf.adapters.episodes.records import is_context, name_of
from recsim_tf.adapters.episodes.session import Session
from recsim_tf.core import turns
from recsim_tf.core.bounds import bounded_specs
from recsim_tf.core.simulator import Simulator


class Fault(NamedTuple):
    """What is wrong with a session."""

    session: int  # number in the piece
    reason: str


class Allowed(NamedTuple):
    """The values of a feature."""

    dtype: np.dtype
    low: float | None  # None for floats of an observation or of a draw
    high: float | None


def allowed_values(simulator: Simulator, spec: Session) -> dict[str, Allowed]:
    """What is allowed by feature: floats are finite; integers are in the range that the model
    declares, or in that of their dtype; queries are in that of the simulator's `query_spec`.

    Args:
      simulator: the simulator.
      spec: a `Session` of `tf.TensorSpec` without the time axis.
    """
    observed = {
        "user": (spec.user, simulator.users.observation_bounds()),
        "documents": (spec.documents, simulator.documents.observation_bounds()),
    }
    declared = {
        leaf.name: leaf
        for name, (specs, bounds) in observed.items()
        for leaf in tf.nest.flatten(bounded_specs(name, specs, bounds))
    }
    found = {}
    for path, leaf in tree.flatten_with_path(spec):
        name, low, high = name_of(path), None, None
        if leaf.dtype.is_bool:
            low, high = 0, 1
        elif leaf.dtype.is_integer:
            bounded = declared.get(name, leaf.dtype)
            is_dtype = bounded is leaf.dtype
            low, high = (
                (leaf.dtype.min, leaf.dtype.max)
                if is_dtype
                else (int(np.min(bounded.minimum)), int(np.max(bounded.maximum)))
            )
        found[name] = Allowed(leaf.dtype.as_numpy_dtype, low, high)
    found["slate"] = found["slate"]._replace(low=-1, high=simulator.num_candidates - 1)
    for path, leaf in tree.flatten_with_path(simulator.query_spec):
        low, high = turns.limits(leaf)
        name = name_of(("query", *path))
        found[name] = found[name]._replace(low=np.min(low).item(), high=np.max(high).item())
    return found


def first_impossible(sessions: list[Session], allowed: dict[str, Allowed]) -> Fault | None:
    """The first session of a piece that has an impossible value.

    Args:
      sessions: as they are stored, integers and booleans as int64.
      allowed: by feature, see `allowed_values`.
    """
    lengths = np.array([len(session.reward) for session in sessions])
    of_step = np.repeat(np.arange(len(sessions)), lengths)
    ends = np.cumsum(lengths)
    faults = []
    paths = [path for path, _ in tree.flatten_with_path(sessions[0])]
    for path, *leaves in zip(paths, *map(tree.flatten, sessions), strict=True):
        name = name_of(path)
        stored = np.stack(leaves) if is_context(name) else np.concatenate(leaves)
        bad, words = _outside(stored, allowed[name])
        rows = np.flatnonzero(bad.any(axis=tuple(range(1, bad.ndim))))
        if not len(rows):
            continue
        row = rows[0]
        in_context = is_context(name)
        session = row if in_context else of_step[row]
        place = "" if in_context else _step(row, ends, of_step)
        value = stored[row][bad[row]][0] if bad.ndim > 1 else stored[row]
        faults.append(Fault(int(session), f"feature {name} must be {words}, got {value}{place}"))
    faults += _ends_too_early(sessions, of_step, ends)
    return min(faults, key=lambda fault: fault.session, default=None)


def _outside(stored: np.ndarray, allowed: Allowed) -> tuple[np.ndarray, str]:
    """Which values are not allowed, and what is."""
    bad = np.zeros(stored.shape, bool)
    if stored.dtype.kind == "f":
        with np.errstate(over="ignore"):
            stored = stored.astype(allowed.dtype)
        bad = ~np.isfinite(stored.astype(np.float64))
    if allowed.low is None:
        return bad, "finite"
    bad |= (stored < allowed.low) | (stored > allowed.high)
    range_ = f"in [{allowed.low}, {allowed.high}]"
    is_flag = stored.dtype.kind != "f" and (allowed.low, allowed.high) == (0, 1)
    return bad, "0 or 1" if is_flag else range_


def _ends_too_early(sessions: list[Session], of_step: np.ndarray, ends: np.ndarray) -> list[Fault]:
    """Sessions that end before their last step, or in two ways."""
    terminal, truncated = (
        np.concatenate([getattr(session, name) for session in sessions]) == 1
        for name in ("is_terminal", "is_truncated")
    )
    is_last = np.zeros(len(of_step), bool)
    is_last[ends - 1] = True
    found = []
    for bad, words in (
        (terminal & ~is_last, "feature is_terminal must be 0 before the last step, got 1"),
        (truncated & ~is_last, "feature is_truncated must be 0 before the last step, got 1"),
        (terminal & truncated, "feature is_truncated must be 0 where is_terminal is 1, got 1"),
    ):
        rows = np.flatnonzero(bad)
        if len(rows):
            found.append(Fault(int(of_step[rows[0]]), words + _step(rows[0], ends, of_step)))
    return found


def _step(row: int, ends: np.ndarray, of_step: np.ndarray) -> str:
    session = of_step[row]
    return f" at step {row - (ends[session - 1] if session else 0)}"
