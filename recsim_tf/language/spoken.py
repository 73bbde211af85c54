"""Words as draws: of a reply that is known, and of one that is not."""

import tensorflow as tf
import tensorflow_probability as tfp

from recsim_tf.choice import Alternatives
from recsim_tf.core import random
from recsim_tf.core.distributions.base import CustomDistribution
from recsim_tf.language.channel import Channel


class Spoken(CustomDistribution):
    """The words of a reply, whatever its symbol is:

        log p(words) = log of the sum over symbols of p(symbol) * p(words | symbol).

    So logs of raw text are scored and fitted: no one needs to label them.

        Spoken(alternatives, channel).log_prob(words)  # [B]

    Batch shape is that of the symbol; the event is int32 [L].

    Args:
      symbol: the distribution of the symbol.
      channel: puts it into words.

    Raises:
      ValueError: if they differ in their number of symbols.
    """

    def __init__(self, symbol: Alternatives, channel: Channel, name: str = "Spoken"):
        parameters = dict(locals())
        if symbol.alphabet.num_symbols != channel.num_symbols:
            raise ValueError(
                f"channel must have the {symbol.alphabet.num_symbols} symbols of the replies, got"
                f" {channel.num_symbols}"
            )
        self.symbol, self.channel = symbol, channel
        super().__init__(tf.int32, parameters, name)

    def _batch_shape(self):
        return self.symbol.batch_shape

    def _batch_shape_tensor(self):
        return self.symbol.batch_shape_tensor()

    def _event_shape(self):
        return tf.TensorShape([self.channel.max_length])

    def _log_prob(self, value):
        return self.symbol.log_likelihood(self.channel.evidence(value))

    def _sample_n(self, n, seed=None):
        symbol_seed, word_seed = tfp.random.split_seed(seed, 2)
        return self.channel.speak(self.symbol.sample(n, symbol_seed), word_seed)


@random.sample.register
def _(distribution: Spoken, seed):
    symbol_seed, word_seed = random.split_seed(seed, 2)
    return distribution.channel.speak(random.sample(distribution.symbol, symbol_seed), word_seed)
