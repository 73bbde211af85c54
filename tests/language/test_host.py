# SPDX-License-Identifier: Apache-2.0
import numpy as np
import pytest
import tensorflow as tf

import recsim_tf
from recsim_tf import conversations
from recsim_tf.conversations import elicitation
from recsim_tf.core.runs.execution import compiled
from recsim_tf.language import HostLanguageModel
from tests.refusals import assert_refused

NAMES = ("funny", "dark")


class ToyModel:
    """Says what a reply is, and understands it."""

    def __init__(self):
        self.heard = []

    def verbalise(self, reply):
        return "é " + ", ".join(f"{name}: {value}" for name, value in reply.items())

    def score(self, text, replies):
        self.heard.append(text)
        return [0.0 if self.verbalise(reply) == text else -9.0 for reply in replies]


def channel(model, **changes):
    arguments = {"verbalise": model.verbalise, "score": model.score} | changes
    return HostLanguageModel(
        replies=conversations.described_replies(2, NAMES), max_length=60, **arguments
    )


def simulator(model):
    users = conversations.ConversationUsers(
        num_attributes=2, channel=channel(model), are_replies_observed=False
    )
    return recsim_tf.conversation(users, slate_size=2, num_candidates=10)


@pytest.mark.slow
def test_a_toy_model_drives_a_conversation_in_graph_mode():
    model = ToyModel()
    shop = simulator(model)
    policy = elicitation.RecommendSet(shop)
    rollout = compiled(lambda seed: shop.rollout(policy, 3, 3, seed=seed))
    response = rollout(tf.constant([0, 1])).transitions.response
    replies = shop.users.channel.replies
    for words, symbol in zip(
        shop.users.channel.text(response.words.numpy()).ravel(),
        response.symbol.numpy().ravel(),
        strict=True,
    ):
        assert words == model.verbalise(replies[symbol])
    # Each user is heard once after each turn, not once for each particle.
    assert len(model.heard) <= 3 * 3
    assert set(model.heard) <= {model.verbalise(reply) for reply in replies}


def test_xla_refuses_it_in_a_line():
    shop = simulator(ToyModel())
    policy = elicitation.RecommendSet(shop)
    rollout = compiled(lambda seed: shop.rollout(policy, 3, 4, seed=seed), jit_compile=True)
    message = "runs in Python and cannot be compiled by XLA"
    assert_refused(lambda: rollout(tf.constant([0, 1])), message)


def test_silence_tells_nothing():
    words = tf.zeros([2, 60], tf.int32)
    np.testing.assert_array_equal(channel(ToyModel()).evidence(words), np.zeros([2, 21]))


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"verbalise": lambda reply: 3}, "verbalise must return a string, got 3"),
        ({"score": lambda text, replies: [np.nan] * 21}, "score must return 21 numbers"),
    ],
)
def test_callables_that_return_something_else(changes, message):
    host = channel(ToyModel(), **changes)
    with pytest.raises((ValueError, tf.errors.InvalidArgumentError), match=message):
        host.evidence(host.speak(tf.constant([1]), 0))
