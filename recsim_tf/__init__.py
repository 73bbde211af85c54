"""recsim_tf: a TensorFlow-native, differentiable simulator of recommender systems."""

# ruff: noqa: I001
# Settles the Keras generation; before anything imports TensorFlow Probability.
from recsim_tf import _stack

from recsim_tf import choice
from recsim_tf._version import __version__
from recsim_tf.core.bounds import Bounds
from recsim_tf.core.models import DocumentModel, Model, UserModel, parameter
from recsim_tf.core.shared_candidates import SharedCandidates
from recsim_tf.core.simulation import click_reward
from recsim_tf.core.simulator import Simulator
from recsim_tf.core.types import Policy
from recsim_tf.core.types import (
    Clicks,
    InitialDraws,
    LogProb,
    Observation,
    SimulatorState,
    Slate,
    StepDraws,
    Trajectory,
    Transition,
)
from recsim_tf.environments.drifting_taste import drifting_taste
from recsim_tf.environments.interest_evolution import interest_evolution
from recsim_tf.environments.interest_exploration import interest_exploration
from recsim_tf.environments.long_term_satisfaction import long_term_satisfaction
from recsim_tf.environments.page_clicks import page_clicks
from recsim_tf.registry import make, register, registered

register("DriftingTaste-v0", drifting_taste)
register("InterestEvolution-v1", interest_evolution)
register("InterestExploration-v1", interest_exploration)
register("LongTermSatisfaction-v1", long_term_satisfaction)
register("PageClicks-v0", page_clicks)

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
    "UserModel",
    "__version__",
    "choice",
    "click_reward",
    "make",
    "parameter",
    "register",
    "registered",
]

del _stack
