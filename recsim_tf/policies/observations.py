"""Observations of a user to which layers have added."""

from typing import NamedTuple

from recsim_tf.core.types import Nest


class UserWithStatistics(NamedTuple):
    """The observation of a user above a layer of statistics."""

    raw_observation: Nest  # nest of [B, ...], of the environment below
    sufficient_statistics: Nest  # nest of [B, ...]


class UserWithLastSlate(NamedTuple):
    """The observation of a user above a layer that shows the last slate."""

    original_observation: Nest  # nest of [B, ...], of the environment below
    # nest of [B, K, ...]: documents as they were observed, zeros at empty positions
    last_slate: Nest
    last_query: Nest = ()  # nest of [B, ...], zeros at the start of a session


def raw_user(user: Nest) -> Nest:
    """The user's observation [B, ...] as the environment itself shows it, below all layers."""
    while isinstance(user, UserWithStatistics | UserWithLastSlate):
        user = user[0]
    return user
