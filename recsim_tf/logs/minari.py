"""Logs as data sets of Minari 0.5 (https://minari.farama.org)."""

import importlib
from collections.abc import Mapping
from typing import Any

import numpy as np
import tensorflow as tf

from recsim_tf.core.base.types import Nest
from recsim_tf.core.nests import fields_of
from recsim_tf.logs.log import Sessions


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
      ValueError: for a log that lacks one of these fields.
    """
    whole = log.whole().require("to_minari", "observation", "slate", "reward", "departed")
    try:
        minari = importlib.import_module("minari")
        buffers = importlib.import_module("minari.data_collector")
        spaces = importlib.import_module("gymnasium.spaces")
    except ImportError as missing:
        raise ImportError('to_minari needs Minari: pip install "minari[create]"') from missing
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
    return minari.create_dataset_from_buffers(
        dataset_id,
        episodes,
        observation_space=_space(spaces, steps),
        action_space=_space(spaces, actions),
        **about,
    )


def _dicts(nest: Nest) -> Nest:
    """A nest with dicts in place of named tuples, without empty parts."""
    parts = nest if isinstance(nest, Mapping) else fields_of(nest)
    if parts:
        return {name: _dicts(part) for name, part in parts.items() if tf.nest.flatten(part)}
    return np.asarray(nest)


def _space(spaces: Any, nest: Nest) -> Any:
    """The Gymnasium space of one step of arrays [S, T, ...]."""
    if isinstance(nest, dict):
        return spaces.Dict({name: _space(spaces, part) for name, part in nest.items()})
    low, high = (-np.inf, np.inf) if nest.dtype.kind == "f" else (nest.min(), nest.max())
    return spaces.Box(low, high, nest.shape[2:], nest.dtype.type)
