import numpy as np

from recsim_tf.language import Recurrent, Vocabulary

VOCABULARY = Vocabulary(["no", "yes", "really"], max_length=2)
FEATURES = np.eye(2, dtype=np.float32)


def test_a_trained_channel_tells_its_symbols_apart_and_comes_back_from_its_weights():
    texts = ["no", "no really", "yes", "yes really"] * 20
    channel = Recurrent(VOCABULARY, FEATURES, num_units=8).trained(
        [0, 0, 1, 1] * 20, VOCABULARY.ids(texts), learning_rate=0.02, dropout=0.0
    )
    words = VOCABULARY.ids(["no", "yes really"])
    evidence = channel.evidence(words).numpy()
    assert evidence[0, 0] > evidence[0, 1] + 1
    assert evidence[1, 1] > evidence[1, 0] + 1
    again = Recurrent(VOCABULARY, FEATURES, num_units=8, weights=channel.weights)
    np.testing.assert_array_equal(again.evidence(words), evidence)
    assert list(channel.parameters()) == ["weights"]
