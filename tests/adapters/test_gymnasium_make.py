"""The environments by their names in Gymnasium, and what other libraries do with them."""

import gymnasium
import pytest
from gymnasium.envs.registration import EnvSpec

import recsim_tf
from recsim_tf import registry
from recsim_tf.adapters.gymnasium import (
    GymnasiumEnvironment,
    GymnasiumVectorEnvironment,
    register_environments,
)
from tests.adapters.gymnasium_sessions import assert_equal
from tests.core.toy import toy_simulator

NAME = "recsim_tf/LongTermSatisfaction-v1"


def test_every_registered_environment_has_a_name_in_gymnasium():
    for environment_id in recsim_tf.registered():
        spec = gymnasium.spec(f"recsim_tf/{environment_id}")
        assert spec.entry_point == "recsim_tf.adapters.gymnasium:make_environment"
        assert spec.vector_entry_point == "recsim_tf.adapters.gymnasium:make_vector_environment"


def test_make_takes_the_arguments_of_the_simulator_and_of_the_environment():
    environment = gymnasium.make(NAME, seed=3, flatten=True, slate_size=2, render_mode=None)
    assert environment.unwrapped.simulator.slate_size == 2
    expected = GymnasiumEnvironment(
        recsim_tf.make("LongTermSatisfaction-v1", slate_size=2), seed=3, flatten=True
    )
    assert_equal(environment.reset(), expected.reset())
    assert_equal(environment.step([0, 1]), expected.step([0, 1]))


def test_make_vec_makes_users_who_are_stepped_at_once():
    environments = gymnasium.make_vec(NAME, 3, autoreset_mode="SameStep", slate_size=2)
    assert type(environments) is GymnasiumVectorEnvironment
    assert environments.metadata["autoreset_mode"] == gymnasium.vector.AutoresetMode.SAME_STEP
    assert environments.action_space.shape == (3, 2)


def test_without_a_seed_each_environment_has_its_own_user():
    environments = gymnasium.make_vec(NAME, 2, vectorization_mode="sync")
    observation, _ = environments.reset()
    assert (observation["doc"][0] != observation["doc"][1]).any()


def test_a_spec_that_went_through_a_file_makes_the_same_environment():
    spec = gymnasium.make(NAME, seed=3, slate_size=2).spec
    first, again = (gymnasium.make(each) for each in (spec, EnvSpec.from_json(spec.to_json())))
    assert_equal(first.reset(), again.reset())


def test_an_unknown_argument_is_named():
    with pytest.raises(TypeError, match="LongTermSatisfaction-v1 has no argument render_mode"):
        gymnasium.make(NAME, render_mode="human")


@pytest.fixture
def _clean_registries(monkeypatch):
    monkeypatch.setattr(registry, "_factories", dict(registry._factories))
    known = set(gymnasium.registry)
    yield
    for name in set(gymnasium.registry) - known:
        del gymnasium.registry[name]


@pytest.mark.usefixtures("_clean_registries")
def test_environments_of_one_s_own_are_made_known():
    recsim_tf.register("Toy-v1", toy_simulator)
    register_environments()
    assert gymnasium.make("recsim_tf/Toy-v1", max_steps=2).unwrapped.simulator.max_steps == 2
