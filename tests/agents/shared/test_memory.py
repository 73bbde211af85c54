# SPDX-License-Identifier: Apache-2.0
"""Networks with a memory: interest exploration in sessions of a few steps, of users whom nobody
sees.
"""

import numpy as np
import pytest
import tensorflow as tf
from tf_agents.policies import policy_saver
from tf_agents.trajectories import StepType
from tf_agents.trajectories import time_step as ts

from recsim_tf.adapters.tf_agents import SlateEnvironment, rollout_policy
from recsim_tf.agents.reinforce import (
    ImportanceWeights,
    PolicyGradient,
    ReinforceSlateAgent,
    SlatePolicyNetwork,
    StateValueNetwork,
)
from recsim_tf.agents.shared.memory import Memory
from recsim_tf.agents.shared.returns import LambdaReturns
from recsim_tf.agents.slate_q import (
    ClickNetwork,
    SlateQAgent,
    SlateQNetwork,
    SlateQTargets,
    SlateSelection,
)
from recsim_tf.core.runs.execution import compiled
from recsim_tf.environments.interest_exploration import interest_exploration
from recsim_tf.gradients import relaxed_return, score_function_return
from recsim_tf.policies import PlackettLucePolicy
from recsim_tf.policies.choice_scores import LearnedScores
from tests.agents.experience import collect, learning, step_of, window
from tests.alike import assert_close

NUM_USERS, SESSION_STEPS, NUM_FRAMES = 6, 4, 12
MEMORY = Memory(units=5, item_units=4)


def environment():
    simulator = interest_exploration(slate_size=2, num_candidates=4, max_steps=SESSION_STEPS)
    return SlateEnvironment(simulator, NUM_USERS, seed=0)


def policy_network(env):
    tf.keras.utils.set_random_seed(3)
    network = SlatePolicyNetwork(env.observation_spec(), 2, (6,), memory=MEMORY)
    network.create_variables()
    return network


def reinforce(env, network=None, values=False, num_steps=NUM_FRAMES - 1, **arguments):
    agent = ReinforceSlateAgent(
        env.time_step_spec(),
        env.action_spec(),
        network or policy_network(env),
        StateValueNetwork(env.observation_spec(), (6,), memory=MEMORY) if values else None,
        learning(),
        PolicyGradient(LambdaReturns(num_steps=num_steps), **arguments),
    )
    agent.initialize()
    return agent


def slate_q(env, num_steps=NUM_FRAMES - 1, **targets):
    spec = env.observation_spec()
    tf.keras.utils.set_random_seed(3)
    agent = SlateQAgent(
        env.time_step_spec(),
        env.action_spec(),
        SlateQNetwork(spec, (6,), memory=MEMORY),
        learning(),
        SlateQTargets(num_steps=num_steps, **targets),
        SlateSelection(LearnedScores(ClickNetwork(spec, (6,), memory=MEMORY))),
    )
    agent.initialize()
    return agent


@pytest.fixture(scope="module")
def collected():
    """An agent, and its experience: sessions of four steps, a frame between any two of them."""
    env = environment()
    agent = reinforce(env)
    experience = collect(env, agent.collect_policy, NUM_FRAMES)
    assert (experience.step_type[0] == StepType.FIRST).numpy().sum() == 3
    return agent._actor_network, experience


@pytest.fixture(scope="module")
def slate_q_collected():
    """SlateQ, and its experience."""
    env = environment()
    agent = slate_q(env)
    return agent, collect(env, agent.collect_policy, NUM_FRAMES)


def step_by_step(network, experience, state, first=0):
    """Log-probabilities [B, T - first] of the actions, by a call for each step."""
    log_probs = []
    for step in range(first, experience.step_type.shape[1]):
        frame = step_of(experience, step)
        distribution, state = network(frame.observation, frame.step_type, state)
        log_probs.append(distribution.log_prob(frame.action))
    return tf.stack(log_probs, axis=1)


@pytest.mark.slow
def test_a_window_within_a_session_has_the_log_probs_and_gradients_of_the_whole(collected):
    first, (network, experience) = 5, collected
    states = experience.policy_info.policy_state[0]
    weights = tf.constant(np.random.default_rng(first).normal(size=[NUM_USERS, NUM_FRAMES - first]))
    weights = tf.cast(weights, tf.float32)

    def gradients(log_probs_of):
        with tf.GradientTape() as tape:
            log_probs = log_probs_of()
            total = tf.reduce_sum(weights * log_probs)
        return log_probs, tape.gradient(total, network.trainable_weights)

    # The whole session, of which the steps before the window are no part of the gradient.
    before = window(experience, 0, first)
    state = network(before.observation, before.step_type)[1]
    whole, gradients_of_whole = gradients(lambda: step_by_step(network, experience, state, first))
    steps, start = window(experience, first), step_of(states, first)
    found, gradients_of_window = gradients(
        lambda: network(steps.observation, steps.step_type, start)[0].log_prob(steps.action)
    )
    np.testing.assert_allclose(found, whole, atol=1e-5)
    for one, other in zip(gradients_of_window, gradients_of_whole, strict=True):
        np.testing.assert_allclose(one, other, atol=1e-5)


@pytest.mark.slow
def test_the_states_in_experience_are_those_that_the_policy_had(collected):
    network, experience = collected
    states = experience.policy_info.policy_state[0]
    is_first = experience.step_type == StepType.FIRST
    np.testing.assert_array_equal(states.hidden[is_first], 0.0)
    np.testing.assert_array_equal(states.started, tf.cast(~is_first, tf.float32))
    for step in range(1, NUM_FRAMES):
        before = window(experience, 0, step)
        _, after = network(before.observation, before.step_type)
        expected = tf.where(is_first[:, step : step + 1], 0.0, after.hidden)
        np.testing.assert_allclose(states.hidden[:, step], expected, atol=1e-6)


def test_nothing_before_the_start_of_a_session_is_seen(collected):
    network, experience = collected
    other = tf.nest.map_structure(
        lambda leaf: leaf + tf.cast(leaf.dtype.is_floating, leaf.dtype),
        experience.observation.response,
    )
    changed = experience.observation._replace(response=other)
    states = experience.policy_info.policy_state[0]

    def logits(observation, step):
        step_type = experience.step_type[:, step]
        return network(step_of(observation, step), step_type, step_of(states, step))[0].logits

    one, two = (logits(observation, 0) for observation in (experience.observation, changed))
    np.testing.assert_array_equal(one, two)
    one, two = (logits(observation, 1) for observation in (experience.observation, changed))
    assert np.abs(one - two).max() > 1e-3


@pytest.mark.slow
def test_xla_agrees_and_so_do_its_gradients(collected):
    network, experience = collected

    def everything():
        with tf.GradientTape() as tape:
            distribution, state = network(experience.observation, experience.step_type)
            total = tf.reduce_sum(distribution.log_prob(experience.action))
        return total, state, tape.gradient(total, network.trainable_weights)

    graph, xla = (compiled(everything, jit_compile=jit)() for jit in (False, True))
    assert_close(xla, graph, rtol=1e-4, atol=1e-5)


def all_memories_change(agent, experience):
    """By a train step."""
    weights = [one for one in agent._trainable_weights() if "memory" in one.name]
    assert len(weights) == 2 * 6
    before = [one.numpy() for one in weights]
    agent.train(experience)
    same = [one.name for one, old in zip(weights, before, strict=True) if np.all(one == old)]
    assert not same


@pytest.mark.slow
def test_reinforce_learns_all_that_it_remembers_by():
    env, num_steps = environment(), 5
    agent = reinforce(env, values=True, num_steps=num_steps, importance=ImportanceWeights())
    experience = collect(env, agent.collect_policy, 2 * num_steps)
    # On-policy all importance weights are one, wherever windows begin.
    for first in (0, 4):
        info = agent.loss(window(experience, first, first + num_steps + 1))
        np.testing.assert_allclose(info.extra.importance_weight, 1.0, rtol=1e-5)
    all_memories_change(agent, window(experience, 0, num_steps + 1))


def test_without_a_value_network_the_baseline_is_the_mean_of_the_step():
    env = environment()
    agent = reinforce(env, num_steps=SESSION_STEPS, normalize_advantages=False)
    experience = collect(env, agent.collect_policy, SESSION_STEPS + 1)
    steps = window(experience, 0, SESSION_STEPS)
    to_go = np.cumsum(steps.reward.numpy()[:, ::-1], axis=1)[:, ::-1]
    log_probs = step_by_step(agent._actor_network, steps, ())
    expected = -np.mean(log_probs * (to_go - to_go.mean(axis=0)))
    parts = agent.loss(experience).extra
    np.testing.assert_allclose(parts.policy_gradient_loss, expected, rtol=1e-4, atol=1e-6)
    np.testing.assert_allclose(parts.value, to_go.mean(), rtol=1e-5)
    assert parts.value_estimation_loss == 0


@pytest.mark.slow
@pytest.mark.filterwarnings("ignore")  # PolicySaver warns of its own dependencies.
def test_a_served_policy_is_saved_with_its_state(collected, tmp_path):
    env = environment()
    policy = reinforce(env, collected[0]).policy
    policy_saver.PolicySaver(policy, batch_size=None).save(str(tmp_path))
    saved = tf.saved_model.load(str(tmp_path))
    state, loaded_state = policy.get_initial_state(NUM_USERS), saved.get_initial_state(NUM_USERS)
    time_step = env.reset()
    for _ in range(SESSION_STEPS + 3):
        step, loaded = policy.action(time_step, state), saved.action(time_step, loaded_state)
        np.testing.assert_array_equal(step.action, loaded.action)
        np.testing.assert_allclose(step.state.hidden, loaded.state.hidden, atol=1e-6)
        state, loaded_state = step.state, loaded.state
        time_step = env.step(step.action)


def test_rollouts_and_tf_agents_begin_sessions_alike(collected):
    """`fold` tells a policy nothing of steps, and starts its state anew."""
    env = environment()
    agent = reinforce(env, collected[0])
    policy = rollout_policy(agent.policy)
    observation = env.current_time_step().observation
    by_rollout, _ = policy(observation, policy.initial_state(NUM_USERS), None)
    dirty = tf.nest.map_structure(tf.ones_like, policy.initial_state(NUM_USERS))
    first = ts.restart(observation, NUM_USERS)
    np.testing.assert_array_equal(by_rollout, agent.policy.action(first, dirty).action)


def test_the_score_function_goes_through_the_memory():
    simulator = interest_exploration(slate_size=2, num_candidates=4, max_steps=SESSION_STEPS)
    network = policy_network(SlateEnvironment(simulator, NUM_USERS))
    policy = PlackettLucePolicy.of_network(network)
    trajectory = simulator.rollout(policy, NUM_USERS, SESSION_STEPS, seed=0)
    with tf.GradientTape() as tape:
        total = tf.reduce_sum(score_function_return(simulator, policy, trajectory))
    found = tape.gradient(total, network.trainable_weights)
    rewards = trajectory.transitions.reward
    to_go = tf.cumsum(rewards, reverse=True)
    advantages = to_go - (tf.reduce_sum(to_go, 1, keepdims=True) - to_go) / (NUM_USERS - 1)
    states = simulator.replay(trajectory)
    with tf.GradientTape() as tape:
        total, memory = 0.0, ()
        for step in range(SESSION_STEPS):
            state = tf.nest.map_structure(lambda leaf, step=step: leaf[step], states)
            actions, memory = network(simulator.observe(state), network_state=memory)
            log_prob = actions.log_prob(trajectory.transitions.slate[step])
            total += tf.reduce_sum(log_prob * advantages[step])
    for one, other in zip(found, tape.gradient(total, network.trainable_weights), strict=True):
        np.testing.assert_allclose(one, other, rtol=1e-4, atol=1e-5)


def test_a_policy_with_a_memory_has_no_distribution_of_an_observation_alone(collected):
    policy = PlackettLucePolicy.of_network(collected[0])
    with pytest.raises(ValueError, match="depends on its policy state"):
        policy.log_prob(collected[1].observation, collected[1].action)
    with pytest.raises(ValueError, match="depends on its policy state"):
        relaxed_return(environment().simulator, policy, NUM_USERS, 2, seed=0)


@pytest.mark.slow
def test_slate_q_values_a_window_as_the_whole(slate_q_collected):
    agent, experience = slate_q_collected
    whole = agent._slate_values(experience)
    for first in (3, 7):
        found = agent._slate_values(window(experience, first))
        np.testing.assert_allclose(found, whole[:, first:], atol=1e-5)


@pytest.mark.slow
def test_slate_q_shows_what_its_values_say_of_the_whole_session(slate_q_collected):
    agent, experience = slate_q_collected
    states, frame = step_of(experience.policy_info.policy_state, 3), step_of(experience, 3)
    time_step = ts.TimeStep(frame.step_type, frame.reward, frame.discount, frame.observation)
    found = agent.policy.action(time_step, states).state
    steps = window(experience, 0, 4)
    for state, network in zip(found, (agent.network, agent.choice_scores.network), strict=True):
        _, expected = network(steps.observation, steps.step_type)
        np.testing.assert_allclose(state.hidden, expected.hidden, atol=1e-5)


@pytest.mark.slow
def test_slate_q_learns_all_that_it_remembers_by():
    env = environment()
    agent = slate_q(env, num_steps=4)
    all_memories_change(agent, collect(env, agent.collect_policy, 5))


def test_networks_without_a_memory_have_no_state():
    env = environment()
    network = SlatePolicyNetwork(env.observation_spec(), 2, (6,))
    assert network.state_spec == ()
    agent = reinforce(env, network)
    assert agent.policy.policy_state_spec == agent.collect_policy.policy_state_spec == ()
    assert agent.collect_policy.info_spec == ()
