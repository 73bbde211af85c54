# SPDX-License-Identifier: Apache-2.0
"""Logs as data sets of other libraries: in the form of RLDS (Ramos et al. 2021, arXiv 2111.02767),
which TFDS, Acme and others read, and of Minari 0.5 (https://minari.farama.org).
"""

import importlib
from collections.abc import Mapping
from typing import Any

import numpy as np
import tensorflow as tf

from recsim_tf.core.base.ranges import shown
from recsim_tf.core.base.types import Nest
from recsim_tf.core.nests import fields_of
from recsim_tf.logs.arguments import log_of
from recsim_tf.logs.log import Log, Sessions
from recsim_tf.support.files import remove


def to_rlds(log: Sessions) -> tf.data.Dataset:
    """The sessions of a log in memory as episodes of RLDS.

    Returns:
      A dataset with an element {"steps": dataset} for each session. A session of T slates has T + 1
      steps, each a dict:

        observation: a dict of `user` and `documents`, nests of [...] and [N, ...].
        action: the slate, int32 [K]; or a `Turn` of slate and query.
        reward: float32 [], the reward of the action.
        discount: float32 [], 0 if the user left after the action, else the discount of the log,
          mostly 1.
        is_first, is_last, is_terminal: bool [].

      A log has no observation after the last action. So the last step repeats the observation
      before it, with zeros for action, reward and discount. It is terminal unless the session was
      cut.

    Raises:
      ValueError: for a log without slates, rewards or observations.
    """
    log = log_of("log", log, Sessions, "a Log")
    whole = log.whole().require("to_rlds", "observation", "slate", "reward", "departed")
    steps = _steps(whole)

    @tf.autograph.experimental.do_not_convert
    def episode(session: tf.Tensor, length: tf.Tensor) -> dict[str, tf.data.Dataset]:
        session_steps = tf.nest.map_structure(
            lambda leaf: tf.convert_to_tensor(leaf)[session, : length + 1], steps
        )
        return {"steps": tf.data.Dataset.from_tensor_slices(session_steps)}

    numbers = tf.range(whole.num_sessions), tf.convert_to_tensor(whole.length)
    return tf.data.Dataset.from_tensor_slices(numbers).map(episode)


def _steps(log: Log) -> dict[str, Any]:
    """The steps of RLDS by name, nests of [S, T + 1, ...]."""
    step = np.arange(log.max_length + 1)
    is_after = step == log.length[:, np.newaxis]

    def repeated(leaf: np.ndarray) -> np.ndarray:
        return leaf[:, np.minimum(step, log.max_length - 1)]

    def with_zeros(nest: Nest) -> Nest:
        def extended(leaf: np.ndarray):
            values = repeated(np.asarray(leaf))
            return np.where(is_after.reshape(is_after.shape + (1,) * (leaf.ndim - 2)), 0, values)

        return tf.nest.map_structure(extended, nest)

    is_left = is_after & log.departed[:, np.newaxis]
    leaves = np.append(is_left[:, 1:], np.zeros_like(is_left[:, :1]), axis=1)
    discount = np.where(is_after | leaves, 0, repeated(log.discounts(1.0)))
    observation = {"user": log.observation.user, "documents": log.observation.documents}
    action = tf.nest.map_structure(
        lambda leaf, like: leaf.astype(like.dtype), with_zeros(log.action), log.action
    )
    return {
        "observation": tf.nest.map_structure(repeated, observation),
        "action": action,
        "reward": with_zeros(log.reward.sum(axis=2)).astype(np.float32),
        "discount": discount.astype(np.float32),
        "is_first": np.broadcast_to(step == 0, is_after.shape),
        "is_last": is_after,
        "is_terminal": is_left,
    }


def to_minari(log: Sessions, dataset_id: str, **about: Any) -> Any:
    """Stores the sessions of a log in memory as a data set of Minari. An observation is a dict of
    `user` and `documents`, an action is the slate. A log has no observation after the last action,
    so the observation before it is repeated.

    Args:
      log: a log with slates, rewards and observations.
      dataset_id: the id of the data set, such as "shop/clicks-v0".
      **about: further arguments of `minari.create_dataset_from_buffers`, such as `description`.

    Returns:
      The `MinariDataset`.

    Raises:
      ImportError: if Minari is not installed.
      ValueError: for a log that lacks one of these fields; and for an id that Minari does not take,
        or that a data set has. Nothing is written then, nor after an error of Minari.
    """
    log = log_of("log", log, Sessions, "a Log")
    whole = log.whole().require("to_minari", "observation", "slate", "reward", "departed")
    try:
        minari = importlib.import_module("minari")
        buffers = importlib.import_module("minari.data_collector")
        datasets = importlib.import_module("minari.dataset.minari_dataset")
        storage = importlib.import_module("minari.storage")
        spaces = importlib.import_module("gymnasium.spaces")
    except ImportError as missing:
        raise ImportError('to_minari needs Minari: pip install "minari[create]"') from missing
    # Minari makes the folder of a data set before it looks at the id.
    try:
        datasets.parse_dataset_id(dataset_id)
    except (TypeError, ValueError) as error:
        form = "shop/clicks-v0: names of letters, digits, - and _, and a version"
        raise ValueError(f"dataset_id must be as {form}, got {shown(dataset_id)}") from error
    folder = storage.get_dataset_path(dataset_id)
    if folder.exists():
        raise ValueError(f"dataset_id must be new, got {dataset_id!r}, which is in {folder}")
    seen = whole.observation
    steps = _dicts({"user": seen.user, "documents": seen.documents})
    actions = _dicts(whole.action)
    episodes = []
    for session, length in enumerate(whole.length):
        again = np.minimum(np.arange(length + 1), length - 1)
        last = np.arange(length) == length - 1
        episode = buffers.EpisodeBuffer(
            id=session,
            observations=tf.nest.map_structure(lambda leaf: leaf[session, again], steps),  # noqa: B023
            actions=tf.nest.map_structure(lambda leaf: leaf[session, :length], actions),  # noqa: B023
            rewards=list(whole.reward[session, :length].sum(axis=1)),
            terminations=list(last & whole.departed[session]),
            truncations=list(last & ~whole.departed[session]),
        )
        episodes.append(episode)
    try:
        return minari.create_dataset_from_buffers(
            dataset_id,
            episodes,
            observation_space=_space(spaces, steps),
            action_space=_space(spaces, actions),
            **about,
        )
    except BaseException:
        remove(folder)
        raise


def _dicts(nest: Nest) -> Nest:
    """A nest with dicts in place of named tuples, and tuples in place of lists, without empty
    parts.
    """
    parts = nest if isinstance(nest, Mapping) else fields_of(nest)
    if parts:
        return {name: _dicts(part) for name, part in parts.items() if tf.nest.flatten(part)}
    if isinstance(nest, tuple | list):
        return tuple(_dicts(part) for part in nest if tf.nest.flatten(part))
    return np.asarray(nest)


def _space(spaces: Any, nest: Nest) -> Any:
    """The Gymnasium space of one step of arrays [S, T, ...]."""
    if isinstance(nest, dict):
        return spaces.Dict({name: _space(spaces, part) for name, part in nest.items()})
    if isinstance(nest, tuple):
        return spaces.Tuple([_space(spaces, part) for part in nest])
    low, high = (-np.inf, np.inf) if nest.dtype.kind == "f" else (nest.min(), nest.max())
    return spaces.Box(low, high, nest.shape[2:], nest.dtype.type)
