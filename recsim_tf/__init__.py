# SPDX-License-Identifier: Apache-2.0
"""recsim_tf: a TensorFlow-native, differentiable simulator of recommender systems.

Names are imported at their first use, so that `import recsim_tf` itself does not load TensorFlow.
"""

import importlib
import pkgutil
from typing import TYPE_CHECKING, Any

# This settles the Keras generation and the log, before TensorFlow is imported.
from recsim_tf import _stack  # noqa: F401
from recsim_tf._version import __version__

if TYPE_CHECKING:
    from recsim_tf import choice as choice
    from recsim_tf.conversations import conversation as conversation
    from recsim_tf.conversations.key_terms import key_terms as key_terms
    from recsim_tf.core.base.bounds import Bounds as Bounds
    from recsim_tf.core.base.parameters import Model as Model
    from recsim_tf.core.base.parameters import parameter as parameter
    from recsim_tf.core.base.types import Clicks as Clicks
    from recsim_tf.core.base.types import InitialDraws as InitialDraws
    from recsim_tf.core.base.types import LogProb as LogProb
    from recsim_tf.core.base.types import Observation as Observation
    from recsim_tf.core.base.types import Policy as Policy
    from recsim_tf.core.base.types import SimulatorState as SimulatorState
    from recsim_tf.core.base.types import Slate as Slate
    from recsim_tf.core.base.types import StepDraws as StepDraws
    from recsim_tf.core.base.types import Trajectory as Trajectory
    from recsim_tf.core.base.types import Transition as Transition
    from recsim_tf.core.base.types import Turn as Turn
    from recsim_tf.core.checks import check as check
    from recsim_tf.core.models.models import DocumentModel as DocumentModel
    from recsim_tf.core.models.models import UserModel as UserModel
    from recsim_tf.core.models.shared_candidates import SharedCandidates as SharedCandidates
    from recsim_tf.core.simulator import Simulator as Simulator
    from recsim_tf.core.simulator import click_reward as click_reward
    from recsim_tf.environments.drifting_taste import drifting_taste as drifting_taste
    from recsim_tf.environments.ecosystem import ecosystem as ecosystem
    from recsim_tf.environments.engagement_bait import engagement_bait as engagement_bait
    from recsim_tf.environments.interest_evolution import interest_evolution as interest_evolution
    from recsim_tf.environments.interest_exploration import (
        interest_exploration as interest_exploration,
    )
    from recsim_tf.environments.long_term_satisfaction import (
        long_term_satisfaction as long_term_satisfaction,
    )
    from recsim_tf.environments.news import news as news
    from recsim_tf.environments.page_clicks import page_clicks as page_clicks
    from recsim_tf.environments.return_visits import return_visits as return_visits
    from recsim_tf.optima import bounds as bounds
    from recsim_tf.registry import make as make
    from recsim_tf.registry import register as register
    from recsim_tf.registry import registered as registered
    from recsim_tf.worlds.feed import feed as feed

_FACTORIES = (
    *("drifting_taste", "ecosystem", "engagement_bait", "interest_evolution"),
    *("interest_exploration", "long_term_satisfaction", "news", "page_clicks", "return_visits"),
)
_RECORDS = (
    *("Clicks", "InitialDraws", "LogProb", "Observation", "Policy", "SimulatorState", "Slate"),
    *("StepDraws", "Trajectory", "Transition", "Turn"),
)
# The module of each public name.
_MODULES = {
    "Bounds": "core.base.bounds",
    "DocumentModel": "core.models.models",
    "Model": "core.base.parameters",
    "SharedCandidates": "core.models.shared_candidates",
    "Simulator": "core.simulator",
    "UserModel": "core.models.models",
    "bounds": "optima",
    "check": "core.checks",
    "click_reward": "core.simulator",
    "conversation": "conversations",
    "feed": "worlds.feed",
    "key_terms": "conversations.key_terms",
    "parameter": "core.base.parameters",
    **dict.fromkeys(_RECORDS, "core.base.types"),
    **dict.fromkeys(("make", "register", "registered"), "registry"),
    **{name: f"environments.{name}" for name in _FACTORIES},
}
__all__ = ["__version__", "choice", *_MODULES]


def __getattr__(name: str) -> Any:
    if name in _MODULES:
        # PEP 562 calls this function with the name of a missing attribute.
        value = getattr(importlib.import_module(f"recsim_tf.{_MODULES[name]}"), name)
        # The next use of the name does not call this function.
        globals()[name] = value
        return value
    if name in _packages():
        return importlib.import_module(f"recsim_tf.{name}")
    raise AttributeError(f"module 'recsim_tf' has no attribute {name!r}")


def __dir__() -> list[str]:
    return sorted({*globals(), *__all__, *_packages()})


def _packages() -> list[str]:
    """The packages in recsim_tf, such as "policies"."""
    return [module.name for module in pkgutil.iter_modules(__path__) if module.ispkg]
