# SPDX-License-Identifier: Apache-2.0
import numpy as np
import pytest

import recsim_tf
from recsim_tf import conversations, fitting, logs
from recsim_tf.conversations import ConversationUsers, Mode
from recsim_tf.conversations.logs import trained_weights
from recsim_tf.conversations.types import UNKNOWN, Reply
from recsim_tf.language import Recurrent

NAMES = ("funny", "dark")
GRAMMAR = conversations.conversation_grammar(1, NAMES, slip=0.0)


def talkers(channel):
    users = ConversationUsers(num_attributes=2, channel=channel, are_replies_observed=False)
    return recsim_tf.conversation(users, slate_size=1, num_candidates=5)


@pytest.fixture(scope="module")
def simulator():
    features = conversations.reply_features(1, 2)
    return talkers(Recurrent(GRAMMAR.vocabulary, features, num_units=4))


@pytest.fixture(scope="module")
def log():
    return logs.simulated_log(talkers(GRAMMAR), 200, 3, seed=1)


@pytest.mark.filterwarnings("ignore")  # Keras warns of its own dependencies.
@pytest.mark.slow
def test_a_fit_keeps_trained_weights_and_a_saved_model_has_them(simulator, log, tmp_path):
    weights = trained_weights(simulator, log, max_passes=20)
    parameters = {
        "users.channel.weights": fitting.Parameter(weights, fixed=True),
        "users.critiques.logit": fitting.Parameter(0.0),
    }
    result = fitting.fit(
        simulator, parameters, log, method=fitting.Exact(uncertainty=fitting.Curvature())
    )
    kept, critiquing = (result.estimates[name] for name in parameters)
    np.testing.assert_array_equal(kept.value, weights)
    assert np.isnan(kept.standard_error).all()
    assert abs(critiquing.value + 1) < 4 * critiquing.standard_error
    fitting.save_model(tmp_path / "model", result)
    loaded = fitting.load_model(tmp_path / "model").simulator
    np.testing.assert_array_equal(loaded.users.channel.weights, weights)


@pytest.mark.slow
def test_replies_that_a_log_does_not_know_are_left_out_and_modes_are_enough(simulator, log):
    unknown = np.full_like(log.response.reply.symbol, UNKNOWN)
    by_mode = log.response._replace(reply=Reply(log.response.reply.mode, unknown))
    assert trained_weights(simulator, log._replace(response=by_mode), 1).ndim == 1
    in_words_alone = log.response._replace(reply=Reply(unknown, unknown))
    with pytest.raises(ValueError, match="symbols must be one for each of two texts or more"):
        trained_weights(simulator, log._replace(response=in_words_alone))
    with pytest.raises(ValueError, match="ConversationUsers with a Recurrent channel"):
        trained_weights(talkers(GRAMMAR), log)


def test_features_tell_all_replies_apart_or_modes_alone():
    features = conversations.reply_features(2, 3)
    replies = conversations.described_replies(2, ("a", "b", "c"))
    assert features.shape == (len(replies), len(Mode) + 3 + 1 + 3)
    assert len(np.unique(features, axis=0)) == len(replies)
    assert len(np.unique(conversations.reply_features(2, 3, ()), axis=0)) == len(Mode)
    with pytest.raises(ValueError, match=r"modes must be some of nothing, choose, .*, got 'talk'"):
        conversations.reply_features(2, 3, ("talk",))
