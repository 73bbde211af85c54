# SPDX-License-Identifier: Apache-2.0
"""Training of a channel's weights on the words of a log, before a fit."""

import gin
import numpy as np

from recsim_tf.conversations.acts import alphabet
from recsim_tf.conversations.types import UNKNOWN, Utterance
from recsim_tf.conversations.users import ConversationUsers
from recsim_tf.core.base.arguments import WholeNumber, configurable
from recsim_tf.core.simulator import Simulator
from recsim_tf.language import Recurrent
from recsim_tf.logs.log import Log


@configurable(module="recsim_tf")
def trained_weights(
    simulator: Simulator = gin.REQUIRED,
    log: Log = gin.REQUIRED,
    max_passes: int = 60,
    seed: WholeNumber = 0,
) -> np.ndarray:
    """The weights of a conversation's channel, a vector, trained on the words of a log by
    `Recurrent.trained`. They model the words of a reply, while a fit models the reply. So a fit
    keeps them fixed:

        weights = trained_weights(simulator, log)
        parameters = {
            "users.channel.weights": Parameter(weights, fixed=True),
            "users.act_effects": Parameter(prior=prior),
        }

    Replies with an unknown symbol and mode are left out. If the mode alone is known, one of its
    symbols is drawn.

    Args:
      simulator: a simulator of `ConversationUsers` with a `Recurrent` channel.
      log: a log of conversations with words.
      max_passes: largest number of passes through the words.
      seed: the seed of drawn symbols, an integer.

    Raises:
      ValueError: for other users, or a log without words of known replies.
    """
    users, response = simulator.users, log.response
    if not isinstance(users, ConversationUsers) or not isinstance(users.channel, Recurrent):
        raise ValueError("simulator must be of ConversationUsers with a Recurrent channel")
    if not isinstance(response, Utterance):
        raise ValueError("log must have words: its response must be an Utterance")
    mode, symbol = (leaf[log.active] for leaf in response.reply)
    replies = alphabet(simulator.slate_size, users.num_attributes)
    generator = np.random.default_rng(seed)
    sizes, offsets = np.array(replies.sizes), np.array(replies.offsets)
    is_mode_alone = (symbol == UNKNOWN) & (mode != UNKNOWN)
    drawn_mode = np.where(is_mode_alone, mode, 0)
    drawn = offsets[drawn_mode] + generator.integers(sizes[drawn_mode])
    is_used = is_mode_alone | (symbol != UNKNOWN)
    symbols = np.where(is_mode_alone, drawn, symbol)[is_used]
    words = response.words[log.active][is_used]
    return users.channel.trained(symbols, words, max_passes=max_passes).weights
