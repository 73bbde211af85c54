# SPDX-License-Identifier: Apache-2.0
from typing import Any

import numpy as np
import pytest
import tensorflow as tf

import recsim_tf
from recsim_tf.agents.bandits.conversational import ConUCB
from recsim_tf.evaluation.baselines import baseline_policies
from recsim_tf.evaluation.comparison import Comparison
from recsim_tf.evaluation.evaluation import Evaluation
from recsim_tf.policies import PolicyModel, baseline_policy
from tests.alike import assert_close, assert_equal

SEEDS, NUM_USERS, MAX_STEPS = (3, 8), 5, 12
NO_CLICK_MASS = "users.choice_model.no_click_mass"


# An environment, a baseline, and what is compared.
ENVIRONMENTS = {
    "interest evolution": (
        recsim_tf.interest_evolution,
        "oracle",
        {NO_CLICK_MASS: (0.5, 2.0), "documents.max_utility": (1, 3.0)},
    ),
    "interest exploration": (
        recsim_tf.interest_exploration,
        "greedy_pctr",
        {"users.affinity_loc": (((0.1, 0.7), (0.7, 0.1)), ((3.0, 0.1), (0.1, 2.0)))},
    ),
    "drifting taste, a number where a vector may stand": (
        recsim_tf.drifting_taste,
        "random",
        {"users.gain": (0.0, 2.0), NO_CLICK_MASS: (3,)},
    ),
}


def _compare(evaluation, simulator, policy):
    return evaluation.results(
        simulator, lambda simulator: {policy: baseline_policy(policy, simulator)}
    )


@pytest.mark.slow
@pytest.mark.parametrize(("build", "policy", "values"), ENVIRONMENTS.values(), ids=ENVIRONMENTS)
def test_the_sessions_of_a_value_and_a_seed_are_those_of_a_run_of_their_own(build, policy, values):
    evaluation = Evaluation(NUM_USERS, MAX_STEPS, compare=values, seeds=SEEDS)
    results = _compare(evaluation, build(), policy)
    single = Evaluation(NUM_USERS, MAX_STEPS)
    for first in range(0, len(results), len(SEEDS)):
        simulator = build().with_parameters(results[first].setting.values)
        evaluate = single.evaluator("policy", simulator, baseline_policy(policy, simulator))
        for seed, result in zip(SEEDS, results[first : first + len(SEEDS)], strict=True):
            assert result.setting.seed == seed
            single.seed = seed
            assert_close(result.sessions, evaluate().sessions, rtol=1e-5)
    # The values and the seeds make a difference.
    assert len({result["return"].value for result in results}) > len(results) // 2


@pytest.mark.slow
def test_a_bandit_keeps_the_clicks_of_each_user_apart():
    evaluation = Evaluation(NUM_USERS, MAX_STEPS, compare={NO_CLICK_MASS: (2.0, 6.0)})
    simulator = recsim_tf.interest_exploration()
    results = _compare(evaluation, simulator, "ucb1")
    alone = simulator.with_parameters({NO_CLICK_MASS: 6.0})
    expected = Evaluation(NUM_USERS, MAX_STEPS).evaluator(
        "ucb1", alone, baseline_policy("ucb1", alone)
    )()
    np.testing.assert_array_equal(results[1].sessions["clicks"], expected.sessions["clicks"])
    assert results[0]["return"].value > results[1]["return"].value


class Boosted(PolicyModel):
    """Shows the best documents of a quality that is boosted for one cluster."""

    simulator: recsim_tf.Simulator
    boost: Any = recsim_tf.parameter(0.0, low=0, high=3)

    def __call__(self, observation, policy_state, seed):
        documents = observation.documents
        boosted = tf.cast(documents.cluster_id == 1, tf.float32) * self.per_user("boost", rank=2)
        slate = tf.math.top_k(documents.quality + boosted, self.simulator.slate_size).indices
        return slate, policy_state


# An environment, a policy that is a model, and what is compared.
POLICIES = {
    "a policy of one's own": (
        recsim_tf.interest_exploration,
        Boosted,
        {"policy.boost": (0.0, 3), NO_CLICK_MASS: (2.0, 6.0)},
    ),
    "a bandit that asks": (
        lambda: recsim_tf.key_terms(slate_size=1),
        ConUCB,
        {"policy.arm_weight": (0.2, 0.8)},
    ),
}


@pytest.mark.slow
@pytest.mark.parametrize(("build", "policy", "values"), POLICIES.values(), ids=POLICIES)
def test_a_value_of_a_policy_plays_as_in_a_run_of_its_own_bit_for_bit(build, policy, values):
    size = {"num_users": 8, "max_steps": 25, "jit_compile": False}
    results = Evaluation(compare=values, seeds=SEEDS, **size).results(
        build(), lambda simulator: baseline_policies({"policy": policy}, simulator)
    )
    single = Evaluation(seed=SEEDS[1], **size)
    for result in results[1 :: len(SEEDS)]:
        own = {name.removeprefix("policy."): value for name, value in result.setting.values.items()}
        of_users = {name: own.pop(name) for name in list(own) if name.startswith("users.")}
        simulator = build().with_parameters(of_users)
        expected = single.evaluator("policy", simulator, policy(simulator, **own))()
        assert_equal(result.sessions, expected.sessions)
    assert len({result["return"].value for result in results}) > len(results) // 2


def test_a_policy_with_values_is_for_its_users_only():
    simulator = recsim_tf.interest_exploration()
    with pytest.raises(
        ValueError,
        match="boost of policy must be one value, or one for each of the num_users=3, got 2",
    ):
        simulator.rollout(Boosted(simulator, boost=[0.0, 1.0]), 3, 2, seed=0)
    # One value for all may be a vector too.
    slates = [
        simulator.rollout(Boosted(simulator, boost=boost), 3, 2, seed=0).transitions.slate
        for boost in (0.5, [0.5])
    ]
    np.testing.assert_array_equal(*slates)


@pytest.mark.slow
def test_a_policy_without_the_parameter_plays_with_every_value():
    evaluation = Evaluation(NUM_USERS, MAX_STEPS, compare={"policy.boost": (0.0, 2.0)})
    results = evaluation.results(
        recsim_tf.interest_exploration(),
        lambda simulator: baseline_policies({"Random": "random", "own": Boosted}, simulator),
    )
    assert [result.name for result in results] == [
        *("Random [boost=0.0]", "Random [boost=2.0]", "own [boost=0.0]", "own [boost=2.0]")
    ]
    returns = [result["return"].value for result in results]
    assert returns[0] == returns[1]
    assert returns[2] != returns[3]


def test_results_are_told_apart_by_the_shortest_names():
    values = {"a.Users.mass": (1, 2.5), "a.Items.mass": (3,), "a.Items.scale": ((1, 2), (2, 1))}
    labels = [setting.label for setting in Comparison(values, (7,), 2).settings]
    assert labels[:2] == [
        "Users.mass=1, Items.mass=3, scale=(1, 2)",
        "Users.mass=1, Items.mass=3, scale=(2, 1)",
    ]
    assert len(labels) == 4
    assert [setting.label for setting in Comparison({}, (7, 8), 2).settings] == ["seed=7", "seed=8"]


def test_the_simulator_stays_as_it_was():
    own = recsim_tf.interest_evolution()
    compared = Comparison({NO_CLICK_MASS: (1.0, 2.0)}, (1,), 3).simulator(own)
    found = compared.parameters()[NO_CLICK_MASS]
    np.testing.assert_array_equal(found, [1, 1, 1, 2, 2, 2])
    assert own.parameters() == recsim_tf.interest_evolution().parameters()
