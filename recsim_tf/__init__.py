"""recsim_tf: a TensorFlow-native, differentiable simulator of recommender systems.

Names are imported at their first use, so that `import recsim_tf` itself does not load TensorFlow.
"""

import importlib
from typing import TYPE_CHECKING, Any

# Settles the Keras generation, before anything imports TensorFlow Probability.
from recsim_tf import _stack  # noqa: F401
from recsim_tf._version import __version__

if TYPE_CHECKING:
    from recsim_tf import choice
    from recsim_tf.core.bounds import Bounds
    from recsim_tf.core.checks import check
    from recsim_tf.core.models import DocumentModel, UserModel
    from recsim_tf.core.parameters import Model, parameter
    from recsim_tf.core.shared_candidates import SharedCandidates
    from recsim_tf.core.simulation import click_reward
    from recsim_tf.core.simulator import Simulator
    from recsim_tf.core.types import (
        Clicks,
        InitialDraws,
        LogProb,
        Observation,
        Policy,
        SimulatorState,
        Slate,
        StepDraws,
        Trajectory,
        Transition,
        Turn,
    )
    from recsim_tf.environments.conversation import conversation
    from recsim_tf.environments.drifting_taste import drifting_taste
    from recsim_tf.environments.ecosystem import ecosystem
    from recsim_tf.environments.engagement_bait import engagement_bait
    from recsim_tf.environments.interest_evolution import interest_evolution
    from recsim_tf.environments.interest_exploration import interest_exploration
    from recsim_tf.environments.key_terms import key_terms
    from recsim_tf.environments.long_term_satisfaction import long_term_satisfaction
    from recsim_tf.environments.news import news
    from recsim_tf.environments.page_clicks import page_clicks
    from recsim_tf.environments.return_visits import return_visits
    from recsim_tf.registry import make, register, registered

__all__ = [
    "Bounds",
    "Clicks",
    "DocumentModel",
    "InitialDraws",
    "LogProb",
    "Model",
    "Observation",
    "Policy",
    "SharedCandidates",
    "Simulator",
    "SimulatorState",
    "Slate",
    "StepDraws",
    "Trajectory",
    "Transition",
    "Turn",
    "UserModel",
    "__version__",
    "check",
    "choice",
    "click_reward",
    "conversation",
    "drifting_taste",
    "ecosystem",
    "engagement_bait",
    "interest_evolution",
    "interest_exploration",
    "key_terms",
    "long_term_satisfaction",
    "make",
    "news",
    "page_clicks",
    "parameter",
    "register",
    "registered",
    "return_visits",
]

_NAMES = {
    "core.bounds": ("Bounds",),
    "core.checks": ("check",),
    "core.models": ("DocumentModel", "UserModel"),
    "core.parameters": ("Model", "parameter"),
    "core.shared_candidates": ("SharedCandidates",),
    "core.simulation": ("click_reward",),
    "core.simulator": ("Simulator",),
    "core.types": (
        "Clicks",
        "InitialDraws",
        "LogProb",
        "Observation",
        "Policy",
        "SimulatorState",
        "Slate",
        "StepDraws",
        "Trajectory",
        "Transition",
        "Turn",
    ),
    "environments.conversation": ("conversation",),
    "environments.drifting_taste": ("drifting_taste",),
    "environments.ecosystem": ("ecosystem",),
    "environments.engagement_bait": ("engagement_bait",),
    "environments.interest_evolution": ("interest_evolution",),
    "environments.interest_exploration": ("interest_exploration",),
    "environments.key_terms": ("key_terms",),
    "environments.long_term_satisfaction": ("long_term_satisfaction",),
    "environments.news": ("news",),
    "environments.page_clicks": ("page_clicks",),
    "environments.return_visits": ("return_visits",),
    "registry": ("make", "register", "registered"),
}
_MODULE_OF = {name: module for module, names in _NAMES.items() for name in names}
_PACKAGES = (
    "adapters",
    "agents",
    "belief",
    "choice",
    "core",
    "dynamics",
    "environments",
    "experiment",
    "fitting",
    "gradients",
    "policies",
)


def __getattr__(name: str) -> Any:
    if name in _PACKAGES:
        return importlib.import_module(f"recsim_tf.{name}")
    if name not in _MODULE_OF:
        raise AttributeError(f"module 'recsim_tf' has no attribute {name!r}")
    # PEP 562: the name is what was asked for.
    value = getattr(importlib.import_module(f"recsim_tf.{_MODULE_OF[name]}"), name)
    # The next use finds it without this function.
    globals()[name] = value
    return value


def __dir__() -> list[str]:
    return sorted({*globals(), *__all__, *_PACKAGES})
