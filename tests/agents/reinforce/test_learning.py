"""The agent in the learning loop."""

import numpy as np
import pytest
import tensorflow as tf

from recsim_tf.adapters.tf_agents import SlateEnvironment, rollout_policy
from recsim_tf.agents.reinforce import ReinforceSlateAgent, create_reinforce
from recsim_tf.environments.interest_evolution import interest_evolution
from recsim_tf.environments.interest_exploration import interest_exploration
from recsim_tf.experiment import config
from recsim_tf.experiment.evaluation.evaluation import Evaluation
from recsim_tf.experiment.training.loop import Iteration, LearningLoop
from tests.experiment.training.test_loop import NUM_USERS, SESSION_STEPS, Recorder, frames_of

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


def test_the_first_train_step_needs_one_frame_before_the_collect_steps():
    environment = exploration()
    loop = loop_of(make_agent(environment), environment)
    with pytest.raises(
        ValueError,
        match="the agent trains on 5 frames, so at least 1 must be collected first, got 0",
    ):
        loop.run(1)


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
    loop.collect(NUM_STEPS)
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
    assert before.mean_return < 170
    assert after.mean_return > 185
