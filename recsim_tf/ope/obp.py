"""Logs as the feedback of the library obp 0.5.7 (Saito et al. 2020, Open Bandit Pipeline), and
back. obp itself is not imported.
"""

from collections.abc import Mapping
from typing import Any

import numpy as np
import tensorflow as tf

from recsim_tf.core.base.types import Observation
from recsim_tf.logs.tables.frames import pandas
from recsim_tf.ope.densities import densities, walk
from recsim_tf.ope.log import Log
from recsim_tf.ope.tables import OBP_COLUMNS, from_table

_PSCORES = {"slate": "pscore", "prefix": "pscore_cascade", "position": "pscore_item_position"}


def to_obp(log: Log, policy: Any = None) -> dict[str, Any]:
    """The feedback of obp, of n rounds, which are the steps of all sessions. obp knows no sessions,
    so that its estimates are means over steps.

    Args:
      log: with full slates of K items, and rewards by position.
      policy: a `StochasticPolicy` to be judged, of which the feedback gets the probabilities; by
        default those that the log has.

    Returns:
      For K = 1 obp's `BanditFeedback`: `action`, `position` (0), `reward` and `pscore` [n]; of a
      policy also `action_dist` [n, N, 1]. Else its `SlateBanditFeedback`: `slate_id`, `position`,
      `action`, `reward`, `pscore`, `pscore_cascade` and `pscore_item_position` [n K], and those of
      the policy to be judged with `evaluation_policy_` in front. Of logs with observations also
      `context` [n, P], the features of user and candidates, and `action_context`, eye(N).

    Raises:
      ValueError: for a slate with an empty position, rewards of whole slates, or a bad policy.
    """
    active, size = log.active, log.slate.shape[2]
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
    for prefix, log_probs in (("", log.logging), ("evaluation_policy_", target)):
        for field, name in _PSCORES.items():
            values = getattr(log_probs, field)
            if not isinstance(values, tuple) and (size > 1 or prefix + name == "pscore"):
                of_rounds = np.exp(values[active]).reshape(number, -1)
                feedback[prefix + name] = np.broadcast_to(of_rounds, [number, size]).ravel()
    if size == 1 and policy is not None:
        walked = walk({"policy": policy}, lambda given, *_: {"of": given[0].marginals()})
        feedback["action_dist"] = walked(log)["of"].numpy()[active].swapaxes(1, 2)
    return feedback


def from_obp(feedback: Mapping[str, Any], action_dist: np.ndarray | None = None) -> Log:
    """The log of obp's feedback; each round is a session of one step.

    Args:
      feedback: a `SlateBanditFeedback`, also with `evaluation_policy_pscore` and so on, or a
        `BanditFeedback`, whose slates have one item. `context` and `action_context`, where they
        are there, are the log's observation.
      action_dist: float [n, A, L] of a `BanditFeedback`, the policy to be judged.

    Raises:
      ValueError: as `from_table`; the columns are named as obp names them.
    """
    if "slate_id" in feedback:
        names = ("position", "reward", *OBP_COLUMNS.values())
        table = {name: feedback[name] for name in names if feedback.get(name) is not None}
    else:
        names = ("action", "reward", "pscore")
        table = {name: feedback[name] for name in names if feedback.get(name) is not None}
        rounds = table["slate_id"] = np.arange(len(feedback["action"]))
        table["position"] = np.zeros_like(rounds)
        if action_dist is not None:
            place = feedback.get("position")
            place = table["position"] if place is None else np.asarray(place)
            table["evaluation_policy_pscore"] = action_dist[rounds, feedback["action"], place]
    log = from_table(pandas().DataFrame(table))
    context, actions = feedback.get("context"), feedback.get("action_context")
    if context is None or actions is None:
        return log
    documents = np.broadcast_to(actions, [log.num_sessions, 1, *actions.shape])
    return log._replace(observation=Observation(context[:, np.newaxis], documents, ()))
