# SPDX-License-Identifier: Apache-2.0
"""Conversion of logs to the feedback of the library obp 0.5.7 (Saito et al. 2020, Open Bandit
Pipeline), and back. obp itself is not imported.
"""

from collections.abc import Mapping
from typing import Any

import numpy as np
import tensorflow as tf

from recsim_tf.core.base.arguments import Count, checked, require
from recsim_tf.core.base.types import Observation
from recsim_tf.logs.arguments import log_of
from recsim_tf.logs.checks import require_once
from recsim_tf.logs.densities import densities, walk
from recsim_tf.logs.log import Log
from recsim_tf.logs.tables import parsing
from recsim_tf.logs.tables.parsing import pandas
from recsim_tf.logs.tables.table import from_table

_PSCORES = {"slate": "pscore", "prefix": "pscore_cascade", "position": "pscore_item_position"}
# Arrays of the feedback of slates.
_SLATE_ARRAYS = ["slate_id", "position", *_PSCORES.values()]
_SLATE_ARRAYS += [f"evaluation_policy_{name}" for name in _PSCORES.values()]
_ROUNDING = 1e-4  # rounding error of distributions, which may be float32


def to_obp(log: Log, policy: Any = None) -> dict[str, Any]:
    """The feedback of obp for n rounds, which are the steps of all sessions. obp has no sessions,
    so its estimates are means over steps.

    Args:
      log: a log with full slates of K items, and rewards by position.
      policy: a `StochasticPolicy` to judge, whose probabilities the feedback gets; by default it
        gets the target probabilities of the log.

    Returns:
      For K = 1, obp's `BanditFeedback`: `action`, `position` (0), `reward` and `pscore` [n], and
      for a policy also `action_dist` [n, N, 1]. Else its `SlateBanditFeedback`: `slate_id`,
      `position`, `action`, `reward`, `pscore`, `pscore_cascade` and `pscore_item_position` [n K],
      and the probabilities under the policy to judge with the prefix `evaluation_policy_`. For logs
      with observations also `context` [n, P], the features of user and candidates, and
      `action_context`, eye(N).

    Raises:
      ValueError: for a slate with an empty position, rewards of whole slates, or a bad policy.
    """
    log = log_of("log", log).whole().require("to_obp", "slate", "reward")
    active, size = log.active, log.slate_size
    if log.reward.shape[2] != size or (log.slate[active] < 0).any():
        raise ValueError("log must have full slates and rewards by position for obp")
    number = int(active.sum())
    feedback: dict[str, Any] = {
        "n_rounds": number,
        "action": log.slate[active].ravel(),
        "position": np.tile(np.arange(size), number),
        "reward": log.reward[active].ravel(),
    }
    if size > 1:
        feedback["slate_id"] = np.repeat(np.arange(number), size)
    num_actions = int(log.slate.max()) + 1
    if tf.nest.flatten(log.observation):
        seen = tf.nest.flatten((log.observation.user, log.observation.documents))
        num_actions = tf.nest.flatten(log.observation.documents)[0].shape[2]
        feedback["context"] = np.concatenate(
            [leaf[active].reshape(number, -1) for leaf in seen], axis=1
        )
        feedback["action_context"] = np.eye(num_actions)
    feedback["n_actions" if size == 1 else "n_unique_action"] = num_actions
    target = log.target if policy is None else densities(policy)(log)
    for prefix, log_probs in (("", log.propensity), ("evaluation_policy_", target)):
        for field, name in _PSCORES.items():
            values = getattr(log_probs, field)
            if not isinstance(values, tuple) and (size > 1 or prefix + name == "pscore"):
                probs = np.exp(values[active]).reshape(number, -1)
                feedback[prefix + name] = np.broadcast_to(probs, [number, size]).ravel()
    if size == 1 and policy is not None:
        walked = walk({"policy": policy}, lambda given, *_: {"of": given[0].marginals()})
        feedback["action_dist"] = walked(log)["of"].numpy()[active].swapaxes(1, 2)
    return feedback


@checked
def from_obp(feedback: Mapping[str, Any], action_dist: np.ndarray | None = None) -> Log:
    """The log of obp's feedback. Each round is a session of one step.

    Args:
      feedback: a `SlateBanditFeedback`, also with `evaluation_policy_pscore` and so on, or a
        `BanditFeedback`, whose slates have one document. Documents are the numbers of the actions.
        `context` and `action_context`, if both are given, are the log's observation. Contexts are
        in the order of `slate_id`.
      action_dist: the distributions of the policy to judge, float [n, A, L], for a
        `BanditFeedback`.

    Raises:
      ValueError: for faults of the table, see `from_table`, with obp's names of columns; for
        actions out of range, distributions that do not sum to one, and a context that is not finite
        or has another number of rounds.
    """
    is_slates = feedback.get("slate_id") is not None
    names = ("action", "reward", *(_SLATE_ARRAYS if is_slates else ("pscore",)))
    table = {
        name: _array(f"feedback[{name!r}]", feedback[name])
        for name in names
        if feedback.get(name) is not None
    }
    size = _number_of_actions(table, feedback, "n_unique_action" if is_slates else "n_actions")
    number = len(table["action"])
    for name, values in table.items():
        _require_shape(f"feedback[{name!r}]", values, (number,))
    if not is_slates:
        rounds = table["slate_id"] = np.arange(number)
        table["position"] = np.zeros_like(rounds)
        if action_dist is not None:
            probs = _checked_distributions(action_dist, number, size)
            place = _places(feedback.get("position"), number, probs.shape[2])
            table["evaluation_policy_pscore"] = probs[rounds, table["action"], place]
    log = from_table(pandas().DataFrame(table), document_ids=range(size))
    require_once(log, "slate", log.slate)
    context, actions = (
        None if feedback.get(name) is None else _features(feedback, name, rows)
        for name, rows in (("context", log.num_sessions), ("action_context", size))
    )
    if context is None or actions is None:
        return log
    # Contexts are in the order of slate_id, but sessions are in the order of their first rows.
    rank, _ = parsing.codes(pandas().Series(table["slate_id"]), ordered=True)
    context = context[pandas().unique(rank)]
    documents = np.broadcast_to(actions, [log.num_sessions, 1, *actions.shape])
    return log._replace(observation=Observation(context[:, np.newaxis], documents, ()))


def _array(name: str, values: Any) -> np.ndarray:
    try:
        return np.asarray(values)
    except ValueError as error:
        raise ValueError(f"{name} must be an array, got rows of different lengths") from error


def _number_of_actions(
    table: Mapping[str, np.ndarray], feedback: Mapping[str, Any], name: str
) -> int:
    """The number of actions. Raises a ValueError unless all actions are below it."""
    if "action" not in table:
        raise ValueError("feedback must have 'action', got none")
    actions = table["action"]
    if actions.ndim != 1 or not len(actions) or actions.dtype.kind not in "iu":
        raise ValueError(
            f"feedback['action'] must be integers [n], got {actions.dtype} {list(actions.shape)}"
        )
    size = feedback.get(name)
    if size is None:
        size = max(int(actions.max()), 0) + 1
    require(f"feedback[{name!r}]", size, Count)
    wrong = (actions < 0) | (actions >= size)
    if wrong.any():
        raise ValueError(
            f"feedback['action'] must be in [0, {size}), got {actions[wrong][0]} in row"
            f" {np.argmax(wrong)}"
        )
    return size


def _places(position: Any, number: int, num_places: int) -> np.ndarray:
    """The positions in `action_dist` of the rounds, int [n]."""
    if position is None:
        return np.zeros(number, np.int64)
    places = _array("feedback['position']", position)
    _require_shape("feedback['position']", places, (number,))
    if places.dtype.kind not in "iu" or (places < 0).any() or (places >= num_places).any():
        raise ValueError(
            f"feedback['position'] must be integers in [0, {num_places}), as in action_dist"
        )
    return places


def _features(feedback: Mapping[str, Any], name: str, number: int) -> np.ndarray:
    """Features of rounds or of actions, [number, P]. Raises a ValueError unless they are finite."""
    values = _array(f"feedback[{name!r}]", feedback[name])
    _require_numbers(f"feedback[{name!r}]", values)
    _require_shape(f"feedback[{name!r}]", values, (number, *(values.shape[1:2] or (1,))))
    return values


def _require_numbers(name: str, values: np.ndarray) -> None:
    if values.dtype.kind not in "biuf":
        raise ValueError(f"{name} must hold numbers, got {values.dtype}")


def _require_shape(name: str, values: np.ndarray, shape: tuple[int, ...]) -> None:
    """Raises a ValueError unless values have the shape, and are finite."""
    if values.shape != shape:
        raise ValueError(f"{name} must have shape {list(shape)}, got {list(values.shape)}")
    if values.dtype.kind == "f" and not np.isfinite(values).all():
        place = np.argwhere(~np.isfinite(values))[0].tolist()
        raise ValueError(f"{name} must be finite, got {values[tuple(place)]} at {place}")


def _checked_distributions(action_dist: Any, number: int, size: int) -> np.ndarray:
    """The distributions of actions, float [n, A, L]. Raises a ValueError unless they sum to one."""
    probs = _array("action_dist", action_dist)
    _require_numbers("action_dist", probs)
    probs = probs.astype(np.float64)
    _require_shape("action_dist", probs, (number, size, *(probs.shape[2:3] or (1,))))
    total = probs.sum(axis=1)
    wrong = ~((probs >= 0).all(axis=1) & (np.abs(total - 1) <= _ROUNDING))
    if wrong.any():
        row, place = np.argwhere(wrong)[0]
        raise ValueError(
            f"action_dist must be probabilities that sum to 1 over actions, got a sum of"
            f" {total[row, place]:g} in round {row}, position {place}"
        )
    return np.minimum(probs, 1.0)
