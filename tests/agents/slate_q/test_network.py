import numpy as np
import pytest
import tensorflow as tf

from recsim_tf.agents.slate_q import ClickNetwork, SlateQNetwork
from tests.agents.slate_q.experience import NUM_CANDIDATES, OBSERVATION_SPEC, observation

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


def shift_no_click(network, shift):
    (bias,) = [variable for variable in network.variables if "no_click_value/bias" in variable.name]
    bias.assign_add([shift])


@pytest.mark.parametrize(
    ("name", "items_move"), [("relative", True), ("absolute", False), ("clicks", False)]
)
def test_only_relative_item_values_move_with_the_no_click_value(name, items_move):
    network = NETWORKS[name]()
    (q_items, q_no_click), _ = network(OBSERVATION)
    shift_no_click(network, 3.0)
    (moved_items, moved_no_click), _ = network(OBSERVATION)
    np.testing.assert_allclose(moved_no_click - q_no_click, np.full(5, 3.0), rtol=1e-5)
    np.testing.assert_allclose(
        moved_items - q_items, np.full([5, NUM_CANDIDATES], 3.0 if items_move else 0.0), rtol=1e-5
    )


def test_the_first_layer_acts_on_user_and_document_as_one_vector():
    network = SlateQNetwork(OBSERVATION_SPEC, (8,), no_click="zero")
    (q_items, _), _ = network(OBSERVATION)
    weights = {variable.name: variable.numpy() for variable in network.variables}

    def named(ending):
        (value,) = [value for name, value in weights.items() if f"{ending}:" in name]
        return value

    kernel = np.concatenate([named("user/kernel"), named("item/kernel")])
    user = np.tile(OBSERVATION.user.numpy()[:, np.newaxis], [1, NUM_CANDIDATES, 1])
    hidden = np.maximum(
        np.concatenate([user, OBSERVATION.documents], axis=-1) @ kernel + named("user/bias"), 0
    )
    expected = hidden @ named("item_value/kernel") + named("item_value/bias")
    np.testing.assert_allclose(q_items, expected[..., 0], rtol=1e-5, atol=1e-6)


def test_a_zero_no_click_value_is_zero_and_not_learned():
    network = NETWORKS["zero"]()
    np.testing.assert_array_equal(network(OBSERVATION)[0][1], np.zeros(5))
    assert not network.learns_no_click
    assert NETWORKS["relative"]().learns_no_click
