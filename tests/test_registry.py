# SPDX-License-Identifier: Apache-2.0
import dataclasses

import pytest

import recsim_tf
from recsim_tf import registry
from recsim_tf.core.simulator import Simulator, SimulatorOptions
from tests.core.toy import toy_simulator
from tests.refusals import assert_refused


@pytest.fixture
def toy(monkeypatch):
    """Registers the toy environment for one test."""
    monkeypatch.setattr(registry, "_factories", dict(registry._factories))
    recsim_tf.register("Toy-v1", toy_simulator)


def test_a_registered_environment_is_made_with_its_arguments(toy):
    assert recsim_tf.registered() == sorted(recsim_tf.registered())
    assert {"InterestEvolution-v1", "Toy-v1"} <= set(recsim_tf.registered())
    simulator = recsim_tf.make("Toy-v1", slate_size=1, max_steps=3)
    assert (simulator.slate_size, simulator.max_steps) == (1, 3)


def test_an_unknown_id_lists_the_known_ones(toy):
    message = r"environment_id must be one of .*InterestEvolution-v1.*, Toy-v1.*, got 'Nothing-v1'"
    assert_refused(lambda: recsim_tf.make("Nothing-v1"), message)


def test_an_unknown_argument_lists_those_allowed():
    with pytest.raises(
        TypeError,
        match=(
            r"InterestEvolution-v1 has no argument topics; it takes users, documents, dtype,"
            r" slate_size"
        ),
    ):
        recsim_tf.make("InterestEvolution-v1", topics=3)


def test_factories_hand_on_all_arguments_of_a_simulator_but_its_models():
    fields = {field.name for field in dataclasses.fields(Simulator)}
    assert set(SimulatorOptions.__annotations__) == fields - {"users", "documents"}


@pytest.mark.parametrize("environment_id", recsim_tf.registered())
def test_a_factory_that_is_called_itself_names_an_unknown_argument(environment_id):
    with pytest.raises(TypeError, match="topics"):
        registry.factory_of(environment_id)(topics=3)


def test_factories_that_take_any_argument_get_them_all(toy):
    assert recsim_tf.make("Toy-v1", allow_duplicates=True).allow_duplicates


def test_an_id_is_taken_once(toy):
    recsim_tf.register("Toy-v1", toy_simulator)
    message = "environment_id 'Toy-v1' is registered already: choose another, or set"
    assert_refused(lambda: recsim_tf.register("Toy-v1", lambda: toy_simulator()), message)
    assert recsim_tf.make("Toy-v1").slate_size == 2
    recsim_tf.register("Toy-v1", lambda: toy_simulator(slate_size=3), overwrite=True)
    assert recsim_tf.make("Toy-v1").slate_size == 3
