import numpy as np
import tensorflow as tf

import recsim_tf
from recsim_tf import choice
from recsim_tf.core.execution import compiled
from recsim_tf.core.random import as_seed
from recsim_tf.environments.interest_evolution import (
    InterestEvolutionUsers,
    PlainVideos,
    interest_evolution,
)
from tests.rollout_policies import first_positions


def test_defaults_are_those_of_the_recsim_factory():
    simulator = recsim_tf.make("InterestEvolution-v1")
    observation = simulator.observe(simulator.reset(4, seed=0))
    assert observation.user.shape == [4, 20]
    assert observation.documents.shape == [4, 10, 20]
    assert observation.response.clicked.shape == [4, 3]
    assert simulator.resample_documents
    assert simulator.max_steps is None
    state, transition = simulator.step(
        simulator.reset(4, seed=0), tf.zeros([4, 1], tf.int32), seed=1
    )
    np.testing.assert_array_equal(
        transition.reward, 4 * tf.reduce_sum(transition.response.clicked, -1)
    )
    np.testing.assert_array_equal(state.num_steps, np.ones(4))


def test_plain_users_and_videos_run():
    users = InterestEvolutionUsers.plain(choice_model=choice.MultinomialLogit())
    simulator = interest_evolution(users=users, documents=PlainVideos())
    trajectory = compiled(lambda seed: simulator.rollout(first_positions(3), 16, 40, seed))(
        as_seed(1)
    )
    states = compiled(simulator.replay)(trajectory)
    transitions = trajectory.transitions
    assert transitions.terminated.numpy().any(axis=0).all()
    assert states.user.budget.numpy().max() == 30
    # Update alpha is zero: what is not watched is lost to steps without a click, at 1 each.
    spent = transitions.reward + (1.0 - tf.reduce_sum(transitions.response.clicked, -1))
    after = states.user.budget[:-1] - spent[:-1]
    active = transitions.active[1:].numpy()
    np.testing.assert_allclose(
        after.numpy()[active], states.user.budget[1:].numpy()[active], atol=1e-4
    )
    np.testing.assert_array_equal(transitions.response.quality, np.ones([40, 16, 3]))
    assert np.abs(states.user.interests).max() <= 1
    log_prob = compiled(simulator.log_prob)(trajectory)
    assert np.isfinite(log_prob.total).all()
