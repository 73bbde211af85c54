# SPDX-License-Identifier: Apache-2.0
import numpy as np
import tensorflow as tf

from recsim_tf.environments.page_clicks import PageItems

ITEMS = PageItems(
    num_items=3,
    item_effect=[0.5, -0.5, 0.0],
    categories=[[0, 1], [1, 1], [2, 0]],
    category_effect=[[0.1, 0.2, 0.3], [1.0, 2.0, 9.0]],
    numeric=[1.0, 0.0, -2.0],
    numeric_effect=0.25,
    affinity_probs=[0.75, 0.25],
)
IDS = tf.constant([[0, 1, 2, 2], [1, 1, 0, 0]])
APPEAL = np.array([0.5 + 0.1 + 2.0 + 0.25, -0.5 + 0.2 + 2.0, 0.3 + 1.0 - 0.5])


def test_the_appeal_is_the_sum_of_the_effects_of_item_categories_and_feature():
    items = ITEMS.describe(IDS, ())
    np.testing.assert_allclose(items.appeal, APPEAL[IDS], rtol=1e-6)
    np.testing.assert_array_equal(items.categories[0], [[0, 1], [1, 1], [2, 0], [2, 0]])
    np.testing.assert_array_equal(items.numeric[1], [0, 0, 1, 1])


def test_items_without_features_have_the_effect_of_the_item_alone():
    np.testing.assert_allclose(
        PageItems(3, [0.5, -0.5, 0.0]).describe(IDS, ()).appeal[0], [0.5, -0.5, 0, 0]
    )
    np.testing.assert_allclose(PageItems(3, 0.25).describe(IDS, ()).appeal, np.full([2, 4], 0.25))


def test_affinity_is_hidden_until_an_item_is_shown():
    items = ITEMS.describe(IDS, ())
    assert ITEMS.observe(items)._fields == ("item_id", "categories", "numeric")
    np.testing.assert_allclose(
        ITEMS.reveal(items).log_prob(tf.constant([[0, 0, 0, 1], [1, 1, 0, 0]])),
        np.log([0.75**3 * 0.25, 0.75**2 / 16]),
        rtol=1e-5,
    )
    assert ITEMS.show(items, tf.ones([2, 4], tf.int32)).affinity.shape == [2, 4]
