import gin
import numpy as np
import pytest

import recsim_tf
from recsim_tf.environments.drifting_taste import DriftingTasteUsers
from recsim_tf.environments.interest_evolution import InterestEvolutionUsers, UtilityVideos
from recsim_tf.environments.interest_exploration import InterestExplorationUsers
from recsim_tf.environments.long_term_satisfaction import LongTermSatisfactionUsers
from recsim_tf.environments.page_clicks import PageClickUsers
from recsim_tf.experiment import config
from recsim_tf.experiment.evaluation.comparison import Comparison
from recsim_tf.experiment.evaluation.evaluation import Evaluation
from recsim_tf.experiment.runs.errors import UsageError
from recsim_tf.policies import baseline_policy

SEEDS, NUM_USERS, MAX_STEPS = (3, 8), 5, 12
NO_CLICK_MASS = "InterestEvolutionUsers.no_click_mass"


def _evolution(no_click_mass, max_utility):
    return recsim_tf.interest_evolution(
        users=InterestEvolutionUsers(no_click_mass=no_click_mass),
        documents=UtilityVideos(max_utility=max_utility),
    )


# A builder, a baseline, what is compared, and the simulator of one combination of the values.
ENVIRONMENTS = {
    "interest evolution": (
        recsim_tf.interest_evolution,
        "oracle",
        {NO_CLICK_MASS: (0.5, 2.0), "UtilityVideos.max_utility": (1, 3.0)},
        _evolution,
    ),
    "interest exploration": (
        recsim_tf.interest_exploration,
        "greedy_pctr",
        {
            "InterestExplorationUsers.affinity_loc": (
                ((0.1, 0.7), (0.7, 0.1)),
                ((3.0, 0.1), (0.1, 2.0)),
            )
        },
        lambda affinity_loc: recsim_tf.interest_exploration(
            users=InterestExplorationUsers(affinity_loc=affinity_loc)
        ),
    ),
    "long-term satisfaction": (
        recsim_tf.long_term_satisfaction,
        "random",
        {"LongTermSatisfactionUsers.memory_discount": (0.2, 0.9)},
        lambda memory_discount: recsim_tf.long_term_satisfaction(
            users=LongTermSatisfactionUsers(memory_discount=memory_discount)
        ),
    ),
    "drifting taste, a number where a vector may stand": (
        recsim_tf.drifting_taste,
        "random",
        {"DriftingTasteUsers.gain": (0.0, 2.0), "DriftingTasteUsers.no_click_mass": (3,)},
        lambda gain, no_click_mass: recsim_tf.drifting_taste(
            users=DriftingTasteUsers(gain=gain, no_click_mass=no_click_mass)
        ),
    ),
    "page clicks": (
        recsim_tf.page_clicks,
        "random",
        {"PageClickUsers.intercept": (-3.0, -0.5, 0.5)},
        lambda intercept: recsim_tf.page_clicks(users=PageClickUsers(intercept=intercept)),
    ),
}


def _compare(evaluation, build, policy):
    return evaluation.compare(build, lambda simulator: {policy: baseline_policy(policy, simulator)})


@pytest.mark.parametrize(
    ("build", "policy", "values", "alone"), ENVIRONMENTS.values(), ids=ENVIRONMENTS
)
def test_the_sessions_of_a_value_and_a_seed_are_those_of_a_run_of_their_own(
    build, policy, values, alone
):
    evaluation = Evaluation(NUM_USERS, MAX_STEPS, compare=values, seeds=SEEDS)
    results = _compare(evaluation, build, policy)
    single = Evaluation(NUM_USERS, MAX_STEPS)
    for first in range(0, len(results), len(SEEDS)):
        simulator = alone(*results[first].setting.values.values())
        evaluate = single.evaluator("policy", simulator, baseline_policy(policy, simulator))
        for seed, result in zip(SEEDS, results[first : first + len(SEEDS)], strict=True):
            assert result.setting.seed == seed
            single.seed = seed
            for found, expected in zip(result.sessions, evaluate().sessions, strict=True):
                np.testing.assert_allclose(found, expected, rtol=1e-5)
    # The values and the seeds make a difference.
    assert len({result.mean_return for result in results}) > len(results) // 2


def test_a_bandit_keeps_the_clicks_of_each_user_apart():
    evaluation = Evaluation(
        NUM_USERS, MAX_STEPS, compare={"InterestExplorationUsers.no_click_mass": (2.0, 6.0)}
    )
    results = _compare(evaluation, recsim_tf.interest_exploration, "ucb1")
    alone = recsim_tf.interest_exploration(users=InterestExplorationUsers(no_click_mass=6.0))
    expected = Evaluation(NUM_USERS, MAX_STEPS).evaluator(
        "ucb1", alone, baseline_policy("ucb1", alone)
    )()
    np.testing.assert_array_equal(results[1].sessions.clicks, expected.sessions.clicks)
    assert results[0].mean_return > results[1].mean_return


def test_a_value_that_changes_nothing_leaves_the_same_sessions():
    # The default choice model pays no attention to it.
    evaluation = Evaluation(
        NUM_USERS, MAX_STEPS, compare={"InterestEvolutionUsers.attention_prob": (0.2, 0.9)}
    )
    one, other = _compare(evaluation, recsim_tf.interest_evolution, "random")
    np.testing.assert_array_equal(one.sessions.reward, other.sessions.reward)


def test_results_are_told_apart_by_the_shortest_names():
    values = {"a.Users.mass": (1, 2.5), "a.Items.mass": (3,), "a.Items.scale": ((1, 2), (2, 1))}
    labels = [setting.label for setting in Comparison(values, (7,), 2).settings]
    assert labels[:2] == [
        "Users.mass=1, Items.mass=3, scale=(1, 2)",
        "Users.mass=1, Items.mass=3, scale=(2, 1)",
    ]
    assert len(labels) == 4
    assert [setting.label for setting in Comparison({}, (7, 8), 2).settings] == ["seed=7", "seed=8"]


def test_the_configuration_stays_as_it_was():
    shared = [
        "shared/singleton.constructor = @interest_evolution",
        "simulate.simulator = @shared/singleton()",
    ]
    config.load([], [f"{NO_CLICK_MASS} = 0.25", *shared])

    def build():
        return gin.get_bindings("simulate")["simulator"]

    own = build()
    before = gin.config_str(), gin.operative_config_str(), gin.config_is_locked()
    compared = Comparison({NO_CLICK_MASS: (1.0, 2.0)}, (1,), 3).simulator(build)
    np.testing.assert_array_equal(compared.users.no_click_mass, [1, 1, 1, 2, 2, 2])
    assert (gin.config_str(), gin.operative_config_str(), gin.config_is_locked()) == before
    assert build() is own
    assert own.users.no_click_mass == recsim_tf.interest_evolution().users.no_click_mass == 0.25


@pytest.mark.parametrize(
    ("values", "seeds", "message"),
    [
        (
            {"Users.mass": ()},
            (1,),
            r"values of Users.mass must be a tuple of at least one, got \(\)",
        ),
        (
            {"Users.mass": 3.0},
            (1,),
            "values of Users.mass must be a tuple of at least one, got 3.0",
        ),
        ({"Users.mass": (1, 2, 1.0)}, (1,), "values of Users.mass must differ, got 1.0 twice"),
        (
            {"Users.mass": (1, "2")},
            (1,),
            "values of Users.mass must be numbers, or tables of numbers of one shape, got .*'2'",
        ),
        ({"Users.mass": (True, False)}, (1,), "values of Users.mass must be numbers"),
        (
            {"Users.mass": ((1, 2), (1, 2, 3))},
            (1,),
            "values of Users.mass must be numbers, or tables of numbers of one shape",
        ),
        (("Users.mass", 1), (1,), "values must map names of parameters to their values"),
        ({}, (), "seeds must be a tuple of at least one"),
        ({}, (4, 4), "seeds must differ, got 4 twice"),
        ({}, (-1, 4), r"seed must be in \[0, 2\*\*64\), got -1"),
    ],
)
def test_values_that_cannot_be_compared_are_refused(values, seeds, message):
    with pytest.raises(ValueError, match=message):
        Evaluation(NUM_USERS, compare=values, seeds=seeds)


@pytest.mark.parametrize(
    ("build", "values", "message"),
    [
        ("interest_evolution", {"nothing.x": (1, 2)}, "values: No configurable matching 'nothing'"),
        (
            "interest_evolution",
            {"InterestEvolutionUsers.nothing": (1, 2)},
            "values: .* doesn't have a parameter named 'nothing'",
        ),
        (
            "interest_evolution",
            {"interest_evolution.slate_size": (1, 2)},
            "slate_size is no parameter .* recsim-tf sweep",
        ),
        (
            "interest_evolution",
            {"interest_evolution.max_steps": (1, 2)},
            "max_steps is no parameter",
        ),
        (
            "interest_evolution",
            {"UtilityVideos.num_topics": (10, 20)},
            "num_topics is no parameter",
        ),
        (
            "interest_evolution",
            {"SlateQTargets.gamma": (0.5, 0.9)},
            "SlateQTargets.gamma is no parameter",
        ),
        (
            "interest_evolution",
            {"InterestExplorationUsers.no_click_mass": (0.5, 0.9)},
            "InterestExplorationUsers.no_click_mass is no",
        ),
        # As many numbers as items could be taken for the items' own.
        ("drifting_taste", {"Catalogue.bias": (0.5, 0.9)}, "Catalogue.bias is no parameter"),
        (
            "page_clicks",
            {"PageItems.item_scale": (0.5, 0.9)},
            "PageItems.item_scale is no parameter",
        ),
        (
            "interest_evolution",
            {"interest_evolution.slate_size": (3, 11)},
            r"slate_size=11: slate_size must be in \[1, num_candidates=10\]",
        ),
        (
            "long_term_satisfaction",
            {"LongTermSatisfactionUsers.memory_discount": (0.5, 1.5)},
            (
                r"the environment does not take LongTermSatisfactionUsers.memory_discount=1.5:"
                r" memory_discount must be in \[0, 1\), got 1.5"
            ),
        ),
        (
            "interest_exploration",
            {"TopicDocuments.topic_distribution": ((0.5, 0.5), (0.5, 0.6))},
            (
                r"topic_distribution=\(0.5, 0.6\): topic_distribution must be non-negative and sum"
                r" to 1"
            ),
        ),
    ],
)
def test_parameters_and_values_that_the_environment_cannot_take_are_refused(build, values, message):
    with pytest.raises(UsageError, match=message) as error:
        Comparison(values, (1,), NUM_USERS).simulator(getattr(recsim_tf, build))
    assert "\n" not in str(error.value)


def test_a_simulator_with_values_is_for_its_users_only():
    simulator = Comparison({NO_CLICK_MASS: (1.0, 2.0)}, (1,), 3).simulator(
        recsim_tf.interest_evolution
    )
    with pytest.raises(
        ValueError, match="num_users must be 6, for which the models have parameters, got 5"
    ):
        simulator.reset(5, seed=0)
