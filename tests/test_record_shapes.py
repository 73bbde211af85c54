# SPDX-License-Identifier: Apache-2.0
"""Records have the shapes and dtypes that their fields promise.

The annotations stand here; within a record a letter is one size. B users have slates of K out of N
candidates for T steps, and S sessions are logged. The annotation of a nest holds for each of its
leaves, and a field that is not known is ().
"""

from typing import Any

import numpy as np
import pytest
import tensorflow as tf
from beartype.door import die_if_unbearable
from beartype.roar import BeartypeDoorHintViolation
from jaxtyping import Bool, Float, Float32, Float64, Int, Int32, Num, Shaped, jaxtyped

import recsim_tf
from recsim_tf import ope
from recsim_tf.core.base import types
from recsim_tf.evaluation.evaluation import Evaluation
from recsim_tf.logs import from_trajectory
from recsim_tf.ope.estimators import PRESETS
from recsim_tf.ope.sample import gather
from recsim_tf.policies import random_policy
from recsim_tf.support.means import Mean
from tests.logs import everything
from tests.ope.worlds import CLICKS, log_of_clicks, near

ENVIRONMENTS = ("InterestEvolution-v1", "Conversation-v0")
SIZES = {"T": 2, "B": 5, "N": 7, "K": 3}
NUMBER = float | np.floating
USERS, CANDIDATES = Shaped[Any, "B ..."], Shaped[Any, "B N ..."]
OF_STEPS, OF_SESSIONS = Shaped[Any, "T B ..."], Shaped[Any, "S T ..."]
OBSERVATION = dict.fromkeys(("user", "response"), USERS) | {"documents": CANDIDATES}
INITIAL = dict.fromkeys(("user", "corpus"), USERS)
INITIAL |= dict.fromkeys(("candidates", "hidden"), CANDIDATES)
STATE = INITIAL | {"response": USERS, "num_steps": Int32[Any, "B"], "done": Bool[Any, "B"]}
DRAWS = dict.fromkeys(("response", "innovation", "departure", "corpus"), OF_STEPS)
DRAWS |= {"hidden": Num[Any, "T B K ..."], "candidates": Num[Any, "T B N ..."]}
TRANSITION = dict.fromkeys(("active", "terminated", "truncated"), Bool[Any, "T B"])
TRANSITION |= dict.fromkeys(("reward", "user_discount"), Float32[Any, "T B"])
TRANSITION |= {"slate": Int32[Any, "T B K"], "draws": DRAWS}
TRANSITION |= {"response": OF_STEPS, "query": OF_STEPS}
TRAJECTORY = {"initial": INITIAL, "transitions": TRANSITION, "newcomers": None}
LOG_PROB = dict.fromkeys(types.LogProb._fields, Float32[Any, "B"])

PROBABILITIES = dict.fromkeys(("slate", "set"), Float64[Any, "S T"])
PROBABILITIES |= dict.fromkeys(("prefix", "position"), Float64[Any, "S T K"])
LABELS = dict.fromkeys(("session", "user"), Shaped[Any, "S"])
LABELS |= {"document": Shaped[Any, "D"], "step": Int[Any, "S T"], "time": Num[Any, "S T K"]}
LABELS |= {"texts": Shaped[Any, "_"], "dropped": int, "dates": bool}
LABELS |= dict.fromkeys(("attributes", "features"), str)
LOG = dict.fromkeys(("response", "innovation", "query"), OF_SESSIONS)
LOG |= dict.fromkeys(("documents", "hidden"), Num[Any, "S T K ..."])
LOG |= dict.fromkeys(("propensity", "target"), PROBABILITIES) | {
    "length": Int32[Any, "S"],
    "departed": Bool[Any, "S"],
    "initial": Num[Any, "S ..."],
    "shown": Bool[Any, "S T K"],
    "engagement": Float32[Any, "S T K"],
    "slate": Int32[Any, "S T K"],
    "candidates": Int32[Any, "S T N"],
    "reward": Float[Any, "S T K"] | Float[Any, "S T 1"],
    "observation": {"documents": Num[Any, "S T N ..."]}
    | dict.fromkeys(("user", "response"), OF_SESSIONS),
    "discount": Float[Any, "S T"],
    "labels": LABELS,
}

SAMPLE = {"read": Float64[Any, "S T ..."] | Int32[Any, "S T"], "reward": Float64[Any, "S T J"]}
SAMPLE |= {"discount": Float64[Any, "S T"], "users": Int[Any, "S"]}
TERMS = dict.fromkeys(("weights", "values"), Float64[Any, "S M"])
WEIGHTS = dict.fromkeys(ope.WeightDiagnostics._fields, NUMBER | int)
WEIGHTS |= {"shares": Float64[Any, "S"]}
ESTIMATE = dict.fromkeys(("value", "standard_error", "interval"), NUMBER)
ESTIMATE |= {"gain": dict.fromkeys(("value", "interval"), NUMBER), "weights": WEIGHTS}
ESTIMATE |= {"sessions": Float64[Any, "S"], "draws": Float64[Any, "D b"]}
ESTIMATE |= {"verdict": str, "users": Int[Any, "S"], "assumptions": int, "has_click_model": bool}
ESTIMATE |= {"response": str | None}
MEAN = dict.fromkeys(Mean._fields, NUMBER | int)


def check(record: Any, annotations: dict[str, Any], **sizes: int) -> None:
    """Requires the annotation of each field. A letter with a size is an axis of that size."""
    with jaxtyped("context"):
        for letter, size in sizes.items():
            die_if_unbearable(np.zeros(size), Float[Any, letter])
        _check(record, annotations, type(record).__name__)


def _check(record: Any, annotations: dict[str, Any], path: str) -> None:
    if not tf.nest.flatten(record):
        return
    assert set(record._fields) == set(annotations), path
    for name, annotation in annotations.items():
        value = getattr(record, name)
        if isinstance(annotation, dict):
            _check(value, annotation, f"{path}.{name}")
        else:
            for leaf in tf.nest.flatten(value):
                die_if_unbearable(leaf, annotation, exception_prefix=f"{path}.{name} ")


def rollout(environment: str) -> tuple[Any, types.Trajectory]:
    simulator = recsim_tf.make(environment, slate_size=SIZES["K"], num_candidates=SIZES["N"])
    policy = random_policy(simulator)
    return simulator, simulator.rollout(policy, SIZES["B"], SIZES["T"], seed=0)


@pytest.mark.parametrize("environment", ENVIRONMENTS)
def test_records_of_a_simulation(environment):
    simulator, trajectory = rollout(environment)
    check(trajectory, TRAJECTORY, **SIZES)
    check(simulator.log_prob(trajectory), LOG_PROB, **SIZES)
    state = simulator.initial_state(trajectory.initial)
    check(state, STATE, **SIZES)
    check(simulator.observe(state), OBSERVATION, **SIZES)


@pytest.mark.slow
@pytest.mark.parametrize("environment", ENVIRONMENTS)
def test_a_log_of_a_simulation(environment):
    simulator, trajectory = rollout(environment)
    log = from_trajectory(trajectory, simulator)
    check(log, LOG, S=SIZES["B"], T=log.max_length, K=SIZES["K"], N=SIZES["N"])


def test_a_log_of_a_table_with_all_that_a_table_may_tell():
    check(everything.log(), LOG, S=2, T=2, K=2, N=3)


@pytest.mark.parametrize("changes", [{"length": np.ones(2)}, {"slate": np.ones([2, 2, 3], "i4")}])
def test_another_shape_or_dtype_is_found(changes):
    with pytest.raises(BeartypeDoorHintViolation, match=rf"Log\.{next(iter(changes))} "):
        check(everything.log()._replace(**changes), LOG, S=2, T=2, K=2, N=3)


@pytest.mark.parametrize(
    "name", [name for name, each in PRESETS.items() if each.model == "none" and each.is_weighted]
)
def test_samples_and_estimates_of_a_policy(name):
    log, estimator, policy = log_of_clicks().take(range(30)), PRESETS[name], near(2.0)
    sample = gather(policy, log, [estimator], 1.0, near(1.0))
    check(sample, SAMPLE, S=30, T=1)
    check(sample.terms(estimator), TERMS, S=30)
    check(ope.evaluate(policy, log, [name], logging=near(1.0))[name], ESTIMATE, S=30)


def test_means_of_an_evaluation():
    result = Evaluation(SIZES["B"], 3).evaluator("Random", CLICKS, random_policy(CLICKS))()
    for mean in result.means.values():
        check(mean, MEAN)
