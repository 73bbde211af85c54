import json

import numpy as np
import pytest
import tensorflow as tf
from tf_agents.agents.random import fixed_policy_agent

from recsim_tf.adapters.tf_agents import SlateEnvironment, rollout_policy
from recsim_tf.agents.baseline_agent import create_baseline
from recsim_tf.environments.interest_evolution import interest_evolution
from recsim_tf.environments.interest_exploration import interest_exploration
from recsim_tf.experiment import config
from recsim_tf.experiment.evaluation.evaluation import Evaluation
from recsim_tf.experiment.runs.folder import RunDirectory
from recsim_tf.experiment.training import train
from recsim_tf.experiment.training.loop import LearningLoop
from recsim_tf.policies import BASELINE_NAMES, BASELINES, baseline_policy

ENVIRONMENT_OF = {"myopic": interest_evolution, "oracle": interest_evolution}


def create(policy, num_users=6, **kwargs):
    pure = ENVIRONMENT_OF.get(policy, interest_exploration)(
        slate_size=2, num_candidates=5, max_steps=6
    )
    environment = SlateEnvironment(pure, num_users, seed=1)
    return environment, create_baseline(
        environment, tf.Variable(0, dtype=tf.int64), policy, **kwargs
    )


@pytest.mark.parametrize("name", BASELINES)
def test_a_baseline_is_an_agent_with_its_results_and_its_name(name):
    environment, agent = create(name)
    pure, evaluation = environment.simulator, Evaluation(num_users=50, max_steps=6)
    assert isinstance(agent, fixed_policy_agent.FixedPolicyAgent)
    assert agent.name == BASELINE_NAMES[name]
    of_agent = evaluation.evaluator("", pure, agent.policy)()
    of_policy = evaluation.evaluator("", pure, baseline_policy(name, pure))()
    assert (of_agent.mean_return, of_agent.click_rate) == (
        of_policy.mean_return,
        of_policy.click_rate,
    )
    assert of_agent.click_rate > 0


def test_a_name_may_be_given():
    assert create("random", name="As it comes")[1].name == "As it comes"


@pytest.mark.parametrize("batch_size", [4, None])
def test_training_changes_nothing_and_counts_its_steps(batch_size):
    environment, agent = create("ucb1")
    loop = LearningLoop(environment, agent, batch_size, 5, 1, seed=0)
    loop.collect(2)
    assert loop.run(7).loss == 0
    assert agent.train_step_counter == 7
    # Two slots a step, in sessions of six steps and one frame for the last observation: nine frames
    # end two steps into the second.
    np.testing.assert_array_equal(
        tf.reduce_sum(loop._policy_state.impressions, axis=1), np.full(6, 2.0)
    )


@pytest.mark.filterwarnings("ignore")  # Matplotlib and PolicySaver warn of their own dependencies.
@pytest.mark.parametrize("name", ["greedy_pctr", "thompson"])
def test_a_run_of_no_iterations_evaluates_a_baseline_and_exports_it(tmp_path, name):
    bindings = [
        "experiment.simulator = @interest_exploration()",
        "interest_exploration.max_steps = 5",
        "experiment.create_agent = @create_baseline",
        f"create_baseline.policy = '{name}'",
        "experiment.num_users = 4",
        "train.num_iterations = 0",
        "Evaluation.num_users = 40",
    ]
    folder = tmp_path / "run"
    results = train.train(RunDirectory(folder, config.load([], bindings)))
    assert [policy["name"] for policy in results["policies"]] == ["Random", BASELINE_NAMES[name]]
    assert json.loads((folder / "results.json").read_text()) == results
    assert results["policies"][1]["mean_return"] > 0
    exported = tf.saved_model.load(str(folder / "policy"))
    environment = SlateEnvironment(interest_exploration(), 3)
    time_step = environment.current_time_step()
    slate, _ = rollout_policy(baseline_policy(name, environment.simulator))(
        time_step.observation, create(name, 3)[1].policy.get_initial_state(3), tf.constant([0, 1])
    )
    chosen = exported.action(time_step, exported.get_initial_state(3))
    # In a session's first step a bandit does not draw yet.
    np.testing.assert_array_equal(chosen.action, slate)


def test_an_unsuited_environment_is_refused_when_the_agent_is_created():
    environment, _ = create("random")
    counter = tf.Variable(0, dtype=tf.int64)
    with pytest.raises(
        ValueError,
        match=(
            r"the affinity <user, document> needs vectors of one length, got user and documents of"
            r" shapes"
        ),
    ):
        create_baseline(environment, counter, "myopic")
    with pytest.raises(
        ValueError,
        match="the oracle needs interest evolution with UtilityVideos, got TopicDocuments",
    ):
        create_baseline(environment, counter, "oracle")
    environment, _ = create("oracle")
    with pytest.raises(
        ValueError, match="belief must be given for users other than InterestExplorationUsers"
    ):
        create_baseline(environment, counter, "greedy_pctr")
    with pytest.raises(
        ValueError, match="observed documents must have the fields cluster_id, quality"
    ):
        create_baseline(environment, counter, "ucb1")
    with pytest.raises(ValueError, match="baseline must be one of random, myopic"):
        create_baseline(environment, counter, "best")
