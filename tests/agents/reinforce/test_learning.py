# SPDX-License-Identifier: Apache-2.0
"""The agent in the learning loop."""

import numpy as np
import pytest
import tensorflow as tf
from tensorflow_probability import distributions as tfd

import recsim_tf
from recsim_tf.adapters.tf_agents import SlateEnvironment, rollout_policy
from recsim_tf.agents.reinforce import (
    ReinforceSlateAgent,
    SlatePolicyNetwork,
    TurnPolicyNetwork,
    create_reinforce,
)
from recsim_tf.core import random
from recsim_tf.core.base.types import Turn
from recsim_tf.core.distributions import IndependentParts, PlackettLuce
from recsim_tf.core.step.turns import query_spec
from recsim_tf.environments.interest_evolution import interest_evolution
from recsim_tf.environments.interest_exploration import interest_exploration
from recsim_tf.evaluation.evaluation import Evaluation
from recsim_tf.experiment import config
from recsim_tf.gradients import relaxed_return, score_function_return
from recsim_tf.policies import PlackettLucePolicy
from recsim_tf.training.loop import Iteration, LearningLoop
from tests.questions import SPEC, WHOLE_SPEC, Question, simulator
from tests.refusals import assert_refused
from tests.training.test_loop import NUM_USERS, SESSION_STEPS, Recorder, frames_of

NUM_STEPS = 4


def loop_of(
    agent, environment, batch_size=None, replay_length=NUM_STEPS + 1, collect_steps=NUM_STEPS
):
    return LearningLoop(
        environment,
        agent,
        Iteration(batch_size, replay_length, collect_steps=collect_steps),
        seed=0,
    )


def make_agent(environment, bindings=(), learning_rate=1e-3) -> ReinforceSlateAgent:
    config.load([], [f"LambdaReturns.num_steps = {NUM_STEPS}", *bindings])
    agent = create_reinforce(
        environment,
        tf.Variable(0, dtype=tf.int64),
        optimizer=lambda: tf.keras.optimizers.Adam(learning_rate),
    )
    agent.initialize()
    return agent


def exploration(num_users=NUM_USERS):
    return SlateEnvironment(
        interest_exploration(slate_size=2, num_candidates=4, max_steps=SESSION_STEPS),
        num_users,
        seed=7,
    )


@pytest.mark.slow
def test_with_as_many_collect_steps_as_decisions_every_pair_of_frames_is_trained_on_once():
    iterations = 5
    environment = exploration()
    recorder = Recorder(environment, NUM_STEPS + 1)
    loop = loop_of(recorder, environment)
    loop.collect(1)
    loop.run(2)
    loop.run(iterations - 2)
    assert recorder.train_step_counter == iterations
    assert loop.user_steps_per_iteration == NUM_USERS * NUM_STEPS
    frames = frames_of(7, 1 + iterations * NUM_STEPS, NUM_STEPS + 1)
    for iteration in range(iterations):
        first = iteration * NUM_STEPS
        expected = np.swapaxes(
            frames.observation.documents.quality[first : first + NUM_STEPS + 1], 0, 1
        )
        np.testing.assert_array_equal(
            recorder.records.observation.documents.quality[iteration], expected
        )


@pytest.mark.slow
def test_on_policy_the_replay_is_not_drawn_from_and_off_policy_it_is():
    environment = exploration()
    with pytest.raises(ValueError, match=r"batch_size must be None for REINFORCE, .* got 8"):
        loop_of(make_agent(environment), environment, batch_size=8)
    agent = make_agent(
        environment,
        ["PolicyGradient.importance = @ImportanceWeights()", "ImportanceWeights.cap = 2.0"],
        learning_rate=0.1,
    )
    loop = loop_of(agent, environment, batch_size=8, replay_length=40, collect_steps=1)
    loop.collect(NUM_STEPS + 1)
    assert abs(loop.run(1).extra.importance_weight - 1) < 1e-5
    assert abs(loop.run(10).extra.importance_weight - 1) > 1e-3


@pytest.mark.slow
def test_it_learns_to_lengthen_sessions_in_interest_evolution():
    tf.keras.utils.set_random_seed(0)
    simulator = interest_evolution(slate_size=3, num_candidates=10)
    environment = SlateEnvironment(simulator, 512, seed=1)
    bindings = [
        "LambdaReturns.num_steps = 10",
        "LambdaReturns.td_lambda = 0.8",
        "Learning.reward_scale_factor = 0.05",
    ]
    agent = make_agent(environment, bindings, learning_rate=3e-3)
    loop = loop_of(agent, environment, replay_length=11, collect_steps=10)
    loop.collect(1)
    evaluate = Evaluation(num_users=500).evaluator(
        "REINFORCE", simulator, rollout_policy(agent.policy)
    )
    before = evaluate()
    loop.run(80)
    after = evaluate()
    # Random slates and shortsighted ones earn 160 and 168.
    assert before["return"].value < 170
    assert after["return"].value > 185


# Turns of a slate and a query.


def asked(**changes):
    return simulator(query_spec=WHOLE_SPEC, max_steps=NUM_STEPS, **changes)


def network(spec=WHOLE_SPEC):
    observation_spec = asked().observation_spec()
    slates = SlatePolicyNetwork(observation_spec, 2, (8,))
    return TurnPolicyNetwork(observation_spec, slates, spec, (8,))


def mean_return(policy):
    trajectory = asked().rollout(rollout_policy(policy), 1000, NUM_STEPS, seed=5)
    return np.mean(tf.reduce_sum(trajectory.transitions.reward, axis=0))


@pytest.mark.slow
def test_it_learns_to_ask_where_asking_pays():
    environment = SlateEnvironment(asked(), 256, seed=1)
    bindings = ["LambdaReturns.gamma = 1.0", "TurnPolicyNetwork.hidden_units = (16,)"]
    agent = make_agent(environment, bindings, learning_rate=0.02)
    loop = loop_of(agent, environment)
    loop.collect(1)
    before = mean_return(agent.collect_policy)
    loop.run(40)
    asking, best = mean_return(agent.policy), mean_return(_always_asks)
    assert before < best - 0.5
    assert asking > best - 0.1


def _always_asks(observation, policy_state, seed):
    slate = tf.math.top_k(observation.documents, 2).indices
    ones = tf.ones([observation.user.shape[0], 2], tf.int32)
    return Turn(slate, Question(ones[:, 0], ones)), policy_state


def test_the_score_function_gradient_of_a_policy_over_turns_is_the_exact_one():
    source, logit, num_users = asked(validate=False), tf.Variable(0.4), 40_000

    def distribution(observation):
        logits = logit * tf.ones([num_users, 1]) * [0.0, 1.0]
        is_asked, always = tfd.Categorical(logits), tfd.Categorical(logits=[0.0, 100.0])
        strength = tfd.Independent(tfd.BatchBroadcast(always, [num_users, 2]), 1)
        query = Question(is_asked, strength)
        return IndependentParts(Turn(PlackettLuce(tf.zeros([num_users, 4]), 2), query))

    trajectory = source.rollout(PlackettLucePolicy(distribution), num_users, 1, seed=3)
    with tf.GradientTape() as tape:
        returns = score_function_return(source, PlackettLucePolicy(distribution), trajectory)
        loss = tf.reduce_mean(returns)
    rewards = trajectory.transitions.reward[0].numpy()
    was_asked = trajectory.transitions.query.is_asked[0].numpy() == 1
    prob = tf.sigmoid(logit).numpy()
    gain = rewards[was_asked].mean() - rewards[~was_asked].mean()
    error = prob * (1 - prob) * 2 * rewards.std() / np.sqrt(num_users)
    assert abs(tape.gradient(loss, logit) - prob * (1 - prob) * gain) < 3 * error
    assert prob * (1 - prob) * gain > 10 * error


def test_the_relaxed_return_refuses_queries():
    policy = PlackettLucePolicy.of_network(network())
    with pytest.raises(ValueError, match=r"relaxed_return gives slates alone.*query.is_asked"):
        relaxed_return(asked(), policy, 4, 2, seed=0, temperature=1.0)


def test_draws_modes_and_entropies_are_those_of_the_parts():
    spec = query_spec(
        (tf.TensorSpec([], tf.int32), tf.TensorSpec([2], tf.int32), tf.TensorSpec([], tf.bool)),
        (
            recsim_tf.Bounds(-1, 1),
            recsim_tf.Bounds(np.array([0, 2]), np.array([1, 3])),
            recsim_tf.Bounds(),
        ),
    )
    observation = asked().observe(asked().reset(2000, seed=1))
    distribution = network(spec)(observation)[0]
    assert distribution.batch_shape == [2000]
    turn = random.sample(distribution, 1)
    whole, pair, flag = (leaf.numpy() for leaf in turn.query)
    assert np.unique(whole).tolist() == [-1, 0, 1]
    assert [np.unique(row).tolist() for row in pair.T] == [[0, 1], [2, 3]]
    assert np.unique(flag).tolist() == [False, True]
    log_prob = distribution.log_prob(turn)
    parts = zip(tf.nest.flatten(distribution.parts), tf.nest.flatten(turn), strict=True)
    by_hand = sum(part.log_prob(leaf) for part, leaf in parts)
    np.testing.assert_allclose(log_prob, by_hand, rtol=1e-5)
    entropies = distribution.log_prob_and_entropy(turn)[1]
    error = np.std(log_prob + entropies) / np.sqrt(2000)
    assert abs(np.mean(log_prob + entropies)) < 4 * error
    assert (distribution.log_prob(distribution.mode()) >= log_prob - 1e-4).numpy().all()
    tf.nest.map_structure(
        lambda one, other: np.testing.assert_equal(one.dtype, other.dtype),
        distribution.sample(seed=[1, 2]),
        turn,
    )


def test_a_float_in_a_query_is_refused_in_one_line():
    assert_refused(lambda: network(SPEC), r"query.strength must be bounded integers .* got float32")
