# SPDX-License-Identifier: Apache-2.0
import numpy as np
import pytest
import tensorflow as tf

from recsim_tf.agents.slate_q import ClickNetwork, SlateQNetwork
from tests.agents.experience import NUM_CANDIDATES, OBSERVATION_SPEC, observation

NETWORKS = {
    "relative": lambda: SlateQNetwork(OBSERVATION_SPEC, (8, 4)),
    "absolute": lambda: SlateQNetwork(OBSERVATION_SPEC, (8, 4), relative=False),
    "zero": lambda: SlateQNetwork(OBSERVATION_SPEC, (8, 4), no_click="zero"),
    "one layer": lambda: SlateQNetwork(OBSERVATION_SPEC, (8,)),
    "clicks": lambda: ClickNetwork(OBSERVATION_SPEC, (8, 4)),
}
OBSERVATION = observation(5, seed=0)


@pytest.mark.parametrize("name", NETWORKS)
def test_weights_are_shared_by_candidates(name):
    network = NETWORKS[name]()
    (q_items, q_no_click), _ = network(OBSERVATION)
    assert (q_items.shape, q_no_click.shape) == ([5, NUM_CANDIDATES], [5])
    order = [2, 0, 3, 1]
    (permuted, permuted_no_click), _ = network(
        OBSERVATION._replace(documents=tf.gather(OBSERVATION.documents, order, axis=1))
    )
    np.testing.assert_allclose(permuted, tf.gather(q_items, order, axis=1), rtol=1e-6)
    np.testing.assert_array_equal(permuted_no_click, q_no_click)
    (few, _), _ = network(OBSERVATION._replace(documents=OBSERVATION.documents[:, 1:3]))
    np.testing.assert_allclose(few, q_items[:, 1:3], rtol=1e-6)


@pytest.mark.parametrize("name", NETWORKS)
def test_the_variables_are_made_once_and_all_of_them_matter_to_one_copy_only(name):
    network = NETWORKS[name]()
    network.create_variables()
    made = len(network.variables)
    network(OBSERVATION)
    assert len(network.variables) == made
    copy = network.copy(name="Copy")
    copy.create_variables()
    before = copy(OBSERVATION)[0]
    for variable in network.variables:
        variable.assign_add(tf.ones_like(variable))
    tf.nest.map_structure(np.testing.assert_array_equal, copy(OBSERVATION)[0], before)
    assert [variable.shape for variable in copy.variables] == [
        variable.shape for variable in network.variables
    ]


@pytest.mark.parametrize("see", [True, False])
def test_an_items_advantage_depends_on_the_user_only_where_items_see_users(see):
    network = SlateQNetwork(OBSERVATION_SPEC, (6,), items_see_user=see)
    there = OBSERVATION._replace(user=-OBSERVATION.user)
    (q_here, none_here), (q_there, none_there) = (
        network(observation)[0] for observation in (OBSERVATION, there)
    )
    assert not np.allclose(none_here, none_there)
    advantages = (q_here - none_here[:, tf.newaxis], q_there - none_there[:, tf.newaxis])
    assert np.allclose(*advantages, atol=1e-6) != see


@pytest.mark.parametrize(
    ("name", "items_move"), [("relative", True), ("absolute", False), ("clicks", False)]
)
def test_only_relative_item_values_move_with_the_no_click_value(name, items_move):
    network = NETWORKS[name]()
    (q_items, q_no_click), _ = network(OBSERVATION)
    (bias,) = [variable for variable in network.variables if "no_click_value/bias" in variable.name]
    bias.assign_add([3.0])
    (moved_items, moved_no_click), _ = network(OBSERVATION)
    np.testing.assert_allclose(moved_no_click - q_no_click, np.full(5, 3.0), rtol=1e-5)
    np.testing.assert_allclose(
        moved_items - q_items, np.full([5, NUM_CANDIDATES], 3.0 if items_move else 0.0), rtol=1e-5
    )


def test_the_first_layer_acts_on_user_and_document_and_a_zero_no_click_value_is_not_learned():
    network = SlateQNetwork(OBSERVATION_SPEC, (8,), no_click="zero")
    (q_items, q_no_click), _ = network(OBSERVATION)
    weights = {variable.name.split(":")[0]: variable.numpy() for variable in network.variables}

    def named(ending):
        return next(value for name, value in weights.items() if name.endswith(ending))

    of_users = OBSERVATION.user @ named("user/kernel") + named("user/bias")
    hidden = np.maximum(of_users[:, tf.newaxis] + OBSERVATION.documents @ named("item/kernel"), 0)
    expected = hidden @ named("item_value/kernel") + named("item_value/bias")
    np.testing.assert_allclose(q_items, expected[..., 0], rtol=1e-5, atol=1e-6)
    np.testing.assert_array_equal(q_no_click, np.zeros(5))
    assert not network.learns_no_click
    assert NETWORKS["relative"]().learns_no_click
