# SPDX-License-Identifier: Apache-2.0
"""The bound of an environment: its record, and the environments that have one."""

import importlib
from collections.abc import Callable
from typing import Any, NamedTuple

import numpy as np
import tensorflow as tf

from recsim_tf.core.base.arguments import Count, checked
from recsim_tf.core.base.types import Nest, SimulatorState
from recsim_tf.core.simulator import Simulator

# (state, number of the step from 0) -> action. It reads what policies do not see.
InformedPolicy = Callable[[SimulatorState, int], Nest]

OPTIMUM, BOUND = "optimum", "bound"


class Bound(NamedTuple):
    """An upper bound of the mean return of a session, for all policies.

    The policies include those that know the states of users and the hidden attributes of documents.
    A policy that sees less may be unable to reach an optimum.
    """

    value: float  # in units of reward
    error: float  # the standard error of the value where users are drawn, and the error of grids
    kind: str  # "optimum" if an informed policy reaches it, else "bound"
    proof: str  # why no policy earns more, in a sentence
    # (state, number of the step) -> action, for `Simulator.step`: it reaches the optimum
    policy: InformedPolicy | None = None


class Sessions(NamedTuple):
    """The sessions whose mean return is bounded."""

    number: int  # of sessions that are drawn, where a bound needs draws
    num_steps: int | None  # the time limit, or None
    seed: int

    def steps(self, longest: int | None = None) -> int:
        """The number of steps of a session that lasts at most `longest` steps. Raises a ValueError
        if nothing limits it.
        """
        limits = [limit for limit in (self.num_steps, longest) if limit is not None]
        if not limits:
            raise ValueError(
                "num_steps must be given for an environment whose sessions do not end, got None"
            )
        return min(limits)


_ENVIRONMENTS = "recsim_tf.environments"
# The function that bounds an environment, by the classes of its users and documents. A subclass may
# have other dynamics, so it has no bound.
_BOUNDED = {
    (
        f"{_ENVIRONMENTS}.drifting_taste:DriftingTasteUsers",
        f"{_ENVIRONMENTS}.drifting_taste:Catalogue",
    ): "recsim_tf.optima.greedy:drifting_taste",
    (
        f"{_ENVIRONMENTS}.ecosystem:ClusteredUsers",
        f"{_ENVIRONMENTS}.ecosystem:Providers",
    ): "recsim_tf.optima.relaxed:ecosystem",
    (
        f"{_ENVIRONMENTS}.engagement_bait:BaitedUsers",
        f"{_ENVIRONMENTS}.engagement_bait:BaitVideos",
    ): "recsim_tf.optima.bait:engagement_bait",
    (
        f"{_ENVIRONMENTS}.interest_evolution.users:InterestEvolutionUsers",
        f"{_ENVIRONMENTS}.interest_evolution.documents:UtilityVideos",
    ): "recsim_tf.optima.relaxed:interest_evolution",
    (
        f"{_ENVIRONMENTS}.interest_exploration:InterestExplorationUsers",
        f"{_ENVIRONMENTS}.interest_exploration:TopicDocuments",
    ): "recsim_tf.optima.greedy:interest_exploration",
    (
        f"{_ENVIRONMENTS}.long_term_satisfaction:LongTermSatisfactionUsers",
        f"{_ENVIRONMENTS}.long_term_satisfaction:ClickbaitDocuments",
    ): "recsim_tf.optima.exposure:long_term_satisfaction",
    (
        f"{_ENVIRONMENTS}.news:Readers",
        f"{_ENVIRONMENTS}.news:Newsroom",
    ): "recsim_tf.optima.greedy:news",
    (
        f"{_ENVIRONMENTS}.page_clicks.users:PageClickUsers",
        f"{_ENVIRONMENTS}.page_clicks.documents:PageItems",
    ): "recsim_tf.optima.greedy:page_clicks",
    (
        f"{_ENVIRONMENTS}.return_visits:ReturnVisitsUsers",
        f"{_ENVIRONMENTS}.long_term_satisfaction:ClickbaitDocuments",
    ): "recsim_tf.optima.exposure:return_visits",
    (
        "recsim_tf.conversations.users:ConversationUsers",
        "recsim_tf.conversations.documents:Items",
    ): "recsim_tf.optima.conversation:conversation",
    (
        "recsim_tf.conversations.key_terms.users:KeyTermUsers",
        "recsim_tf.conversations.key_terms.documents:KeyTermDocuments",
    ): "recsim_tf.optima.key_terms:key_terms",
    (
        "recsim_tf.worlds.feed:Viewers",
        "recsim_tf.worlds.feed:Videos",
    ): "recsim_tf.optima.feed:feed",
}


@checked
def bounds(
    simulator: Simulator,
    num_sessions: Count = 5000,
    num_steps: Count | None = None,
    seed: int = 0,
) -> Bound | None:
    """The optimum of an environment, or an upper bound of the mean return of a session.

        simulator = recsim_tf.make("LongTermSatisfaction-v1")
        print(recsim_tf.bounds(simulator).value)

    Returns are sums of rewards without a discount.

    Args:
      simulator: a registered environment of recsim_tf, with any parameters for which its bound is
        proved.
      num_sessions: the number of sessions that are drawn, where the bound is a mean over draws.
      num_steps: the number of steps of a session, beside the simulator's `max_steps`; None where
        sessions end by themselves, or by `max_steps`.
      seed: an integer, the seed of the draws.

    Returns:
      The bound, or None if no bound is known for the models of the simulator.

    Raises:
      ValueError: for a parameter for which the bound is not proved, or if nothing limits the
        length of a session.
    """
    name = _BOUNDED.get((_path_of(simulator.users), _path_of(simulator.documents)))
    if name is None:
        return None
    module, _, function = name.partition(":")
    limits = [limit for limit in (num_steps, simulator.max_steps) if limit is not None]
    sessions = Sessions(num_sessions, min(limits, default=None), seed)
    require("num_users of the simulator", "None", simulator.num_users, simulator.num_users is None)
    try:
        imported = importlib.import_module(module)
    except ModuleNotFoundError as missing:
        raise ImportError("bounds needs SciPy: install recsim-tf[fitting]") from missing
    return getattr(imported, function)(simulator, sessions)


def _path_of(model: Any) -> str:
    return f"{type(model).__module__}:{type(model).__qualname__}"


def require(argument: str, allowed: str, got: Any, holds: bool) -> None:
    """Raises a ValueError for a parameter for which a bound is not proved."""
    if not holds:
        got = getattr(got, "__name__", got)
        raise ValueError(f"{argument} must be {allowed} for a bound, got {got}")


def number(model: Any, name: str) -> float:
    """A parameter that is one number. Raises a ValueError if it is a table."""
    value = np.asarray(tf.convert_to_tensor(getattr(model, name)))
    require(name, "one number", f"a table of shape {list(value.shape)}", value.ndim == 0)
    return float(value)
