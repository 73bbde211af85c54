import numpy as np
import tensorflow as tf

from recsim_tf.core import random
from recsim_tf.environments.interest_exploration import Document, TopicDocuments


def test_qualities_are_log_normal_around_those_of_the_topic():
    documents = Document(cluster_id=tf.constant([[0, 1]]), quality=tf.constant([[2.0, 1.5]]))
    candidates = TopicDocuments().candidates(1, 2, (), None)
    z = (np.log([2.0, 1.5]) - [0.8, 0.2]) / 0.1
    expected = (
        np.log([0.2, 0.8]) - 0.5 * z**2 - np.log(np.array([2.0, 1.5]) * 0.1 * np.sqrt(2 * np.pi))
    )
    np.testing.assert_allclose(candidates.log_prob(documents), [expected.sum()], rtol=1e-5)


def test_drawn_documents_have_the_means_of_their_distribution():
    draws = random.sample(TopicDocuments().candidates(4000, 5, (), None), random.as_seed(0))
    assert (draws.cluster_id.dtype, draws.quality.shape) == (tf.int32, [4000, 5])
    assert abs(np.mean(draws.cluster_id) - 0.8) < 4 * np.sqrt(0.2 * 0.8 / 20000)
    for topic, mean in enumerate(np.exp([0.805, 0.205])):
        quality = draws.quality.numpy()[draws.cluster_id.numpy() == topic]
        assert abs(quality.mean() - mean) < 4 * quality.std() / np.sqrt(len(quality))


def test_agents_see_topics_and_qualities():
    documents = Document(cluster_id=tf.constant([[0, 2]]), quality=tf.constant([[2.0, 1.5]]))
    model = TopicDocuments([0.2, 0.3, 0.5], [0.0, 0.0, 0.0], [1.0, 1.0, 1.0])
    assert model.observe(documents) is documents
    assert model.observation_bounds() == Document(cluster_id=(0, 2), quality=(0.0, None))
    assert model.reveal(documents) is None
