# SPDX-License-Identifier: Apache-2.0
"""Checks of the observations and specs that policies need from an environment."""

from typing import NamedTuple

import tensorflow as tf

from recsim_tf.core.base import validation
from recsim_tf.core.base.types import Nest
from recsim_tf.core.step import turns
from recsim_tf.core.step.session_source import SessionSource


def zeros(specs: Nest, num_users: int | tf.Tensor = 1) -> Nest:
    """Zeros, a nest of [num_users, ...], from the specs of one user."""
    return tf.nest.map_structure(lambda spec: tf.zeros([num_users, *spec.shape], spec.dtype), specs)


def require_slates(name: str, simulator: SessionSource) -> None:
    """Requires an environment whose actions are slates alone, for the policy of that name. Raises a
    ValueError if the environment has queries.
    """
    turns.require_no_queries(
        name, simulator.query_spec, "take random_policy, or a policy of your own that gives a Turn"
    )


def num_clusters(owner: str, specs: Nest, *names: str) -> int:
    """The number of clusters of documents or responses, from the bounds of their `cluster_id`.

    Args:
      owner: "documents" or "responses".
      specs: bounded specs of the observed documents or responses.
      *names: the names of the fields that they need, "cluster_id" among them.

    Raises:
      ValueError: if one of the fields is missing, or if cluster ids are not integers with an upper
        bound.
    """
    validation.check_fields(owner, specs, *names)
    spec = specs.cluster_id
    if not spec.dtype.is_integer:
        raise ValueError(f"cluster_id of {owner} must be integers, got {spec.dtype.name}")
    highest = int(spec.maximum.max())
    # The end of the range of the dtype means that there is no bound.
    if highest == spec.dtype.max:
        raise ValueError(f"the bounds of {owner} must bound cluster_id, got no upper bound")
    return highest + 1


def document_clusters(simulator: SessionSource) -> int:
    """The number of clusters of documents that have a cluster and a quality."""
    documents = simulator.observation_spec().documents
    return num_clusters("documents", documents, "cluster_id", "quality")


def response_clusters(response_spec: Nest) -> int:
    """The number of clusters of observed responses."""
    return num_clusters("responses", response_spec, "clicked", "cluster_id")


class UserWithStatistics(NamedTuple):
    """The observation of a user above a layer of statistics."""

    raw_observation: Nest  # nest of [B, ...], from the environment below
    sufficient_statistics: Nest  # nest of [B, ...]


class UserWithLastSlate(NamedTuple):
    """The observation of a user above a layer that shows the last slate."""

    original_observation: Nest  # nest of [B, ...], from the environment below
    # nest of [B, K, ...]: documents as they were observed, zeros at empty positions
    last_slate: Nest
    last_query: Nest = ()  # nest of [B, ...], zeros at the start of a session


def raw_user(user: Nest) -> Nest:
    """The user's observation [B, ...] from the environment itself, below all layers."""
    while isinstance(user, UserWithStatistics | UserWithLastSlate):
        user = user[0]
    return user
