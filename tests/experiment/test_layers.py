"""Runs with layers between environment and agent, named in the configuration."""

import pytest
import tensorflow as tf
from tf_agents.trajectories import time_step as ts

from recsim_tf.experiment import commands, config
from recsim_tf.experiment.runs.folder import RunDirectory
from recsim_tf.experiment.training.parts import experiment

BINDINGS = (
    "experiment.simulator = @interest_exploration()",
    "interest_exploration.slate_size = 1",
    "interest_exploration.num_candidates = 4",
    "interest_exploration.max_steps = 6",
    "experiment.create_agent = @create_full_slate_q",
    "experiment.layers = [@FixedLengthHistory(), @ClusterClickStatistics()]",
    "FixedLengthHistory.history_length = 2",
    "FullSlateQNetwork.hidden_units = (8,)",
    "experiment.baselines = ()",
    "experiment.num_users = 4",
    "Iteration.batch_size = 4",
    "Iteration.replay_length = 5",
    "train.num_iterations = 8",
    "train.eval_users = 4",
    "Evaluation.num_users = 10",
)


@pytest.mark.slow
@pytest.mark.filterwarnings("ignore")  # Matplotlib and PolicySaver warn of their own dependencies.
def test_an_agent_above_layers_is_trained_evaluated_and_exported_for_the_environment_below(
    tmp_path,
):
    run_dir = RunDirectory(tmp_path / "run", config.load([], BINDINGS))
    results = commands.train(run_dir)
    assert [policy["name"] for policy in results["policies"]] == ["FullSlateQ"]
    assert [policy["mean_length"] for policy in results["policies"]] == [6.0]
    assert results["train"]["train_steps"] == 8

    parts = experiment()
    seen = parts.agent.time_step_spec.observation.user
    assert seen.sufficient_statistics.click_count.shape == [2]
    assert seen.raw_observation.sufficient_statistics.present.shape == [2]
    exported = tf.saved_model.load(str(run_dir.path / "policy"))
    observation = parts.simulator.observe(parts.simulator.reset(3, seed=0))
    assert exported.action(
        ts.restart(observation, batch_size=3), exported.get_initial_state(3)
    ).action.shape == [3, 1]
