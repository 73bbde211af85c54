# SPDX-License-Identifier: Apache-2.0
"""Runs in an environment with queries."""

import gin
import numpy as np
import pytest
import tensorflow as tf
from tf_agents.trajectories import time_step as ts

import recsim_tf
from recsim_tf.experiment import building, config
from recsim_tf.experiment.runs.folder import RunDirectory
from recsim_tf.training import Training
from tests import questions
from tests.experiment.tiny_runs import read_csv
from tests.refusals import assert_refused


@gin.configurable(module="tests")
def asked():
    return questions.simulator(query_spec=questions.WHOLE_SPEC)


@gin.configurable(module="tests")
def asked_by_degrees():
    return questions.simulator()


@gin.configurable(module="tests")
def always_ask(simulator):
    return lambda *arguments: (questions.ask(*arguments)[0], ())


@gin.configurable(module="tests")
def overask(simulator):
    def policy(observation, policy_state, seed):
        turn = questions.ask(observation, policy_state, seed)[0]
        return turn._replace(query=turn.query._replace(is_asked=turn.query.is_asked + 7)), ()

    return policy


TRAINING = (
    "experiment.simulator = @asked()",
    "experiment.create_agent = @create_reinforce",
    "experiment.baselines = ()",
    "experiment.num_users = 4",
    "Iteration.batch_size = None",
    "Iteration.collect_steps = 2",
    "LambdaReturns.num_steps = 2",
    "SlatePolicyNetwork.hidden_units = (8,)",
    "TurnPolicyNetwork.hidden_units = (8,)",
    "StateValueNetwork.hidden_units = (8,)",
    "train.num_iterations = 4",
    "train.eval_users = 4",
    "Evaluation.num_users = 10",
)


@pytest.mark.slow
@pytest.mark.filterwarnings("ignore")  # Matplotlib and PolicySaver warn of their own dependencies.
def test_an_agent_over_turns_is_trained_evaluated_and_exported(tmp_path):
    folder = RunDirectory(tmp_path / "run", config.load([], TRAINING))
    results = building.train(folder)
    assert [policy["name"] for policy in results["policies"]] == ["REINFORCE"]
    assert results["train"]["train_steps"] == 4
    simulator = Training().simulator
    exported = tf.saved_model.load(str(folder.path / "policy"))
    observation = simulator.observe(simulator.reset(3, seed=0))
    action = exported.action(ts.restart(observation, batch_size=3)).action
    simulator.step(simulator.reset(3, seed=0), recsim_tf.Turn(*action), 0)


@pytest.mark.slow
@pytest.mark.filterwarnings("ignore")  # Matplotlib warns of its own dependencies.
def test_simulations_have_random_turns_and_those_of_a_user_s_own_policy(tmp_path):
    bindings = (
        "simulate.simulator = @asked_by_degrees()",
        "simulate.policies = ('random', @always_ask)",
        "Evaluation.num_users = 400",
    )
    folder = RunDirectory(tmp_path / "run", config.load([], bindings))
    random, asking = building.simulate(folder)["policies"]
    error = np.hypot(random["standard_error"], asking["standard_error"])
    assert asking["mean_return"] > random["mean_return"] + 3 * error
    assert len(read_csv(folder.path / "sessions.csv")) == 800


@pytest.mark.parametrize(
    ("policy", "message"),
    [
        ("'myopic'", "myopic_policy gives slates alone, and the environment has a query_spec"),
        ("@overask", r"policy overask: query.is_asked must be in \[0, 1\]"),
        ("@always_ask", r"policy always_ask: query.strength must be int32 \[2, 2\], got float32"),
    ],
)
def test_a_policy_that_gives_no_turn_is_refused_before_anything_runs(tmp_path, policy, message):
    source = "asked" if policy == "@always_ask" else "asked_by_degrees"
    bindings = [f"simulate.simulator = @{source}()", f"simulate.policies = ({policy},)"]
    folder = RunDirectory(tmp_path / "run", config.load([], bindings))
    assert_refused(lambda: building.simulate(folder), message)
