# SPDX-License-Identifier: Apache-2.0
import functools
import json

import numpy as np
import pytest

import recsim_tf
from recsim_tf.core.simulator import click_reward
from recsim_tf.evaluation.evaluation import Evaluation
from recsim_tf.experiment.comparing.environments import Environment, content_of

VIDEOS = "InterestEvolution-v1"


def environment(name=VIDEOS, folder="runs/one", parameters=(), **arguments):
    """The environment of an evaluation, as a file has it."""
    names = ("num_users", "max_steps", "seed", "num_replicas", "jit_compile", "fitted")
    evaluation = Evaluation(**{key: arguments.pop(key) for key in names if key in arguments})
    simulator = recsim_tf.make(name, **arguments).with_parameters(dict(parameters))
    content = json.loads(json.dumps(content_of(simulator, evaluation, folder)))
    return Environment(**content)


@pytest.mark.parametrize("name", recsim_tf.registered())
def test_every_environment_is_like_itself_and_has_its_sizes(name):
    one, other = (environment(name, folder, num_users=4000) for folder in ("runs/1", "runs/2"))
    assert one.is_like(other)
    assert one.differences(other) == {}
    assert {"simulator", "users", "documents", "slate_size"} <= set(one.parts)
    assert not one.is_like(other.with_seed(2))
    assert other.with_seed(None) == other


@pytest.mark.parametrize(
    ("changes", "expected"),
    [
        ({"slate_size": 4}, {"slate_size": ("3", "4")}),
        ({"max_steps": 30}, {"Evaluation.max_steps": ("2000", "30")}),
        (
            {"parameters": {"users.time_budget": 100.0}},
            {"users.time_budget": ("200.0", "100.0")},
        ),
        (
            {"parameters": {"users.choice_model.no_click_mass": np.float32([0.5, 2.0])}},
            {"users.choice_model.no_click_mass": ("1.0", "[0.5, 2.0]")},
        ),
    ],
)
def test_the_parts_in_which_environments_differ_are_named(changes, expected):
    usual, other = environment(), environment(**changes)
    assert usual.differences(other) == expected
    assert not usual.is_like(other)


def test_large_tables_are_told_by_their_contents():
    first, same, other = (
        environment(parameters={"documents.topic_quality_means": np.full(20, mean) + np.eye(20)[0]})
        for mean in (0.0, 0.0, 1.0)
    )
    assert first.is_like(same)
    assert list(first.differences(other)) == ["documents.topic_quality_means"]
    table = environment("DriftingTaste-v0", parameters={"documents.bias": np.arange(1000.0)})
    assert "float64 [1000], sha256" in table.parts["documents.bias"]


def test_another_model_is_told_by_its_class():
    usual, other = environment(), environment("LongTermSatisfaction-v1")
    differences = usual.differences(other)
    first, second = differences["users"]
    assert first.endswith("interest_evolution.users:InterestEvolutionUsers")
    assert second.endswith("long_term_satisfaction:LongTermSatisfactionUsers")
    assert "users.user_update_alpha" in usual.parts
    assert "users.user_update_alpha" not in differences


@pytest.mark.parametrize("changes", [{"num_replicas": 2}, {"jit_compile": True}])
def test_users_who_are_drawn_otherwise_are_others_of_the_same_environment(changes):
    usual, other = environment(), environment(**changes)
    assert usual.differences(other) == {}
    assert not usual.is_like(other)


def test_what_cannot_be_written_is_like_that_of_no_other_folder():
    reward = functools.partial(click_reward)
    first, second = (environment(reward_fn=reward, folder=name) for name in ("one", "two"))
    assert first.is_like(environment(reward_fn=reward, folder="one"))
    assert list(first.differences(second)) == ["simulator"]
    assert first.parts["simulator"].startswith(
        "that of one, since simulator.reward_fn must consist"
    )
