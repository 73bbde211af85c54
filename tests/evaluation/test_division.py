# SPDX-License-Identifier: Apache-2.0
"""Evaluations of users in parts: one after the other, and on several devices."""

import json

import numpy as np
import pytest
import tensorflow as tf

import recsim_tf
from recsim_tf.core import random
from recsim_tf.core.runs.division import Division
from recsim_tf.evaluation.evaluation import Evaluation
from recsim_tf.policies import random_policy
from tests.processes import run_python


def _as_integer(seed: tf.Tensor) -> int:
    high, low = (int(word) % 2**32 for word in seed.numpy())
    return (high << 32) + low


def test_the_parts_are_evaluations_with_seeds_of_their_own_one_after_the_other():
    simulator = recsim_tf.long_term_satisfaction(slate_size=2, num_candidates=4, max_steps=5)
    policy = random_policy(simulator)
    whole = Evaluation(9, 5, seed=4, num_replicas=3).evaluator("all", simulator, policy)()
    assert whole.episodes == 9
    of_a_part = Evaluation(3, 5)
    evaluate = of_a_part.evaluator("part", simulator, policy)
    for part, seed in enumerate(Division(3).seeds(random.as_seed(4))):
        of_a_part.seed = _as_integer(seed)
        alone = evaluate()
        tf.nest.map_structure(
            lambda found, expected, part=part: np.testing.assert_array_equal(
                found[3 * part : 3 * part + 3], expected
            ),
            whole.sessions,
            alone.sessions,
        )
    assert len(np.unique(whole.sessions["return"])) > 3


def test_each_of_several_seeds_is_divided_as_if_it_were_alone():
    both = tf.stack([random.as_seed(1), random.as_seed(2)])
    found = Division(3).seeds(both)
    assert found.shape == [3, 2, 2]
    for index, seed in enumerate((1, 2)):
        np.testing.assert_array_equal(found[:, index], Division(3).seeds(random.as_seed(seed)))
    np.testing.assert_array_equal(Division().seeds(both), [both])


@pytest.mark.parametrize(
    ("num_users", "multiple", "parts"),
    [
        *[(5000, 1, 1), (8192, 1, 1), (10_000, 1, 2), (131_072, 1, 16), (10_007, 1, 1)],
        *[(20_000, 2500, 4), (20_000, 4, 4), (30_000, 10_000, 1), (20_000, 20_000, 1)],
    ],
)
def test_many_users_are_divided_by_their_number_and_that_of_a_world(num_users, multiple, parts):
    assert Division.of(num_users, multiple).num_replicas == parts


@pytest.mark.slow
def test_many_users_are_evaluated_in_parts():
    simulator = recsim_tf.long_term_satisfaction(slate_size=2, num_candidates=4, max_steps=2)
    policy = random_policy(simulator)
    whole = Evaluation(10_000, 2, seed=4).evaluator("all", simulator, policy)()
    parts = Evaluation(10_000, 2, seed=4, num_replicas=2).evaluator("all", simulator, policy)()
    tf.nest.map_structure(np.testing.assert_array_equal, whole.sessions, parts.sessions)


@pytest.mark.slow
def test_two_devices_find_what_one_finds_of_the_same_parts():
    module = "tests.evaluation.replica_evaluations"
    process = run_python("-m", module, TF_USE_LEGACY_KERAS="1", CUDA_VISIBLE_DEVICES="")
    assert process.returncode == 0, process.stderr
    found = json.loads(process.stdout)
    agent, command = found["agent"], found["command"]
    assert agent["names"] == ["Random", "Oracle", "SlateQ"]
    assert agent["difference"] < 1e-5
    assert len(set(agent["returns"])) == 3
    assert agent["refused"] == "num_replicas must be 2, the replicas of the strategy, got 1"
    np.testing.assert_allclose(command["returns"], command["in_turn"], rtol=1e-5)
    assert len(set(command["returns"])) > 2
    assert found["worlds"] < 1e-5
