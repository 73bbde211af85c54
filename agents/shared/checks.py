"""Checks of the arguments of agents."""

from recsim_tf.core import turns
from recsim_tf.core.types import Nest, Turn


def require_slates(name: str, action_spec: Nest) -> None:
    """Requires actions that are slates alone, for an agent of that name.

    Raises:
      ValueError: for turns of a slate and a query.
    """
    turns.require_no_queries(
        name,
        Turn.of(action_spec).query,
        "train ReinforceSlateAgent, or let a layer's action_format give the agent a menu of turns",
    )
