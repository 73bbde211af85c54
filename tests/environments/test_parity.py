# SPDX-License-Identifier: Apache-2.0
"""Sessions against the means that were measured on RecSim 0.2.4 under fixed policies, within 4
standard errors of the difference.
"""

import functools
import math
from collections.abc import Callable
from typing import NamedTuple

import numpy as np
import pytest
import tensorflow as tf

from recsim_tf.core.base.types import Policy
from recsim_tf.core.random import as_seed
from recsim_tf.core.runs.execution import compiled
from recsim_tf.core.simulator import Simulator
from recsim_tf.environments.interest_evolution import UtilityVideos, interest_evolution
from recsim_tf.environments.interest_exploration import (
    InterestExplorationUsers,
    interest_exploration,
)
from recsim_tf.environments.long_term_satisfaction import long_term_satisfaction
from recsim_tf.evaluation import measures
from recsim_tf.policies import OraclePolicy, random_policy


class Mean(NamedTuple):
    """A mean that RecSim gave, with its standard error; None where only the mean, rounded to
    `rounding`, is known.
    """

    value: float
    standard_error: float | None = None
    rounding: float = 0.0


class Case(NamedTuple):
    """Sessions of one environment under one policy."""

    environment: str
    policy_name: str
    slate_size: int
    create: Callable[..., Simulator]
    policy: Callable[[Simulator], Policy]
    max_steps: int  # every session has ended by then
    episodes: int  # of RecSim
    means: dict[str, Mean]  # by metric: return, length, clicks a step, quality of clicks


def _largest(value: Callable) -> Callable[[Simulator], Policy]:
    """The policy that shows the candidates with the largest `value(observation)` [B, N]."""

    def create(simulator: Simulator) -> Policy:
        def act(observation, policy_state, seed):
            del seed
            return tf.math.top_k(value(observation), simulator.slate_size).indices, policy_state

        return act

    return create


class _TransparentUsers(InterestExplorationUsers):
    """Users who show their affinities, for the oracle."""

    def observe(self, state):
        return state.affinity


_interest_exploration = functools.partial(
    interest_exploration, users=_TransparentUsers(), max_steps=50
)


def _affinity(observation):
    return tf.linalg.matvec(observation.documents, observation.user)


def _topic_quality(observation):
    return tf.linalg.matvec(observation.documents, UtilityVideos().mean_quality())


def _quality(observation):
    return observation.documents.quality


def _believed_score(observation):
    belief = InterestExplorationUsers().mean_affinity()
    return tf.gather(belief, observation.documents.cluster_id) + observation.documents.quality


def _true_score(observation):
    return (
        tf.gather(observation.user, observation.documents.cluster_id, batch_dims=1)
        + observation.documents.quality
    )


def _evolution_case(slate_size, policy_name, returns, length, clicks, quality) -> Case:
    means = {
        "return": Mean(*returns),
        "length": Mean(*length),
        "clicks a step": Mean(clicks, rounding=5e-5),
        "quality of clicks": Mean(quality, rounding=5e-4),
    }
    # A session without clicks lasts 400 steps, any other is shorter.
    return Case(
        "InterestEvolution-v1",
        policy_name,
        slate_size,
        interest_evolution,
        _EVOLUTION_POLICIES[policy_name],
        401,
        1000,
        means,
    )


def _exploration_case(policy_name, policy, returns, clicks, quality) -> Case:
    means = {
        "return": Mean(*returns),
        "clicks a step": Mean(clicks, rounding=5e-5),
        "quality of clicks": Mean(quality, rounding=5e-4),
    }
    return Case(
        "InterestExploration-v1", policy_name, 2, _interest_exploration, policy, 50, 2000, means
    )


def _satisfaction_case(policy_name, policy, returns) -> Case:
    means = {"return": Mean(*returns), "length": Mean(60.0, 0.0)}
    return Case(
        "LongTermSatisfaction-v1", policy_name, 2, long_term_satisfaction, policy, 60, 1500, means
    )


_EVOLUTION_POLICIES = {
    "random": random_policy,
    "top of <u, d>": _largest(_affinity),
    "top of topic quality": _largest(_topic_quality),
}
# Slate size, policy, return, length, clicks a step, quality of clicks.
_EVOLUTION = [
    (2, "random", (154.13, 0.35), (84.24, 0.37), 0.4628, -0.587),
    (2, "top of <u, d>", (165.71, 0.83), (66.54, 0.38), 0.6311, -0.518),
    (2, "top of topic quality", (280.84, 1.78), (167.50, 0.76), 0.4268, 1.730),
    (3, "random", (160.41, 0.37), (71.25, 0.29), 0.5701, -0.590),
    (3, "top of <u, d>", (167.48, 0.67), (60.06, 0.28), 0.7066, -0.552),
    (3, "top of topic quality", (264.43, 1.15), (124.16, 0.52), 0.5433, 1.323),
]
CASES = [
    *(_evolution_case(*row) for row in _EVOLUTION),
    _exploration_case("random", random_policy, (11.42, 0.07), 0.2284, 1.691),
    _exploration_case("top of quality", _largest(_quality), (19.41, 0.11), 0.3881, 2.223),
    _exploration_case("greedy pCTR", _largest(_believed_score), (19.41, 0.11), 0.3881, 2.223),
    _exploration_case("oracle", _largest(_true_score), (19.69, 0.11), 0.3937, 2.158),
    # It is not RecSim's, and its return is known to an interval only.
    Case(
        "InterestEvolution-v1",
        "the oracle of this package",
        3,
        interest_evolution,
        OraclePolicy,
        401,
        1000,
        {"return": Mean(280.0, 0.0, rounding=3.0)},
    ),
    _satisfaction_case("random", random_policy, (948.8, 4.2)),
    _satisfaction_case(
        "most clickbait", _largest(lambda observation: observation.documents[..., 0]), (1117.3, 4.9)
    ),
    _satisfaction_case(
        "least clickbait",
        _largest(lambda observation: -observation.documents[..., 0]),
        (786.5, 3.5),
    ),
]


def sums_of_sessions(case: Case, num_users: int, seed: int) -> dict[str, np.ndarray]:
    """The sums [num_users] of one session of each user, by name of the measure."""
    simulator = case.create(slate_size=case.slate_size, num_candidates=10)
    policy = case.policy(simulator)
    counted = measures.session_measures(simulator.observation_spec().response)
    add = functools.partial(measures.add, counted)
    start = measures.zeros(measures.shapes(counted, simulator), num_users)

    @compiled
    def run(seed):
        return simulator.fold(policy, num_users, case.max_steps, seed, add, start)

    return {name: part.numpy().astype(np.float64) for name, part in run(as_seed(seed)).items()}


def deviation(reference: Mean, numerators, denominators, episodes: int) -> float:
    """The difference of a ratio of sums over sessions from a mean, in standard errors. That of the
    ratio is by the delta method.
    """
    ratio = numerators.sum() / denominators.sum()
    one_session = np.std(numerators - ratio * denominators) / denominators.mean()
    # Where RecSim's standard error is not known, it is that of as many of our sessions.
    reference_error = (
        one_session / math.sqrt(episodes)
        if reference.standard_error is None
        else reference.standard_error
    )
    difference = max(abs(ratio - reference.value) - reference.rounding, 0.0)
    both = math.hypot(one_session / math.sqrt(len(numerators)), reference_error)
    return difference / both if difference else 0.0


@pytest.mark.parametrize(
    "case",
    CASES,
    ids=[f"{case.environment}, {case.policy_name}, {case.slate_size} of 10" for case in CASES],
)
def test_sessions_are_distributed_as_in_recsim(case):
    sums, ones = sums_of_sessions(case, num_users=3000, seed=2), np.ones(3000)
    assert (sums["left"] + sums["time_limit"]).all(), "sessions must have ended"
    ratios = {
        "return": (sums["return"], ones),
        "length": (sums["steps"], ones),
        "clicks a step": (sums["clicks"], sums["steps"]),
        "quality of clicks": (sums.get("quality", 0 * ones), sums["clicks"]),
    }
    for metric, mean in case.means.items():
        assert deviation(mean, *ratios[metric], case.episodes) <= 4, metric
