# SPDX-License-Identifier: Apache-2.0
import functools

import numpy as np
import pytest
import tensorflow as tf
from tf_agents.agents import tf_agent
from tf_agents.bandits.agents import exp3_agent, lin_ucb_agent, linear_thompson_sampling_agent
from tf_agents.policies import policy_saver
from tf_agents.trajectories import StepType
from tf_agents.trajectories import time_step as ts

from recsim_tf.adapters.tf_agents import SlateEnvironment
from recsim_tf.agents.bandits import DocumentArms, create_bandit
from recsim_tf.choice import MultinomialLogit
from recsim_tf.environments.interest_exploration import (
    InterestExplorationUsers,
    interest_exploration,
)
from recsim_tf.evaluation.evaluation import Evaluation
from recsim_tf.policies import random_policy
from recsim_tf.policies.clusters import rank_clusters
from recsim_tf.training.loop import Iteration, LearningLoop
from tests.policies.test_clusters import three_topics

NUM_USERS, SESSION_STEPS = 5, 4
CREATE = {
    "clusters": create_bandit,
    "documents": functools.partial(
        create_bandit, bandit=lin_ucb_agent.LinearUCBAgent, arms=DocumentArms
    ),
}


def three_mixed_topics(slate_size):
    """Topics of which none is all clicks or none."""
    users = InterestExplorationUsers(
        affinity_loc=[[1.0, 0.2, 0.3], [0.1, 1.0, 1.2]],
        affinity_scale=[[0.1] * 3] * 2,
        choice_model=MultinomialLogit(no_click_mass=4.0),
    )
    return three_topics(users=users, slate_size=slate_size, max_steps=SESSION_STEPS, validate=True)


def build(kind, num_users=NUM_USERS, seed=1, simulator=three_mixed_topics, **kwargs):
    tf.keras.utils.set_random_seed(seed)
    pure = simulator(slate_size=2 if kind == "clusters" else 1)
    environment = SlateEnvironment(pure, num_users, seed=seed)
    agent = CREATE[kind](environment, tf.Variable(0, dtype=tf.int64), **kwargs)
    agent.initialize()
    return environment, agent


def learned(kind, num_iterations=22, **kwargs):
    """An agent after some iterations, and the decisions that it has seen, as numpy."""
    environment, agent = build(kind, **kwargs)
    loop = LearningLoop(environment, agent, Iteration(None, num_iterations), seed=0)
    loop.run(num_iterations)
    frames = tf.nest.map_structure(
        lambda leaf: leaf.numpy().reshape(NUM_USERS * num_iterations, *leaf.shape[2:]),
        loop.replay.latest(num_iterations),
    )
    decided = frames.step_type != StepType.LAST
    # All users meet the ends of their sessions together.
    assert (~decided).sum() == NUM_USERS * (num_iterations // (SESSION_STEPS + 1))
    return agent, tf.nest.map_structure(lambda leaf: leaf[decided], frames)


@pytest.mark.slow
def test_the_statistics_of_bernoulli_thompson_sampling_are_sums_over_all_decisions():
    agent, decisions = learned("clusters")
    cluster = decisions.observation.documents.cluster_id[
        np.arange(len(decisions.action)), decisions.action[:, 0]
    ]
    assert set(decisions.reward) == {0.0, 1.0}
    for arm in range(3):
        of_arm = decisions.reward[cluster == arm]
        assert agent.bandit.alpha[arm] == 1 + of_arm.sum()
        assert agent.bandit.beta[arm] == 1 + (1 - of_arm).sum()
    assert agent.train_step_counter == 22


def features(decisions):
    """User, topic one-hot and quality of what was shown."""
    rows = np.arange(len(decisions.action))
    cluster, quality = (
        leaf[rows, decisions.action[:, 0]] for leaf in decisions.observation.documents
    )
    # The user is not seen, which is one feature of zero.
    return np.column_stack([np.zeros_like(quality), np.eye(3)[cluster], quality])


@pytest.mark.slow
def test_lin_ucb_shows_the_largest_upper_bound_of_sums_over_all_decisions():
    bandit = functools.partial(lin_ucb_agent.LinearUCBAgent, alpha=0.5)
    agent, decisions = learned("documents", bandit=bandit)
    shown = features(decisions)
    np.testing.assert_allclose(agent.bandit.cov_matrix[0], shown.T @ shown, rtol=1e-5)
    np.testing.assert_allclose(agent.bandit.data_vector[0], decisions.reward @ shown, rtol=1e-5)
    pure = three_mixed_topics(1)
    observation = pure.observe(pure.reset(40, seed=9))
    slate = agent.policy.action(ts.restart(observation, 40)).action.numpy()
    inverse = np.linalg.inv(shown.T @ shown + np.eye(5))
    theta = inverse @ (decisions.reward @ shown)
    cluster, quality = observation.documents
    arms = np.concatenate(
        [np.zeros([40, 8, 1]), np.eye(3)[cluster], quality[..., np.newaxis]], axis=2
    )
    bounds = arms @ theta + 0.5 * np.sqrt(np.einsum("bnd,de,bne->bn", arms, inverse, arms))
    np.testing.assert_allclose(
        np.take_along_axis(bounds, slate, axis=1)[:, 0], bounds.max(axis=1), rtol=1e-4
    )


def test_the_slate_of_a_cluster_is_its_best_documents_and_then_the_others():
    environment, agent = build("clusters", num_users=200)
    observation = environment.reset().observation
    arms, pulled = agent._arms, tf.range(200) % 3
    slate = arms.slate(pulled, observation)
    expected = rank_clusters(tf.one_hot(pulled, 3), observation.documents, 2)
    np.testing.assert_array_equal(slate, expected)
    clusters = observation.documents.cluster_id.numpy()
    has_candidates = (clusters == pulled.numpy()[:, np.newaxis]).any(axis=1)
    assert not has_candidates.all()
    of_slate = arms.arm(slate, observation).numpy()
    np.testing.assert_array_equal(of_slate == pulled, has_candidates)
    # The reward of a cluster without a candidate is that of the first cluster that has one.
    lowest = clusters.min(axis=1)
    np.testing.assert_array_equal(of_slate[~has_candidates], lowest[~has_candidates])


@pytest.mark.slow
def test_frames_between_sessions_leave_the_statistics_as_they_are():
    environment, agent = build("clusters")
    loop = LearningLoop(environment, agent, Iteration(None, 5), seed=0)
    loop.run(SESSION_STEPS)
    before = [variable.numpy() for variable in agent.bandit.alpha + agent.bandit.beta]
    loop.run(1)
    assert (loop.replay.latest(1).step_type.numpy() == StepType.LAST).all()
    assert before == [variable.numpy() for variable in agent.bandit.alpha + agent.bandit.beta]
    frame = loop.replay.latest(1)._replace(
        step_type=tf.constant([[2], [1], [2], [0], [2]]), reward=tf.ones([NUM_USERS, 1])
    )
    agent.train(frame)
    assert (
        sum(variable.numpy() for variable in agent.bandit.alpha + agent.bandit.beta)
        == sum(before) + 2
    )


@pytest.mark.slow
def test_weights_are_those_of_the_frames():
    environment, agent = build("documents")
    loop = LearningLoop(environment, agent, Iteration(None, 5), seed=0)
    loop.collect(1)
    frame = loop.replay.latest(1)
    frame = frame._replace(
        step_type=tf.constant([[2], [1], [1], [0], [2]]), reward=tf.ones([NUM_USERS, 1])
    )
    agent.train(frame, weights=tf.constant([9.0, 0.0, 1.0, 4.0, 9.0]))
    shown = frame.policy_info.chosen_arm_features[:, 0].numpy()
    np.testing.assert_allclose(agent.bandit.data_vector[0][1:], shown[2] + 4 * shown[3], rtol=1e-5)


LIN_TS = linear_thompson_sampling_agent.LinearThompsonSamplingAgent
EXP3 = functools.partial(exp3_agent.Exp3Agent, learning_rate=0.05)


@pytest.mark.slow
@pytest.mark.parametrize(("kind", "bandit"), [("clusters", EXP3), ("documents", LIN_TS)])
def test_other_bandits_of_tf_agents_learn_in_the_loop(kind, bandit):
    environment, agent = build(kind, bandit=bandit)
    assert isinstance(agent, tf_agent.TFAgent)
    variables = [variable.numpy() for variable in agent.bandit.variables]
    loop = LearningLoop(environment, agent, Iteration(None, 3), seed=0)
    assert np.isfinite(loop.run(7).loss)
    assert any(
        (before != now.numpy()).any()
        for before, now in zip(variables, agent.bandit.variables, strict=True)
    )
    assert all(np.isfinite(variable.numpy()).all() for variable in agent.bandit.variables)


@pytest.mark.slow
def test_what_is_learned_beats_random_slates():
    simulator = functools.partial(interest_exploration, num_candidates=4, max_steps=10)
    environment, agent = build("clusters", num_users=32, simulator=simulator)
    LearningLoop(environment, agent, Iteration(None, 2), seed=0).run(100)
    pure, evaluation = environment.simulator, Evaluation(num_users=1000, max_steps=10)
    of_agent, of_random = (
        evaluation.evaluator("", pure, policy)() for policy in (agent.policy, random_policy(pure))
    )
    standard_error = np.hypot(of_agent["return"].standard_error, of_random["return"].standard_error)
    assert of_agent["return"].value - of_random["return"].value > 5 * standard_error


@pytest.mark.slow
@pytest.mark.filterwarnings("ignore")  # PolicySaver warns of its own dependencies.
@pytest.mark.parametrize("kind", CREATE)
def test_it_is_exported_for_any_number_of_users(tmp_path, kind):
    environment, agent = build(kind)
    policy_saver.PolicySaver(agent.policy, batch_size=None).save(str(tmp_path))
    time_step = SlateEnvironment(environment.simulator, 7).current_time_step()
    exported = tf.saved_model.load(str(tmp_path))
    slate_size = environment.simulator.slate_size
    assert exported.action(time_step).action.shape == [7, slate_size]
