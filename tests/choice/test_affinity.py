# SPDX-License-Identifier: Apache-2.0
import numpy as np
import pytest
import tensorflow as tf

from recsim_tf.choice import affinity

USER, PEAKS = [[1.0, 2.0]], [[1.0, 2.0]]
DOCUMENTS = [[[1.0, 2.0], [3.0, 0.0], [-1.0, 1.0]]]
# RecSim NG 0.1.2's, of `TargetPointSimilarity`.
EXPECTED = {
    "inverse_euclidean": [1e6, 0.353553, 0.447214],
    "dot": [5.0, 3.0, 1.0],
    "cosine": [1.0, 0.447214, 0.316228],
    "negative_euclidean": [0.0, -2.828427, -2.236068],
    "single_peaked": [1.0, -1.0, 1.0],
}


def affinities(name, users, documents):
    peaks = [PEAKS * len(users)] if name == "single_peaked" else []
    return getattr(affinity, name)(
        tf.constant(users), tf.constant(documents), *map(tf.constant, peaks)
    )


@pytest.mark.parametrize("name", EXPECTED)
def test_affinities_are_those_of_recsim_ng(name):
    np.testing.assert_allclose(affinities(name, USER, DOCUMENTS)[0], EXPECTED[name], rtol=1e-5)


@pytest.mark.parametrize("name", EXPECTED)
def test_documents_may_be_those_of_each_user_those_of_all_users_or_one_for_each_user(name):
    users = [*USER, [0.5, -1.0], [0.0, 0.3]]
    of_each = affinities(name, users, DOCUMENTS * 3)
    np.testing.assert_allclose(affinities(name, users, DOCUMENTS), of_each, rtol=1e-6)
    alone = affinities(name, users, DOCUMENTS[0])
    np.testing.assert_allclose(alone, np.diag(of_each), rtol=1e-6)


@pytest.mark.parametrize("name", ["cosine", "inverse_euclidean", "dot", "single_peaked"])
def test_a_zero_vector_and_a_document_at_the_user_have_finite_gradients(name):
    users = tf.constant([[0.0, 0.0], [1.0, 2.0]])
    with tf.GradientTape() as tape:
        tape.watch(users)
        peaks = [tf.ones([2, 2])] if name == "single_peaked" else []
        found = getattr(affinity, name)(users, tf.constant([[1.0, 1.0], [1.0, 2.0]]), *peaks)
    assert np.isfinite(found).all()
    assert np.isfinite(tape.gradient(found, users)).all()
    if name == "cosine":
        np.testing.assert_allclose(found, [0.0, 1.0], atol=1e-6)
