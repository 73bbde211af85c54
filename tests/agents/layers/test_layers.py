# SPDX-License-Identifier: Apache-2.0
"""Layers: what the agent sees, shows and is rewarded for."""

import numpy as np
import pytest
import tensorflow as tf
from tf_agents.policies import tf_policy

import recsim_tf
from recsim_tf.adapters.tf_agents import SlateEnvironment, TFSlatePolicy, rollout_policy
from recsim_tf.agents import layers
from recsim_tf.agents.slate_q import create_slate_q
from recsim_tf.core import random
from recsim_tf.core.base.bounds import Bounds, bounded_specs
from recsim_tf.core.base.types import Turn
from recsim_tf.core.step.turns import ActionFormat
from recsim_tf.environments.long_term_satisfaction import LongTermSatisfactionUsers
from recsim_tf.policies import random_policy
from recsim_tf.policies.choice_scores import AffinityScores
from tests import rollout_policies
from tests.agents.experience import step_of
from tests.questions import SPEC, Question, question
from tests.questions import simulator as asked
from tests.refusals import assert_refused

NUM_USERS = 6


def make_simulator(environment_id="InterestExploration-v1", **kwargs):
    return recsim_tf.make(
        environment_id,
        **{"slate_size": 2, "num_candidates": 5, "resample_documents": False, **kwargs},
    )


def step_through(simulator, slates, seed=3):
    """Observations before and after each slate [B, K], and decisions."""
    state = simulator.reset(NUM_USERS, seed)
    observations, decisions = [simulator.observe(state)], []
    for number, slate in enumerate(slates):
        state, decision = simulator.step(
            state, tf.constant([slate] * NUM_USERS), random.as_seed(number)
        )
        observations.append(simulator.observe(state))
        decisions.append(decision)
    return observations, decisions


# History.


def test_history_holds_the_last_observations_newest_first():
    simulator = make_simulator("InterestEvolution-v1", resample_documents=True)
    slates = [[0, 1], [2, 3], [1, 4], [0, 2]]
    raw, _ = step_through(simulator, slates)
    seen, _ = step_through(
        layers.LayeredSimulator(simulator, layers.FixedLengthHistory(3, remember_documents=True)),
        slates,
    )
    blank = tf.nest.map_structure(tf.zeros_like, raw[0])
    for step, observation in enumerate(seen):
        history = observation.user.sufficient_statistics
        np.testing.assert_array_equal(
            history.present, [[age <= step for age in range(3)]] * NUM_USERS
        )
        for age in range(3):
            past = raw[step - age] if age <= step else blank
            entries = step_of(history, age)
            for name in ("user", "documents", "response"):
                tf.nest.map_structure(
                    np.testing.assert_array_equal, getattr(entries, name), getattr(past, name)
                )
        np.testing.assert_array_equal(observation.user.raw_observation, raw[step].user)


def test_history_remembers_only_what_it_is_told_to():
    layered = layers.LayeredSimulator(
        make_simulator(), layers.FixedLengthHistory(2, remember_user=False)
    )
    history = layered.observe(layered.reset(NUM_USERS, 0)).user.sufficient_statistics
    assert history.user == ()
    assert history.documents == ()
    assert history.response.clicked.shape == [NUM_USERS, 2, 2]


# Click statistics.


@pytest.mark.parametrize("unit", [1, 4.0])
def test_click_statistics_count_impressions_and_clicks_by_cluster(unit):
    simulator = make_simulator("InterestExploration-v1", resample_documents=True)
    slates = [[0, 1], [2, 3], [1, 4]]
    raw, _ = step_through(simulator, slates)
    seen, _ = step_through(
        layers.LayeredSimulator(simulator, layers.ClusterClickStatistics(unit)), slates
    )
    impressions, clicks = np.zeros([2, NUM_USERS, 2])
    for step, observation in enumerate(seen):
        if step:
            clusters = np.eye(2)[raw[step].response.cluster_id]
            impressions += clusters.sum(axis=1)
            clicks += np.einsum("bkc,bk->bc", clusters, raw[step].response.clicked)
        statistics = observation.user.sufficient_statistics
        np.testing.assert_array_equal(statistics.impression_count, impressions / unit)
        np.testing.assert_array_equal(statistics.click_count, clicks / unit)
    assert clicks.sum() > 0


# Temporal aggregation.


def test_a_decision_holds_the_slate_and_discounts_its_rewards():
    simulator = make_simulator("LongTermSatisfaction-v1", max_steps=10)
    layered = layers.LayeredSimulator(simulator, layers.TemporalAggregation(4, gamma=0.9))
    state = layered.reset(NUM_USERS, seed=3)
    below = state.below
    seed = random.as_seed(5)
    slate = tf.constant([[1, 0]] * NUM_USERS)
    for steps, discount, truncated in ((4, 0.9**3, False), (4, 0.9**3, False), (2, 0.9, True)):
        expected = np.zeros(NUM_USERS)
        step_seed = seed
        for step in range(steps):
            step_seed, this_seed = random.split_seed(step_seed, 2)
            below, transition = simulator.step(below, slate, this_seed)
            expected += 0.9**step * transition.reward.numpy()
        state, decision = layered.step(state, slate, seed)
        np.testing.assert_allclose(decision.reward, expected, rtol=1e-5)
        np.testing.assert_allclose(decision.discount, np.full(NUM_USERS, discount), rtol=1e-6)
        np.testing.assert_array_equal(decision.truncated, np.full(NUM_USERS, truncated))
    np.testing.assert_array_equal(state.done, np.ones(NUM_USERS, bool))


class Impatient(LongTermSatisfactionUsers):
    """Users who discount the future after each step."""

    def discount(self, state, next_state):
        return tf.fill([NUM_USERS], 0.5)


def test_a_decision_has_the_discounts_of_users_of_all_its_steps():
    simulator = make_simulator("LongTermSatisfaction-v1", users=Impatient())
    layered = layers.LayeredSimulator(simulator, layers.TemporalAggregation(3, gamma=0.9))
    state = layered.reset(NUM_USERS, seed=3)
    below, step_seed = state.below, random.as_seed(5)
    slate, expected = tf.constant([[1, 0]] * NUM_USERS), np.zeros(NUM_USERS)
    for step in range(3):
        step_seed, this_seed = random.split_seed(step_seed, 2)
        below, transition = simulator.step(below, slate, this_seed)
        expected += 0.45**step * transition.reward.numpy()
    _, decision = layered.step(state, slate, random.as_seed(5))
    np.testing.assert_allclose(decision.reward, expected, rtol=1e-5)
    np.testing.assert_allclose(decision.discount, np.full(NUM_USERS, 0.9**2 * 0.5**3), rtol=1e-6)


def test_a_user_who_leaves_within_a_decision_ends_it():
    # Users of this budget leave at their second step.
    users = LongTermSatisfactionUsers(time_budget=2.0)
    simulator = make_simulator("LongTermSatisfaction-v1", users=users)
    layered = layers.LayeredSimulator(simulator, layers.TemporalAggregation(3))
    _, (decision, after) = step_through(layered, [[0, 1], [0, 1]])
    np.testing.assert_array_equal(decision.discount, np.zeros(NUM_USERS))
    np.testing.assert_array_equal(decision.terminated, np.ones(NUM_USERS, bool))
    np.testing.assert_array_equal(after.reward, np.zeros(NUM_USERS))


def test_a_policy_holds_its_slate_for_the_period_and_begins_anew_with_a_user():
    users = LongTermSatisfactionUsers(time_budget=5.0)
    simulator = make_simulator("LongTermSatisfaction-v1", users=users)
    layered = layers.LayeredSimulator(simulator, layers.TemporalAggregation(3))
    policy = layers.LayeredPolicy(layered, random_policy(simulator))
    trajectory = simulator.rollout(policy, 50, 10, seed=0, auto_reset=True)
    slate = trajectory.transitions.slate.numpy()
    held = (slate[1:] == slate[:-1]).all(axis=(1, 2))
    # Sessions of five steps: decisions at steps 0, 3 and 5, 8.
    np.testing.assert_array_equal(held, [True, True, False, True, False, True, True, False, True])


# Switching cost.


def test_a_change_of_slate_costs_and_the_last_slate_is_seen():
    simulator = make_simulator("LongTermSatisfaction-v1", slate_size=2)
    slates = [[0, 1], [2, 1], [2, 1], [1, 2]]
    raw, transitions = step_through(simulator, slates)
    seen, decisions = step_through(
        layers.LayeredSimulator(simulator, layers.SwitchingCost(7.0)), slates
    )
    for transition, decision, cost in zip(
        transitions, decisions, [0.0, 7.0, 0.0, 7.0], strict=True
    ):
        np.testing.assert_allclose(decision.reward, transition.reward - cost, rtol=1e-5)
    # Before the first slate the first candidates stand for it.
    for step, last in enumerate([[0, 1], *slates]):
        np.testing.assert_array_equal(seen[step].user.last_slate, raw[0].documents.numpy()[:, last])


def test_an_empty_position_is_another_slate():
    layered = layers.LayeredSimulator(
        make_simulator("LongTermSatisfaction-v1"), layers.SwitchingCost(3.0)
    )
    memory = layered.reset(NUM_USERS, 0).memory
    observation = layered.below.observe(layered.below.reset(NUM_USERS, 0))
    cost = layered.layer.cost(memory, observation, tf.constant([[0, 1], [0, -1]] * 3))
    np.testing.assert_array_equal(cost, [0.0, 3.0] * 3)


# Stacks of layers.

STACK = (
    lambda: layers.FixedLengthHistory(2),
    layers.ClusterClickStatistics,
    lambda: layers.TemporalAggregation(3, gamma=0.9),
    lambda: layers.SwitchingCost(0.5),
)


def stacked(simulator):
    for build in STACK:
        simulator = layers.LayeredSimulator(simulator, build())
    return simulator


@pytest.mark.slow
def test_layers_stack_and_step_in_one_graph_without_retracing():
    environment = SlateEnvironment(stacked(make_simulator(max_steps=7)), NUM_USERS, seed=0)
    traces = []

    @tf.function(autograph=False)
    def step(slate):
        traces.append(None)
        return environment.step(slate)

    step_types = []
    environment.reset()
    for number in range(5):
        time_step = step(tf.constant([[number, (number + 1) % 5]] * NUM_USERS))
        step_types.append(int(time_step.step_type[0]))
        impressions = (
            time_step.observation.user.original_observation.sufficient_statistics.impression_count
        )
        # Of 3, 6 and 7 steps with two documents each; a new session has none.
        assert float(tf.reduce_sum(impressions[0])) == [6, 12, 14, 0, 6][number]
    assert step_types == [1, 1, 2, 0, 1]
    assert len(traces) == 1


@pytest.mark.slow
def test_layers_compile_with_xla_and_give_the_declared_observation():
    layered = stacked(make_simulator())

    @tf.function(jit_compile=True, autograph=False)
    def step(seed):
        seeds = random.split_seed(seed, 2)
        slate = tf.constant([[4, 3]] * NUM_USERS)
        state, decision = layered.step(layered.reset(NUM_USERS, seeds[0]), slate, seeds[1])
        return decision.reward, layered.observe(state)

    reward, observation = step(random.as_seed(0))
    assert np.isfinite(reward).all()
    specs = tf.nest.flatten(layered.observation_spec())
    for leaf, spec in zip(tf.nest.flatten(observation), specs, strict=True):
        assert (leaf.shape[1:], leaf.dtype) == (spec.shape, spec.dtype), spec.name


def test_a_served_policy_sees_below_what_the_agent_sees_above():
    simulator = make_simulator("InterestExploration-v1", max_steps=20)
    layered = stacked(simulator)
    seen_above = []

    def function(observation, policy_state, seed):
        seen_above.append(tf.nest.map_structure(np.array, observation))
        return rollout_policies.first_positions(2)(observation, policy_state, seed)

    environment = SlateEnvironment(layered, NUM_USERS, seed=0)
    agent_policy = TFSlatePolicy(environment.time_step_spec(), environment.action_spec(), function)
    assert layers.serve(simulator, agent_policy) is agent_policy
    served = layers.serve(layered, agent_policy)
    assert isinstance(served, tf_policy.TFPolicy)
    act, policy_state = rollout_policy(served), served.get_initial_state(NUM_USERS)
    state, above = simulator.reset(NUM_USERS, 3), layered.reset(NUM_USERS, 3)
    seed = random.as_seed(9)
    for step in range(6):
        if step % 3 == 0:
            expected = layered.observe(above)
            above, _ = layered.step(above, tf.constant([[0, 1]] * NUM_USERS), seed)
            step_seed = seed
        slate, policy_state = act(simulator.observe(state), policy_state, seed)
        if step % 3 == 0:
            tf.nest.map_structure(np.testing.assert_array_equal, seen_above[-1], expected)
        step_seed, inner_seed = random.split_seed(step_seed, 2)
        state, _ = simulator.step(state, slate, inner_seed)


def test_slate_q_takes_the_affinity_of_the_user_below_the_layers():
    simulator = make_simulator("InterestEvolution-v1")
    layered = layers.LayeredSimulator(simulator, layers.FixedLengthHistory(2))
    layered = layers.LayeredSimulator(layered, layers.SwitchingCost())
    below, above = (
        AffinityScores()(source.observe(source.reset(NUM_USERS, 3)))
        for source in (simulator, layered)
    )
    tf.nest.map_structure(np.testing.assert_array_equal, above, below)
    environment = SlateEnvironment(layered, NUM_USERS)
    agent = create_slate_q(environment, tf.Variable(0, dtype=tf.int64))
    slate = agent.policy.action(environment.reset()).action
    assert slate.shape == [NUM_USERS, 2]


SLATES = ([0, 1], [2, 3], [1, 4], [3, 0])


def go_on(env, slates):
    return [env.step(tf.constant([slate] * NUM_USERS)) for slate in slates]


@pytest.mark.slow
def test_an_environment_with_layers_restored_from_a_checkpoint_goes_on_identically(tmp_path):
    one, other = (SlateEnvironment(stacked(make_simulator()), NUM_USERS, seed) for seed in (1, 2))
    go_on(one, SLATES[:2])
    path = tf.train.Checkpoint(variables=one.variables).save(str(tmp_path / "checkpoint"))
    tf.train.Checkpoint(variables=other.variables).restore(path).assert_consumed()
    expected, got = go_on(one, SLATES[2:]), go_on(other, SLATES[2:])
    tf.nest.map_structure(np.testing.assert_array_equal, got, expected)
    # What was shown before the checkpoint still counts: two documents in each of nine steps.
    user = got[0].observation.user.original_observation
    impressions = tf.reduce_sum(user.sufficient_statistics.impression_count, axis=1)
    np.testing.assert_array_equal(impressions, np.full(NUM_USERS, 18.0))


# On an environment with queries.


NUM_ASKED = 4


def persistent():
    return asked(resample_documents=False, max_steps=6)


def turn(is_asked=0, slate=(0, 1)):
    return Turn(tf.constant([slate] * NUM_ASKED), question(NUM_ASKED, is_asked))


class Recorder(layers.Layer):
    """Remembers the turn that it passes on."""

    def memory_spec(self, observation_spec, actions):
        return Turn(tf.TensorSpec([actions.slate_size], tf.int32), actions.query_spec)

    def act(self, memory, observation, action):
        return action, action


def test_turns_are_held():
    layered = layers.LayeredSimulator(persistent(), Recorder())
    held = layers.LayeredSimulator(layered, layers.TemporalAggregation(2))
    assert held.query_spec is SPEC
    state, decision = held.step(held.reset(NUM_ASKED, 1), turn(1, (2, 3)), 1)
    np.testing.assert_array_equal(state.below.memory.query.is_asked, 1)
    np.testing.assert_array_equal(state.below.below.num_steps, 2)
    assert decision.reward.shape == [NUM_ASKED]
    policy = layers.LayeredPolicy(held, lambda *_: (turn(0), ()))
    source, memory = held.below.below, policy.initial_state(NUM_ASKED)
    observation = held.below.below.observe(source.reset(NUM_ASKED, 1))
    first, memory = policy(observation, memory, random.as_seed(1))
    changed = layers.LayeredPolicy(held, lambda *_: (turn(1, (2, 3)), ()))
    again, memory = changed(observation, memory, random.as_seed(1))
    other, _ = changed(observation, memory, random.as_seed(1))
    tf.nest.map_structure(np.testing.assert_array_equal, again, first)
    tf.nest.map_structure(np.testing.assert_array_equal, other, turn(1, (2, 3)))


def test_another_query_is_a_switch_and_the_last_one_is_shown():
    layered = layers.LayeredSimulator(persistent(), layers.SwitchingCost(10.0))
    state, costs = layered.reset(NUM_ASKED, 1), []
    for number, is_asked in enumerate([0, 1, 1, 0]):
        action = turn(is_asked)._replace(query=question(NUM_ASKED, is_asked, strength=0.0))
        state, decision = layered.step(state, action, random.as_seed(number))
        costs.append((decision.reward < 0).numpy().all())
        seen = layered.observe(state).user.last_query
        np.testing.assert_array_equal(seen.is_asked, is_asked)
    assert costs == [False, True, False, True]
    assert layered.observation_spec().user.last_query.strength.maximum == 1


def test_the_conditions_of_turns_hold_above_layers():
    layered = layers.LayeredSimulator(persistent(), Recorder())
    environment = SlateEnvironment(layered, NUM_ASKED)
    assert_refused(lambda: environment.step(turn(1, (-1, -1))), "a question must have an item")


class Menu(layers.Layer):
    """The agent chooses one of three entries: to show the first pair, the last pair, or to ask."""

    def action_format(self, below):
        return ActionFormat(slate_size=1, num_candidates=3)

    def observation_spec(self, observation_spec, actions):
        assert actions.num_candidates == 3
        entries = bounded_specs("documents", tf.TensorSpec([3], tf.int32), Bounds(0, 2))
        return observation_spec._replace(documents=entries)

    def augment(self, memory, observation):
        num_users = tf.shape(observation.user)[0]
        return observation._replace(documents=tf.tile([[0, 1, 2]], [num_users, 1]))

    def act(self, memory, observation, action):
        entry = action[:, 0]
        slate = tf.where(action == 1, [[2, 3]], [[0, 1]])
        asked = tf.cast(entry == 2, tf.int32)
        return memory, Turn(slate, Question(asked, tf.ones([tf.shape(entry)[0], 2])))


def test_a_layer_may_give_the_agent_a_menu_of_turns():
    layered = layers.LayeredSimulator(persistent(), Menu())
    assert layered.action_format == ActionFormat(1, 3)
    environment = SlateEnvironment(layered, NUM_ASKED, seed=1)
    assert environment.action_spec().shape == [1]
    assert environment.action_spec().maximum == 2
    environment.step(tf.constant([[0], [1], [2], [2]]))
    with pytest.raises(ValueError, match=r"slate must hold candidate positions in \[0, 3\)"):
        environment.step(tf.constant([[0], [1], [2], [3]]))


def test_a_policy_over_a_menu_is_served_as_turns():
    layered = layers.LayeredSimulator(persistent(), Menu())
    environment = SlateEnvironment(layered, NUM_ASKED)

    def asks(observation, policy_state, seed):
        return tf.fill([tf.shape(observation.user)[0], 1], 2), policy_state

    policy = TFSlatePolicy(environment.time_step_spec(), environment.action_spec(), asks)
    served = layers.serve(layered, policy)
    assert isinstance(served.action_spec, Turn)
    below = SlateEnvironment(persistent(), NUM_ASKED)
    action = served.action(below.current_time_step(), served.get_initial_state(NUM_ASKED)).action
    np.testing.assert_array_equal(action.query.is_asked, 1)
    trajectory = persistent().rollout(served.policy, NUM_ASKED, 3, seed=1)
    np.testing.assert_array_equal(trajectory.transitions.query.is_asked, 1)
