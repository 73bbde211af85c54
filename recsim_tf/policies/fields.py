"""What a bandit needs of an environment, checked on an observation of it."""

import tensorflow as tf

from recsim_tf.core import validation
from recsim_tf.core.simulator import Simulator
from recsim_tf.core.types import Nest, Observation


def example_observation(simulator: Simulator) -> Observation:
    """An observation at the start of a session, made outside of any graph."""
    # Above layers there is no number of users that the parameters ask for.
    num_users = getattr(simulator, "num_users", None) or 1
    with tf.init_scope():
        return simulator.observe(simulator.reset(num_users, seed=0))


def document_clusters(simulator: Simulator, observation: Observation) -> int:
    """The number of clusters of an environment whose documents can be ranked by cluster and
    quality.

    Args:
      simulator: the environment.
      observation: of any number of its users.

    Raises:
      ValueError: if documents lack one of the fields, or if cluster ids are not integers with an
        upper bound.
    """
    validation.check_fields("documents", observation.documents, "cluster_id", "quality")
    return _num_clusters(
        "documents", observation.documents, simulator.documents.observation_bounds()
    )


def response_clusters(simulator: Simulator, observation: Observation) -> int:
    """The number of clusters of an environment whose responses tell which clusters were shown and
    clicked.

    Args:
      simulator: the environment.
      observation: of any number of its users.

    Raises:
      ValueError: if responses lack one of the fields, or if cluster ids are not integers with an
        upper bound.
    """
    validation.check_fields("responses", observation.response, "clicked", "cluster_id")
    return _num_clusters("responses", observation.response, simulator.users.response_bounds())


def _num_clusters(owner: str, nest: Nest, bounds: Nest) -> int:
    if not nest.cluster_id.dtype.is_integer:
        raise ValueError(
            f"cluster_id of {owner} must be integers, got {nest.cluster_id.dtype.name}"
        )
    high = getattr(getattr(bounds, "cluster_id", None), "high", None)
    if high is None:
        raise ValueError(f"the bounds of {owner} must bound cluster_id, got no upper bound")
    return int(high) + 1
