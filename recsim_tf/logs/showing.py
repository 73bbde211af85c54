# SPDX-License-Identifier: Apache-2.0
"""Summaries of logs in a few lines."""

from collections.abc import Mapping
from typing import Any

import numpy as np
import tensorflow as tf

from recsim_tf.core.base.types import Nest
from recsim_tf.core.nests import fields_of

_NAMES = 6  # most names of columns in a line


def rows(log: Any) -> dict[str, str]:
    """The rows of a summary by name, such as sessions, steps, documents, clicks, missing values and
    dropped sessions. There are at most 14 rows.
    """
    is_known = isinstance(log.length, np.ndarray) and not isinstance(log._slates, tuple)
    if not is_known or not len(log.length):
        fields = [name for name in log._fields if name != "labels"]
        return {"fields": ", ".join(name for name in fields if tf.nest.flatten(getattr(log, name)))}
    shown = (log.slate >= 0) if isinstance(log.shown, tuple) else log.shown
    counted = shown & log.active[..., np.newaxis]
    number, length = log.num_sessions, log.length
    summary = {"sessions": f"{number:,}" + _of_users(log)}
    summary["steps"] = (
        f"{log.num_steps:,}, {length.min():,} to {length.max():,} a session,"
        f" {length.mean():.1f} on average"
    )
    if isinstance(log.departed, tuple):
        summary["ends"] = "the log does not say whether users left or sessions were cut"
    else:
        left = int(np.sum(log.departed))
        summary["ends"] = f"{left:,} users left, {number - left:,} sessions are cut"
    at_step = counted.sum() / log.num_steps
    summary["slates"] = f"{log.slate_size} positions, {at_step:.1f} shown a step"
    if len(log.labels.document):
        summary["documents"] = f"{len(log.labels.document):,}"
    if not isinstance(log.candidates, tuple):
        summary["candidates"] = f"{log.candidates.shape[2]:,} a step"
    clicked = clicks(log)
    if clicked is not None:
        share = clicked[counted].sum() / max(counted.sum(), 1)
        summary["clicks"] = f"{share:.2%} of the documents shown"
        if not isinstance(log.engagement, tuple):
            unknown = np.isnan(log.engagement[counted & clicked])
            summary["engagement"] = f"unknown after {_share(unknown)} of the clicks"
    if tf.nest.flatten(log.initial):
        summary["users"] = _names(log.initial)
    if tf.nest.flatten(log.innovation):
        is_context = isinstance(log.innovation, Mapping)
        summary["context" if is_context else "innovations"] = _names(log.innovation)
    if log.labels.attributes or tf.nest.flatten(log.hidden):
        summary["attributes"] = ", ".join(log.labels.attributes[:_NAMES]) or _names(log.hidden)
    if not isinstance(log.reward, tuple):
        summary["reward"] = f"{log.earned.sum() / number:.4g} a session"
    probabilities = [
        f"{field}{where}"
        for where, log_probs in (("", log.propensity), (" (target)", log.target))
        for field, values in log_probs._asdict().items()
        if not isinstance(values, tuple)
    ]
    if probabilities:
        summary["propensities"] = ", ".join(probabilities)
    if dropped := log.labels.dropped:
        reasons = ", ".join(f"{reason} {count:,}" for reason, count in dropped.items())
        summary["dropped"] = f"{sum(dropped.values()):,} sessions: {reasons}"
    return summary


def clicks(log: Any) -> np.ndarray | None:
    """The documents chosen or clicked, bool [S, T, K]; None if the response has no clicks."""
    response = log.response
    while isinstance(response, tuple) and len(response):
        response = getattr(response, "clicked", getattr(response, "choice", response[0]))
    if not isinstance(response, np.ndarray) or response.ndim not in (2, 3):
        return None
    if response.ndim == 2:
        return response[..., np.newaxis] == np.arange(log.slate_size)
    return response > 0 if response.shape == (*log.active.shape, log.slate_size) else None


def _of_users(log: Any) -> str:
    users = log.labels.user
    return f" of {len(np.unique(users.astype(str))):,} users" if len(users) else ""


def _names(nest: Nest) -> str:
    """The names of the fields of a nest, each with the share of its values that is missing."""
    fields: Mapping[str, Nest] = nest if isinstance(nest, Mapping) else fields_of(nest)
    if not fields:
        return "one tensor" if not isinstance(nest, tuple) else f"{len(nest)} tensors"
    words = []
    for name, values in list(fields.items())[:_NAMES]:
        leaves = [np.asarray(leaf) for leaf in tf.nest.flatten(values)]
        missing = [np.isnan(leaf) if leaf.dtype.kind == "f" else leaf == -1 for leaf in leaves]
        share = np.mean([each.mean() for each in missing]) if leaves else 1.0
        words.append(f"{name} ({share:.1%} missing)" if share else name)
    return ", ".join(words + ["..."] * (len(fields) > _NAMES))


def _share(values: np.ndarray) -> str:
    return f"{values.mean() if len(values) else 0:.1%}"
