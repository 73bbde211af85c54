import copy
import pickle

import gymnasium
import numpy as np
import pytest
import tensorflow as tf

import recsim_tf.adapters.gymnasium
from tests.adapters.gymnasium_sessions import SLATE, assert_equal, vector_environment


def pickled(environment):
    return pickle.loads(pickle.dumps(environment))


BUILDS = {
    "one user": lambda: gymnasium.make(
        "recsim_tf/InterestEvolution-v1", seed=3, slate_size=2, num_candidates=5
    ),
    "many users": vector_environment,
}


@pytest.mark.parametrize("copied", [pickled, copy.deepcopy])
@pytest.mark.parametrize("build", BUILDS.values(), ids=BUILDS)
def test_a_copy_goes_on_with_the_same_steps(build, copied):
    environment = build()
    slates = np.broadcast_to(SLATE, environment.action_space.shape)
    before = copied(environment)
    assert_equal(before.reset(), environment.reset())
    environment.step(slates)
    after = copied(environment)
    expected = [environment.step(slates), environment.reset(), environment.step(slates)]
    # The copy is of its own: the steps of the original have not moved it.
    assert_equal([after.step(slates), after.reset(), after.step(slates)], expected)


def test_a_copy_of_an_environment_is_cheap():
    """It shares the compiled steps."""
    environment = BUILDS["one user"]()
    environment.reset()
    other = copy.deepcopy(environment)
    assert other.unwrapped is not environment.unwrapped
    assert other.unwrapped.simulator is environment.unwrapped.simulator
    assert other.unwrapped._session.steps is environment.unwrapped._session.steps


def test_a_pickle_keeps_the_values_of_variables():
    mass = tf.Variable(0.5)
    simulator = recsim_tf.make("InterestEvolution-v1", slate_size=2, num_candidates=5)
    simulator = simulator.with_parameters({"users.choice_model.no_click_mass": mass})
    environment = pickled(recsim_tf.adapters.gymnasium.GymnasiumEnvironment(simulator))
    value = environment.simulator.parameters()["users.choice_model.no_click_mass"]
    np.testing.assert_array_equal(value, 0.5)
