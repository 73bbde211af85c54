import tensorflow as tf

from recsim_tf.policies import greedy_slate


def test_greedy_slates_are_in_the_order_of_selection():
    # Alone the candidates are worth 1/3, 0.9/2.1, 2.5/7 and 1/2, so 3 is first; with it (2 + 1) /
    # 5, (2 + 0.9) / 4.1 and (2 + 2.5) / 9.
    weights, advantages = tf.constant([[1.0, 0.1, 5.0, 2.0]]), tf.constant([[1.0, 9.0, 0.5, 1.0]])
    assert greedy_slate(weights, tf.constant([2.0]), advantages, 2).numpy().tolist() == [[3, 1]]
