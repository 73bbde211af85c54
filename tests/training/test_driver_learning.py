# SPDX-License-Identifier: Apache-2.0
"""The learning loop against TF-Agents' driver and replay buffer."""

import numpy as np
import pytest
import tensorflow as tf

from recsim_tf.adapters.tf_agents import SlateEnvironment
from recsim_tf.agents.full_slate_q import FullSlateQNetwork, create_full_slate_q
from recsim_tf.agents.layers import FixedLengthHistory, LayeredSimulator, TemporalAggregation
from recsim_tf.agents.reinforce import SlatePolicyNetwork, StateValueNetwork, create_reinforce
from recsim_tf.agents.slate_q import SlateQNetwork, create_slate_q
from recsim_tf.environments.interest_evolution import interest_evolution
from recsim_tf.environments.interest_exploration import interest_exploration
from recsim_tf.experiment import config
from recsim_tf.training.loop import Iteration, LearningLoop
from tests.alike import assert_close, assert_equal
from tests.training.driver_learning import DriverLearningLoop

NUM_USERS, SESSION_STEPS, REPLAY_LENGTH = 4, 5, 9


def slate_q(environment, counter):
    return create_slate_q(environment, counter, lambda spec: SlateQNetwork(spec, (4,)))


def reinforce(environment, counter):
    return create_reinforce(
        environment,
        counter,
        lambda spec, slate_size: SlatePolicyNetwork(spec, slate_size, (4,)),
        lambda spec: StateValueNetwork(spec, (4,)),
    )


def full_slate_q(environment, counter):
    return create_full_slate_q(
        environment, counter, lambda spec, slate_size: FullSlateQNetwork(spec, slate_size, (4,))
    )


def evolution():
    return interest_evolution(slate_size=2, num_candidates=4, max_steps=SESSION_STEPS)


def held_slates():
    pure = interest_exploration(
        slate_size=1, num_candidates=4, max_steps=SESSION_STEPS, resample_documents=False
    )
    return LayeredSimulator(LayeredSimulator(pure, TemporalAggregation(2)), FixedLengthHistory(2))


SEQUENCES = (
    "SlateQTargets.target = 'differential'",
    "SlateQTargets.num_steps = 3",
    "Learning.average_tau = 0.1",
)
# simulator, agent, gin bindings, batch size, collect steps of an iteration
CASES = {
    "slate_q_on_sequences": (evolution, slate_q, SEQUENCES, 8, 4),
    "reinforce": (evolution, reinforce, ("LambdaReturns.num_steps = 3",), None, 4),
    "layers_with_held_slates": (held_slates, full_slate_q, (), 8, 2),
}


def loop_of(name, loop_type=LearningLoop, jit_compile=False):
    simulator, create, bindings, batch_size, collect_steps = CASES[name]
    config.load([], bindings)
    tf.keras.utils.set_random_seed(0)
    environment = SlateEnvironment(simulator(), NUM_USERS, seed=3)
    agent = create(environment, tf.Variable(0, dtype=tf.int64))
    agent.initialize()
    return loop_type(
        environment,
        agent,
        Iteration(batch_size, REPLAY_LENGTH, collect_steps=collect_steps, jit_compile=jit_compile),
        seed=5,
    )


def run(loop):
    """Trains while the replay wraps around; the losses and the metrics."""
    if (loop.agent.train_sequence_length or 1) == 1:
        loop.collect(REPLAY_LENGTH)
    return loop.run(5), loop.metrics.read_and_clear(1.0), loop.run(1)


@pytest.mark.parametrize("name", CASES)
@pytest.mark.slow
def test_the_loop_collects_samples_and_learns_what_the_driver_does(name):
    loop, driver_loop = loop_of(name), loop_of(name, DriverLearningLoop)
    results, driver_results = run(loop), run(driver_loop)
    # The frames, and the state of the users after them, agree bit for bit; weights to the rounding
    # of another graph.
    for equal in (
        lambda loop: loop.replay.latest(REPLAY_LENGTH),
        lambda loop: loop.environment.state,
    ):
        assert_equal(equal(loop), equal(driver_loop))
    assert_equal(loop.policy_state, driver_loop.policy_state)
    assert loop.replay.num_added() > REPLAY_LENGTH
    np.testing.assert_array_equal(loop.replay.seed, driver_loop.replay.seed)
    assert len(loop.agent.variables) > 0
    learned = (results, list(loop.agent.variables))
    assert_close(learned, (driver_results, list(driver_loop.agent.variables)), rtol=1e-4, atol=1e-6)
