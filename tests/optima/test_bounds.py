# SPDX-License-Identifier: Apache-2.0
"""Bounds: environments that have one, those that do not, and parameters without a proof."""

import numpy as np
import pytest

import recsim_tf
from recsim_tf import choice
from recsim_tf.conversations import ConversationUsers
from recsim_tf.environments.ecosystem import ClusteredUsers, provider_layout
from recsim_tf.environments.engagement_bait import BaitedUsers
from recsim_tf.environments.interest_evolution import InterestEvolutionUsers
from recsim_tf.environments.interest_exploration import InterestExplorationUsers
from recsim_tf.environments.long_term_satisfaction import LongTermSatisfactionUsers
from recsim_tf.environments.page_clicks import PageClickUsers
from recsim_tf.environments.return_visits import ReturnVisitsUsers
from recsim_tf.evaluation.value import value
from recsim_tf.optima import bounds
from recsim_tf.optima.bound import Sessions
from recsim_tf.optima.informed import informed_returns
from recsim_tf.policies import OraclePolicy, clickbait_policy, myopic_policy, random_policy
from tests.refusals import assert_refused


class _OtherUsers(InterestExplorationUsers):
    """Users whose dynamics may be any."""


def test_models_that_are_not_known_have_no_bound():
    assert bounds(recsim_tf.make("InterestExploration-v1", users=_OtherUsers()), 10, 5) is None


def test_sessions_that_do_not_end_need_a_number_of_steps():
    simulator = recsim_tf.make("News-v0", max_steps=None)
    assert_refused(
        lambda: bounds(simulator, 10),
        "num_steps must be given for an environment whose sessions do not end, got None",
    )


def test_the_time_limit_of_the_simulator_counts():
    limited = recsim_tf.make("DriftingTaste-v0", max_steps=7)
    assert bounds(limited).value == bounds(limited, num_steps=20).value == 7


def test_a_certain_choice_leaves_nothing_to_gain():
    simulator = recsim_tf.make("DriftingTaste-v0", max_steps=5)
    optimum = bounds(simulator)
    assert optimum.kind == "optimum"
    returns = informed_returns(simulator, optimum.policy, Sessions(10, 5, 0))
    np.testing.assert_array_equal(returns, optimum.value)


def test_a_choice_that_is_not_certain_is_bounded_by_the_steps():
    users = recsim_tf.environments.drifting_taste.DriftingTasteUsers(
        choice_model=choice.MultinomialLogit(no_click_mass=2.0)
    )
    bound = bounds(recsim_tf.make("DriftingTaste-v0", users=users, max_steps=5))
    assert (bound.value, bound.kind) == (5, "bound")


def _reward(response):
    return response.clicked[:, 0]


_REFUSED = {
    "reward": ("News-v0", {"reward_fn": _reward}, "reward_fn must be click_reward"),
    "choice": (
        "InterestExploration-v1",
        {"users": InterestExplorationUsers(choice_model=choice.ExponentialCascade())},
        "choice_model of the users must be MultinomialLogit or MultinomialProportional",
    ),
    "table": (
        "LongTermSatisfaction-v1",
        {"users": LongTermSatisfactionUsers(sensitivity=np.full(3, 0.1)), "num_users": 3},
        "num_users of the simulator must be None",
    ),
    "candidates": (
        "LongTermSatisfaction-v1",
        {"resample_documents": False},
        "resample_documents must be True",
    ),
    "tutorial": (
        "LongTermSatisfaction-v1",
        {"tutorial": True},
        "choice_model of the users must be",
    ),
    "lifetimes": ("ReturnVisits-v0", {"max_steps": 10}, "num_steps must be None"),
    "discount": (
        "ReturnVisits-v0",
        {"users": ReturnVisitsUsers(daily_discount=0.9)},
        "daily_discount of the users must be None",
    ),
    "positions": (
        "PageClicks-v0",
        {"users": PageClickUsers(position_effect=(0.0, 0.1, 0.2))},
        "position_effect of the users must be one number",
    ),
    "features": (
        "EngagementBait-v0",
        {"users": BaitedUsers(num_features=3), "documents": None},
        "num_features must be 2",
    ),
    "drift": (
        "Ecosystem-v0",
        {"users": ClusteredUsers(provider_layout(0), interest_step_size=0.1)},
        "interest_step_size of the users must be 0",
    ),
    "hazard": (
        "InterestEvolution-v1",
        {"users": InterestEvolutionUsers(departure_temperature=1.0)},
        "departure_temperature of the users must be None",
    ),
    "stays": (
        "Conversation-v0",
        {"users": ConversationUsers(leaves_satisfied=False)},
        "leaves_satisfied of the users must be True",
    ),
    "offers": ("KeyTerms-v0", {"resample_documents": False}, "resample_documents must be True"),
    "slate": ("Feed-v0", {"slate_size": 2}, "slate_size must be 1"),
}


@pytest.mark.parametrize("case", _REFUSED)
def test_a_parameter_without_a_proof_is_named(case):
    environment_id, options, message = _REFUSED[case]
    if case == "features":
        documents = recsim_tf.environments.engagement_bait.BaitVideos(num_features=3)
        options = options | {"documents": documents}
    simulator = recsim_tf.make(environment_id, **options)
    num_steps = None if environment_id == "ReturnVisits-v0" else 5
    assert_refused(lambda: bounds(simulator, 10, num_steps), message)


@pytest.mark.parametrize("rule", [random_policy, myopic_policy, OraclePolicy])
def test_no_rule_of_interest_evolution_is_above_its_bound(rule):
    simulator = recsim_tf.make("InterestEvolution-v1")
    bound = bounds(simulator, 50)
    returns = value(simulator, rule(simulator), 500, 500)
    assert returns.mean() < bound.value


@pytest.mark.parametrize("target", [0.0, 0.5, 1.0])
def test_no_rule_of_sensitive_users_is_above_the_optimum(target):
    simulator = recsim_tf.make(
        "LongTermSatisfaction-v1",
        users=LongTermSatisfactionUsers(sensitivity=0.3, time_budget=20.0),
    )
    optimum = bounds(simulator)
    returns = value(simulator, clickbait_policy(simulator, target), 2000, 20, seed=1)
    assert returns.mean() < optimum.value + 3 * returns.std() / 2000**0.5


@pytest.mark.slow
def test_the_policy_of_an_optimum_reaches_it():
    cases = {
        "LongTermSatisfaction-v1": {
            "users": LongTermSatisfactionUsers(sensitivity=0.3, time_budget=20.0)
        },
        "ReturnVisits-v0": {"users": ReturnVisitsUsers(horizon=6.0)},
        "EngagementBait-v0": {"max_steps": 10},
        "InterestExploration-v1": {"max_steps": 10},
    }
    for environment_id, options in cases.items():
        simulator = recsim_tf.make(environment_id, **options)
        optimum = bounds(simulator, num_sessions=2000)
        returns = informed_returns(
            simulator, optimum.policy, Sessions(2000, simulator.max_steps, seed=3)
        )
        error = np.hypot(returns.std() / len(returns) ** 0.5, optimum.error)
        assert abs(returns.mean() - optimum.value) < 3 * error, environment_id
