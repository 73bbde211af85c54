# SPDX-License-Identifier: Apache-2.0
import itertools

import numpy as np
import pytest
import tensorflow as tf
from tf_agents.agents import tf_agent
from tf_agents.trajectories import time_step as ts

import recsim_tf
from recsim_tf.adapters.tf_agents import SlateEnvironment, rollout_policy
from recsim_tf.agents.tabular_q import (
    SlateCells,
    TabularExploration,
    TabularQAgent,
    TabularUpdates,
)
from recsim_tf.core.base.types import Observation
from recsim_tf.core.random import as_seed
from recsim_tf.core.runs.execution import compiled
from recsim_tf.training.loop import Iteration, LearningLoop
from tests.agents.experience import FIRST, LAST, MID, grouped, trajectory_of
from tests.agents.tabular_q.experience import Row, batch, make_agent, observe
from tests.alike import assert_shares
from tests.environments.sequential import NUM_ACTIONS, NUM_STATES, Response, sequential
from tests.environments.test_sequential import OPTIMAL_VALUES, tables

OBSERVATION = observe([0, 1, 2], [[0, 1, 1], [0, 0, 1], [1, 1, 1]])
# Positions 0 and 1 of user 0 are the documents (0, 1), of user 1 (0, 0).
ROW = Row()


def learned(agent, row):
    """Q of the row's slate."""
    (values,) = agent.q_values(observe([row.user], [row.documents])).numpy()
    return values[agent.slates.tolist().index(list(row.slate))]


def teach(agent, *rows, times=1):
    for _ in range(times):
        info = agent.train(batch(*rows))
    return info


def test_it_is_an_agent_whose_slates_are_combinations_or_permutations():
    assert isinstance(make_agent(), tf_agent.TFAgent)
    np.testing.assert_array_equal(make_agent().slates, list(itertools.combinations(range(3), 2)))
    np.testing.assert_array_equal(
        make_agent(ordinal_slates=True).slates, list(itertools.permutations(range(3), 2))
    )


def test_one_transition_moves_one_cell_towards_its_target():
    agent = make_agent(gamma=0.9, learning_rate=0.25)
    following = ROW._replace(user=1, documents=(0, 0, 1), slate=(0, 2), reward=8.0, discount=0.0)
    teach(agent, following)
    assert learned(agent, following) == pytest.approx(0.25 * 8.0)
    teach(agent, ROW)
    assert learned(agent, ROW) == pytest.approx(0.25 * (1.0 + 0.9 * 2.0))
    teach(agent, ROW)
    assert learned(agent, ROW) == pytest.approx(0.75 * 0.7 + 0.25 * (1.0 + 0.9 * 2.0))
    assert np.count_nonzero(agent._table) == 2
    assert int(agent.train_step_counter) == 3


def test_transitions_of_one_cell_move_it_as_many_updates_towards_their_mean():
    rate, rewards = 0.25, (1.0, 5.0, 3.0)
    agent = make_agent(gamma=0.0, learning_rate=rate)
    other = ROW._replace(user=2, reward=7.0)
    teach(agent, ROW)
    teach(agent, *(ROW._replace(reward=reward) for reward in rewards), other)
    expected = rate * 1.0
    for _ in rewards:
        expected += rate * (np.mean(rewards) - expected)
    assert learned(agent, ROW) == pytest.approx(expected)
    assert learned(agent, other) == pytest.approx(rate * 7.0)
    assert sorted(agent._counts.numpy())[-2:] == [1, 4]


@pytest.mark.parametrize(
    ("case", "target"),
    [
        (dict(step_type=FIRST), 1.0 + 0.5 * 2.0),
        (dict(next_step_type=LAST, discount=0.0), 1.0),
        (dict(next_step_type=LAST, discount=1.0), 1.0 + 0.5 * 2.0),
        (dict(step_type=LAST, next_step_type=FIRST), None),
    ],
    ids=["first", "leaves", "truncated", "boundary between sessions"],
)
def test_the_ends_of_sessions(case, target):
    # None: no transition, so that nothing is learned, not even a visit.
    agent = make_agent(gamma=0.5, learning_rate=1.0)
    teach(agent, Row(user=1, documents=(0, 0, 1), slate=(0, 1), reward=2.0, discount=0.0))
    before = agent._counts.numpy().sum()
    info = teach(agent, ROW._replace(**case))
    assert learned(agent, ROW) == pytest.approx(target or 0.0)
    assert agent._counts.numpy().sum() - before == (target is not None)
    assert float(info.extra.td_error) == pytest.approx(target or 0.0)


def test_the_last_transition_of_a_session_can_be_left_out_as_in_recsim():
    agent = make_agent(learn_from_last_step=False)
    teach(agent, *(ROW._replace(next_step_type=LAST, discount=discount) for discount in (0.0, 1.0)))
    assert not np.any(agent._table)
    assert not np.any(agent._counts)
    teach(agent, ROW._replace(step_type=MID))
    assert learned(agent, ROW) == pytest.approx(0.1)


def test_the_learning_rate_may_follow_the_train_step():
    agent = make_agent(gamma=0.0, learning_rate=lambda step: 1 / (tf.cast(step, tf.float32) + 1))
    for reward in (4.0, 1.0, 10.0):
        teach(agent, ROW._replace(reward=reward))
    assert learned(agent, ROW) == pytest.approx(5.0)


def test_the_loss_tells_what_a_train_step_saw_and_changes_nothing():
    agent = make_agent(gamma=0.0, learning_rate=0.5)
    rows = [
        ROW._replace(reward=4.0),
        ROW._replace(user=2, reward=-1.0),
        ROW._replace(step_type=LAST, next_step_type=FIRST),
    ]
    teach(agent, rows[0])
    expected = agent.loss(batch(*rows))
    assert float(expected.loss) == pytest.approx((2.0**2 + 1.0) / 2)
    assert float(expected.extra.td_error) == pytest.approx(1.5)
    assert float(expected.extra.q) == pytest.approx(1.0)
    assert float(expected.extra.visited) == pytest.approx(1 / 12)
    assert int(agent.train_step_counter) == 1
    info = teach(agent, *rows, *rows)
    assert (info.loss, info.extra.q) == (expected.loss, expected.extra.q)
    assert float(info.extra.visited) == pytest.approx(2 / 12)
    assert np.count_nonzero(agent._counts) == 2


def test_the_policy_shows_the_best_slate_and_the_first_of_equals():
    agent = make_agent()
    time_step = ts.restart(OBSERVATION, 3)
    np.testing.assert_array_equal(agent.policy.action(time_step).action, [[0, 1]] * 3)
    teach(agent, ROW._replace(user=1, documents=(0, 0, 1), slate=(0, 2)))
    teach(agent, ROW._replace(user=2, documents=(1, 1, 1), slate=(0, 1), reward=-1.0))
    # User 1's slates (0, 2) and (1, 2) hold the same documents, and so do all of user 2's.
    np.testing.assert_array_equal(agent.policy.action(time_step).action, [[0, 1], [0, 2], [0, 1]])


def test_min_count_shows_the_first_of_the_least_visited_slates():
    agent = make_agent(policy="min_count")
    teach(agent, ROW)
    teach(agent, ROW._replace(user=1, documents=(0, 0, 1), slate=(0, 1)), times=2)
    teach(agent, ROW._replace(user=1, documents=(0, 0, 1), slate=(0, 2)))
    np.testing.assert_array_equal(
        agent.visit_counts(OBSERVATION), [[1, 1, 0], [2, 1, 1], [0, 0, 0]]
    )
    np.testing.assert_array_equal(
        agent.collect_policy.action(ts.restart(OBSERVATION, 3)).action, [[1, 2], [0, 2], [0, 1]]
    )


@pytest.mark.parametrize("ordinal_slates", [False, True])
def test_exploring_slates_are_uniform_over_all_slates(ordinal_slates):
    agent = make_agent(temperature=1.0, ordinal_slates=ordinal_slates)
    num_users = 12_000
    observation = observe([0] * num_users, [[0, 1, 1]] * num_users)
    slate, _ = rollout_policy(agent.collect_policy)(observation, (), as_seed(3))
    numbers = [agent.slates.tolist().index(one) for one in slate.numpy().tolist()]
    share = 1 / len(agent.slates)
    counts = np.bincount(numbers, minlength=len(agent.slates))
    assert_shares(counts / num_users, share, num_users)


def test_epsilon_decays_with_the_sessions_of_a_user():
    agent = make_agent(temperature=0.5)
    first, middle, last = (
        ts.TimeStep(tf.fill([3], kind), tf.zeros([3]), tf.ones([3]), OBSERVATION)
        for kind in (FIRST, MID, LAST)
    )
    for steps, epsilon in [
        ((first, middle, middle, last), 0.5),
        ((first, last), 0.25),
        ((first,), 0.125),
    ]:
        for time_step in steps:
            agent.collect_policy.action(time_step)
        assert float(agent.epsilon(3)) == pytest.approx(epsilon)
    # One of the three users begins a session more.
    agent.collect_policy.action(middle._replace(step_type=tf.constant([MID, FIRST, MID])))
    assert int(agent.num_sessions) == 10
    assert float(agent.epsilon(3)) == pytest.approx(0.5 ** (10 / 3))
    # The served policy and pure rollouts do not count.
    agent.policy.action(first)
    rollout_policy(agent.collect_policy)(OBSERVATION, (), as_seed(0))
    assert int(agent.num_sessions) == 10


def test_the_collect_policy_explores_with_probability_epsilon():
    agent = make_agent(temperature=0.25)
    num_users = 20_000
    # The value of the last slate is the largest, so that a greedy slate is told from two of three
    # random ones.
    teach(agent, ROW._replace(slate=(1, 2)))
    time_step = ts.restart(observe([0] * num_users, [[0, 1, 1]] * num_users), num_users)
    for session in (1, 2):
        action = agent.collect_policy.action(time_step).action
        share = 0.25**session * 2 / 3
        assert_shares(np.mean(np.any(action != [1, 2], axis=1)), share, num_users)


def test_training_under_xla_is_training_in_the_graph():
    rows = [
        ROW._replace(reward=float(reward), user=reward % 3, slate=(0, 1 + reward % 2))
        for reward in range(8)
    ]
    agents = [make_agent(), make_agent()]
    train = compiled(agents[1].train, jit_compile=True)
    for _ in range(3):
        agents[0].train(batch(*rows))
        train(batch(*rows))
    assert train.experimental_get_tracing_count() == 1
    np.testing.assert_allclose(agents[0]._table, agents[1]._table, rtol=1e-6)
    np.testing.assert_array_equal(agents[0]._counts, agents[1]._counts)


def learning_loop(name, **cells):
    simulator = recsim_tf.make(name, slate_size=2, num_candidates=4, max_steps=3)
    environment = SlateEnvironment(simulator, 16, seed=1)
    agent = TabularQAgent(
        environment.time_step_spec(),
        environment.action_spec(),
        SlateCells(environment.observation_spec(), 2, **cells),
        train_step_counter=tf.Variable(0, dtype=tf.int64),
    )
    agent.initialize()
    return LearningLoop(environment, agent, Iteration(batch_size=64, replay_length=10), seed=2)


@pytest.mark.slow
def test_it_learns_in_the_learning_loop_from_the_first_step_on_without_retracing():
    loop = learning_loop("InterestExploration-v1", ignore_response=False, number_bins=3)
    loop.collect(3)
    loop.run(5)
    info = loop.run(6)
    assert loop.run_function.experimental_get_tracing_count() == 1
    assert np.any(loop.agent._table)
    assert float(info.extra.visited) * loop.agent.cells.num_cells == pytest.approx(
        np.count_nonzero(loop.agent._counts)
    )
    # 14 steps, of which every fourth brings new users.
    assert int(loop.agent.num_sessions) == 16 * 4


@pytest.mark.slow
def test_a_checkpoint_keeps_what_was_learned(tmp_path):
    loop, restored = (learning_loop("InterestExploration-v1") for _ in range(2))
    loop.collect(3)
    loop.run(4)
    path = tf.train.Checkpoint(loop=loop).save(str(tmp_path / "checkpoint"))
    tf.train.Checkpoint(loop=restored).restore(path).assert_consumed()
    # Both go on alike.
    for num_sessions, steps in ((32, 0), (48, 5)):
        if steps:
            loop.run(steps)
            restored.run(steps)
        for agent in (loop.agent, restored.agent):
            np.testing.assert_array_equal(agent._table, loop.agent._table)
            np.testing.assert_array_equal(agent._counts, loop.agent._counts)
            assert int(agent.num_sessions) == num_sessions
            assert int(agent._num_visited) == np.count_nonzero(agent._counts)


# What the agent converges to, in the MDP whose optimal values are known.


def environment_of(num_users, **arguments):
    return SlateEnvironment(sequential(**arguments), num_users, seed=1)


def make_sequential_agent(environment, **arguments):
    counter = tf.Variable(0, dtype=tf.int64)
    return TabularQAgent(
        environment.time_step_spec(),
        environment.action_spec(),
        train_step_counter=counter,
        **grouped(arguments, updates=TabularUpdates, exploration=TabularExploration),
    )


def optimal_q(gamma):
    """Q [state, action] from the rewards, the transitions and the known optimal values."""
    rewards, transitions = tables()
    return (rewards + gamma * transitions @ np.array(OPTIMAL_VALUES[gamma])).T


def learned_q(agent):
    documents = tf.tile(tf.range(NUM_ACTIONS)[tf.newaxis], [NUM_STATES, 1])
    nothing = tf.zeros([NUM_STATES, 1])
    return agent.q_values(Observation(tf.range(NUM_STATES), documents, Response(nothing, nothing)))


def all_transitions():
    """Experience [M, 2] that holds ten transitions of each state and action, as many of each as the
    probabilities say.
    """
    rewards, transitions = tables()
    rows = [
        (state, action, next_state, rewards[action, state])
        for action, state, next_state in np.ndindex(NUM_ACTIONS, NUM_STATES, NUM_STATES)
        for _ in range(round(10 * transitions[action, state, next_state]))
    ]
    state, action, next_state, reward = map(np.array, zip(*rows, strict=True))
    pairs = [len(rows), 2]
    observations = Observation(
        user=tf.constant(np.stack([state, next_state], axis=1), tf.int32),
        documents=tf.tile(tf.range(NUM_ACTIONS)[tf.newaxis, tf.newaxis], [*pairs, 1]),
        response=Response(tf.zeros([*pairs, 1]), tf.zeros([*pairs, 1])),
    )
    actions, rewards = np.stack([action, action], axis=1), np.stack([reward, reward], axis=1)
    step_types = np.full([len(rows), 3], MID)
    return trajectory_of(
        observations, actions[..., np.newaxis], step_types, rewards, np.ones(pairs)
    )


@pytest.mark.parametrize("gamma", OPTIMAL_VALUES)
def test_batches_of_all_transitions_lead_to_the_optimal_values(gamma):
    # The mean over a cell's transitions is then its expectation, so that no noise is left to
    # average out.
    agent = make_sequential_agent(environment_of(1), gamma=gamma)
    experience = all_transitions()
    assert experience.reward.shape[0] == 10 * NUM_STATES * NUM_ACTIONS

    @compiled
    def learn():
        def body(step):
            agent.train(experience)
            return (step + 1,)

        tf.while_loop(lambda step: step < 250, body, (0,))

    learn()
    np.testing.assert_allclose(learned_q(agent), optimal_q(gamma), atol=2e-4, rtol=1e-5)


@pytest.mark.slow
def test_sessions_of_random_slates_lead_to_the_optimal_values():
    environment = environment_of(1024, max_steps=40)
    schedule = tf.keras.optimizers.schedules.PolynomialDecay(0.1, 300, 1e-4)
    agent = make_sequential_agent(environment, gamma=0.5, learning_rate=schedule, temperature=1.0)
    loop = LearningLoop(environment, agent, Iteration(batch_size=4096, replay_length=400), seed=5)
    loop.collect(100)
    loop.run(300)
    # Over seeds, the largest of the 24 errors was about 0.08; values differ by up to 17.
    np.testing.assert_allclose(learned_q(agent), optimal_q(0.5), atol=0.2)
