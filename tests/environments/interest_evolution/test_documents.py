import numpy as np
import tensorflow as tf

from recsim_tf.core import random
from recsim_tf.environments.interest_evolution import PlainVideos, UtilityVideos


def test_topics_are_uniform_and_hidden_quality_is_drawn_around_their_means():
    videos = UtilityVideos(num_topics=10)
    candidates = videos.candidates(4, 6, (), None)
    assert (candidates.batch_shape, candidates.event_shape) == ([4], [6])
    np.testing.assert_allclose(
        candidates.log_prob(tf.zeros([4, 6], tf.int32)), np.full(4, -6 * np.log(10)), rtol=1e-6
    )
    documents = videos.describe(random.sample(candidates, random.as_seed(0)), ())
    hidden = videos.reveal(documents)
    assert (hidden.batch_shape, hidden.event_shape) == ([4], [6])
    quality = random.sample(hidden, random.as_seed(1))
    shown = videos.show(documents, quality)
    np.testing.assert_array_equal(shown.quality, quality)
    np.testing.assert_allclose(
        quality, videos.mean_quality().numpy()[documents.cluster_id], atol=0.5
    )


def test_agents_see_features_only():
    videos = UtilityVideos(num_topics=10)
    documents = videos.describe(tf.constant([[3, 4]]), ())
    np.testing.assert_array_equal(videos.observe(documents), documents.features)
    assert videos.observation_bounds() == (-1.0, 1.0)


def test_quality_means_can_be_given_and_are_learnable():
    means = tf.Variable([0.5, -1.0, 2.0])
    videos = UtilityVideos(num_topics=3, topic_quality_means=means)
    with tf.GradientTape() as tape:
        log_prob = videos.reveal(videos.describe(tf.constant([[0, 2]]), ())).log_prob([[0.6, 2.0]])
    gradient = tf.convert_to_tensor(tape.gradient(log_prob, means))
    np.testing.assert_allclose(gradient, [10.0, 0.0, 0.0], rtol=1e-4)
    assert videos.trainable_variables == (means,)


def test_tables_and_limits_may_differ_between_users():
    means = tf.constant([[0.5, -1.0, 2.0], [3.0, 1.0, 0.0]])
    videos = UtilityVideos(num_topics=3, topic_quality_means=means)
    mean = videos.reveal(videos.describe(tf.constant([[0, 2], [0, 2]]), ())).mean()
    np.testing.assert_allclose(mean, [[0.5, 2.0], [3.0, 0.0]])
    linear = UtilityVideos(num_topics=10, min_utility=tf.constant([-3.0, -1.0])).mean_quality()
    np.testing.assert_allclose(linear.numpy()[:, [0, 3, 9]], [[-3.0, -1.5, 3.0], [-1.0, -0.5, 3.0]])
    plain = PlainVideos(num_features=2, max_video_length=tf.constant([1.0, 2.0]))
    draw = plain.candidates(2, 3, (), ()).sample(seed=0)._replace(length=tf.fill([2, 3], 5.0))
    np.testing.assert_allclose(plain.describe(draw, ()).length, [[1.0] * 3, [2.0] * 3])


def test_plain_videos_have_the_constants_of_recsim():
    videos = PlainVideos()
    model = videos.candidates(2, 3, (), None).model
    features, length = model.features.distribution, model.length.distribution
    assert features.batch_shape == [2, 3, 20]
    np.testing.assert_array_equal(features.low, np.full([2, 3, 20], -1.0))
    assert float(features.high) == 1.0
    np.testing.assert_allclose(length.loc, np.full([2, 3], 4.3), rtol=1e-6)
    assert float(length.scale) == 1.0


def test_plain_videos_cap_their_length_and_have_quality_one():
    videos = PlainVideos()
    draw = random.sample(videos.candidates(2, 3, (), None), random.as_seed(0))
    documents = videos.describe(draw._replace(length=tf.constant([[4.0, 120.0, -0.5]] * 2)), ())
    np.testing.assert_array_equal(documents.length, [[4.0, 100.0, -0.5]] * 2)
    np.testing.assert_array_equal(documents.cluster_id, np.argmax(draw.features, -1))
    assert videos.reveal(documents) is None
    np.testing.assert_array_equal(videos.show(documents, ()).quality, np.ones([2, 3]))
