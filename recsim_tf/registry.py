# SPDX-License-Identifier: Apache-2.0
"""The registry of environments by name."""

import importlib
import inspect
from collections.abc import Callable

from recsim_tf.core.base.arguments import checked, configurable
from recsim_tf.core.simulator import Simulator
from recsim_tf.support.errors import instead

_ENVIRONMENTS = "recsim_tf.environments"
# A factory of recsim_tf is given by its module and its name, and imported when it is first used.
_factories: dict[str, Callable[..., Simulator] | str] = {
    "Conversation-v0": "recsim_tf.conversations:conversation",
    "DriftingTaste-v0": f"{_ENVIRONMENTS}.drifting_taste:drifting_taste",
    "Ecosystem-v0": f"{_ENVIRONMENTS}.ecosystem:ecosystem",
    "EngagementBait-v0": f"{_ENVIRONMENTS}.engagement_bait:engagement_bait",
    "Feed-v0": "recsim_tf.worlds.feed:feed",
    "InterestEvolution-v1": f"{_ENVIRONMENTS}.interest_evolution:interest_evolution",
    "InterestExploration-v1": f"{_ENVIRONMENTS}.interest_exploration:interest_exploration",
    "KeyTerms-v0": "recsim_tf.conversations.key_terms:key_terms",
    "LongTermSatisfaction-v1": f"{_ENVIRONMENTS}.long_term_satisfaction:long_term_satisfaction",
    "News-v0": f"{_ENVIRONMENTS}.news:news",
    "PageClicks-v0": f"{_ENVIRONMENTS}.page_clicks:page_clicks",
    "ReturnVisits-v0": f"{_ENVIRONMENTS}.return_visits:return_visits",
}


@checked
def register(
    environment_id: str, factory: Callable[..., Simulator], overwrite: bool = False
) -> None:
    """Makes an environment available to `make`.

    Args:
      environment_id: an id such as "MyEnvironment-v1".
      factory: a function that returns a `Simulator`; `make` accepts its keyword arguments.
      overwrite: whether it may replace another factory, as when a notebook's cell runs again.

    Raises:
      ValueError: if the id is taken by another factory, without `overwrite`, or if the factory is
        no function.
    """
    taken = environment_id in _factories and factory_of(environment_id) is not factory
    if taken and not overwrite:
        raise ValueError(
            f"environment_id {environment_id!r} is registered already: choose another, or set"
            " overwrite=True"
        )
    _factories[environment_id] = factory


def registered() -> list[str]:
    """The registered ids, sorted."""
    return sorted(_factories)


def factory_of(environment_id: str) -> Callable[..., Simulator]:
    """The factory of a registered id. Raises a ValueError for an unknown id, which lists those that
    are registered.
    """
    if environment_id not in _factories:
        raise ValueError(
            f"environment_id must be one of {', '.join(registered())}, got {environment_id!r}"
        )
    factory = _factories[environment_id]
    if isinstance(factory, str):
        module, _, name = factory.partition(":")
        factory = getattr(importlib.import_module(module), name)
    return factory


@configurable
def make(environment_id: str, **kwargs) -> Simulator:
    """Builds a registered environment.

    Args:
      environment_id: a registered id, such as "InterestEvolution-v1".
      **kwargs: the arguments of the environment's factory.

    Raises:
      ValueError: for an unknown id, or if the factory returns no simulator. The message lists the
        registered ids.
      TypeError: for an unknown argument. The message has the nearest argument of the environment.
    """
    factory = factory_of(environment_id)
    parameters = dict(inspect.signature(factory).parameters)
    if any(p.kind is inspect.Parameter.VAR_KEYWORD for p in parameters.values()):
        # A factory hands further arguments on to the simulator.
        parameters = {name: p for name, p in parameters.items() if p.kind is not p.VAR_KEYWORD}
        parameters |= inspect.signature(Simulator).parameters
    unknown = sorted(set(kwargs) - set(parameters))
    if unknown:
        nearest = instead(unknown[0], list(parameters), f"it takes {', '.join(parameters)}")
        raise TypeError(f"{environment_id} has no argument {', '.join(unknown)}; {nearest}")
    simulator = factory(**kwargs)
    if not isinstance(simulator, Simulator):
        raise ValueError(
            f"the factory of {environment_id} must return a Simulator, got"
            f" {type(simulator).__name__}"
        )
    return simulator
