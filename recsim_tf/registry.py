"""The registry of environments by name."""

import inspect
from collections.abc import Callable

from recsim_tf.conversations import conversation
from recsim_tf.conversations.key_terms import key_terms
from recsim_tf.core.base.arguments import checked, configurable
from recsim_tf.core.simulator import Simulator
from recsim_tf.environments.drifting_taste import drifting_taste
from recsim_tf.environments.ecosystem import ecosystem
from recsim_tf.environments.engagement_bait import engagement_bait
from recsim_tf.environments.interest_evolution import interest_evolution
from recsim_tf.environments.interest_exploration import interest_exploration
from recsim_tf.environments.long_term_satisfaction import long_term_satisfaction
from recsim_tf.environments.news import news
from recsim_tf.environments.page_clicks import page_clicks
from recsim_tf.environments.return_visits import return_visits
from recsim_tf.support.errors import instead
from recsim_tf.worlds.feed import feed

_factories: dict[str, Callable[..., Simulator]] = {
    "Conversation-v0": conversation,
    "DriftingTaste-v0": drifting_taste,
    "Ecosystem-v0": ecosystem,
    "EngagementBait-v0": engagement_bait,
    "Feed-v0": feed,
    "InterestEvolution-v1": interest_evolution,
    "InterestExploration-v1": interest_exploration,
    "KeyTerms-v0": key_terms,
    "LongTermSatisfaction-v1": long_term_satisfaction,
    "News-v0": news,
    "PageClicks-v0": page_clicks,
    "ReturnVisits-v0": return_visits,
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
    if not overwrite and _factories.get(environment_id, factory) is not factory:
        raise ValueError(
            f"environment_id {environment_id!r} is registered already: choose another, or set"
            " overwrite=True"
        )
    _factories[environment_id] = factory


def registered() -> list[str]:
    """The registered ids, sorted."""
    return sorted(_factories)


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
    if environment_id not in _factories:
        raise ValueError(
            f"environment_id must be one of {', '.join(registered())}, got {environment_id!r}"
        )
    factory = _factories[environment_id]
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
