# SPDX-License-Identifier: Apache-2.0
"""A recurrent network that puts replies into words."""

import contextlib
import functools
import logging
from collections.abc import Iterator, Sequence
from typing import Annotated, Any, Self

import numpy as np
import tensorflow as tf

from recsim_tf.core import random
from recsim_tf.core.base.arguments import (
    Count,
    Positive,
    WholeNumber,
    checked,
    configurable,
)
from recsim_tf.core.base.parameters import parameter
from recsim_tf.core.base.ranges import Range, known_numbers
from recsim_tf.language.channel import VocabularyChannel


@configurable
class Recurrent(VocabularyChannel):
    """A gated recurrent unit (Cho et al. 2014, arXiv 1406.1078) that draws word after word, given
    the features of the symbol. Word 0 ends the text.

    The probability of a text is exact: the product of the probabilities of its words. Evidence
    takes a pass through the network for each distinct row of features. `trained` learns from texts
    with known symbols:

        channel = Recurrent(vocabulary, features).trained(symbols, vocabulary.ids(texts))

    Args:
      vocabulary: a vocabulary with V words, and texts of L words.
      features: features of the symbols, [R, F], such as the mode and the attribute of a symbol.
        Symbols with common features, such as the attribute, have common words.
      num_units: number of units of the recurrent layer, and size of the embedding of words.
      weights: weights of all layers as a vector; None draws those of an untrained network with
        `seed`.
      seed: the seed of untrained weights, an integer.

    Raises:
      ValueError: for features or weights that are not numbers, or another number of weights. `fit`
        cannot train a network; give it fixed weights from `conversations.logs.trained_weights`.
    """

    features: Any
    num_units: Count = 64
    weights: Any = parameter(rank=1, drawn=lambda channel: channel._untrained().weights())
    seed: WholeNumber = 0

    def check(self):
        super().check()
        features = known_numbers("features", self.features)
        if features is None or features.ndim != 2:
            raise ValueError("features must be numbers of shape [R, F]")
        if known_numbers("weights", self.weights) is None:
            raise ValueError("weights must be numbers: `fit` cannot train a network")
        # The number is checked before the layers are made, since these may be large.
        num_weights = _num_weights(self.num_words, features.shape[1], self.num_units)
        if np.shape(self.weights) != (num_weights,):
            shape = np.shape(self.weights)
            raise ValueError(f"weights must be {num_weights:,} numbers, got shape {list(shape)}")

    @functools.cached_property
    def _rows(self) -> tuple[np.ndarray, np.ndarray]:
        """The distinct rows of features, [D, F], and the row int32 [R] of each symbol."""
        features = np.asarray(self.features, self.dtype.as_numpy_dtype)
        different, row = np.unique(features, axis=0, return_inverse=True)
        return different, row.reshape([-1]).astype(np.int32)

    @functools.cached_property
    def _network(self) -> "_Network":
        network = self._untrained()
        with tf.init_scope():
            network.assign(np.asarray(self.weights))
        return network

    def _untrained(self) -> "_Network":
        num_features = np.shape(self.features)[1]
        with tf.init_scope():
            return _Network(self.num_words, num_features, self.num_units, self.dtype, self.seed)

    @checked
    def trained(
        self,
        symbols: Sequence[int] | np.ndarray,
        words: np.ndarray | tf.Tensor,
        max_passes: Count = 60,
        learning_rate: Positive = 3e-3,
        dropout: Annotated[float, Range(low=0, below=1)] = 0.4,
    ) -> Self:
        """The channel, trained on words with known symbols.

        It is trained by Adam in batches of 32 texts. The training stops when the words of a
        held-out tenth of the texts have not become more probable for five passes.

        Args:
          symbols: int [S], in [0, R).
          words: int32 [S, L].
          max_passes: largest number of passes through the texts.
          learning_rate: learning rate of Adam; positive.
          dropout: share of the inputs of the layers that a step leaves out, in [0, 1).

        Raises:
          ValueError: for symbols out of range, fewer than two texts, or an argument out of range.
        """
        numbers, words = np.asarray(symbols), np.asarray(words)
        if numbers.shape != (len(words),) or len(words) < 2:
            raise ValueError(f"symbols must be one for each of two texts or more, got {len(words)}")
        if numbers.min() < 0 or numbers.max() >= self.num_symbols:
            raise ValueError(f"symbols must be in [0, {self.num_symbols})")
        different, row_of_symbol = self._rows
        inputs = (different[row_of_symbol[numbers]], words)
        order = np.random.default_rng(self.seed).permutation(len(words))
        count = min(max(round(0.1 * len(words)), 1), len(words) - 1)
        kept, train = order[:count], order[count:]
        network = self._untrained()
        model = network.trainable(self.max_length, dropout)
        model.compile(
            tf.keras.optimizers.Adam(learning_rate),
            tf.keras.losses.SparseCategoricalCrossentropy(from_logits=True),
            weighted_metrics=[],
        )

        def examples(rows: np.ndarray):
            taken = tuple(array[rows] for array in inputs)
            return tf.data.Dataset.from_tensor_slices((taken, words[rows], _counts(words[rows])))

        stop = tf.keras.callbacks.EarlyStopping(patience=5, restore_best_weights=True)
        with _without_warnings():
            model.fit(
                examples(train).shuffle(len(train), seed=self.seed).batch(32),
                validation_data=examples(kept).batch(32),
                epochs=max_passes,
                callbacks=[stop],
                verbose=0,
            )
        return self.replaced(weights=network.weights())

    @property
    def num_symbols(self):
        return len(self.features)

    def speak(self, symbol: tf.Tensor, seed: random.Seed):
        different, row_of_symbol = self._rows
        features = tf.gather(different, tf.gather(row_of_symbol, symbol))
        begin = (
            tf.zeros_like(symbol),
            tf.zeros_like(symbol, tf.bool),
            self._network.begin(features),
        )
        u = random.uniform([*symbol.shape, self.max_length], seed, self.dtype)

        def next_word(carried, u):
            word, ended, state = carried
            logits, state = self._network.step(word, features, state)
            drawn = random.categorical_from_uniform(u, tf.nn.softmax(logits))
            word = tf.where(ended, 0, drawn)
            return word, ended | (word == 0), state

        words, _, _ = tf.scan(next_word, tf.einsum("...l->l...", u), begin)
        return tf.einsum("l...->...l", words)

    def evidence(self, words: tf.Tensor):
        flat = tf.reshape(words, [-1, self.max_length])
        num_texts = flat.shape[0] or tf.shape(flat)[0]
        different, row_of_symbol = self._rows
        num_rows = len(different)
        features = tf.tile(different, [num_texts, 1])
        log_probs = self._network.log_probs(features, tf.repeat(flat, num_rows, axis=0))
        by_symbol = tf.gather(tf.reshape(log_probs, [-1, num_rows]), row_of_symbol, axis=-1)
        return tf.reshape(by_symbol, tf.concat([tf.shape(words)[:-1], [self.num_symbols]], axis=0))


class _Network:
    """The layers: an embedding of words, a recurrent layer, and logits of the next word."""

    def __init__(
        self, num_words: int, num_features: int, num_units: int, dtype: tf.DType, seed: int
    ):
        layers = tf.keras.layers

        def initializer(number: int):
            return tf.keras.initializers.GlorotUniform(seed=10 * seed + number)

        self._embed = layers.Embedding(
            num_words, num_units, embeddings_initializer=initializer(0), dtype=dtype
        )
        # The layer from features [N, F] to the state [N, U] before the first word.
        self.begin = layers.Dense(num_units, "tanh", kernel_initializer=initializer(1), dtype=dtype)
        self._cell = layers.GRUCell(
            num_units,
            kernel_initializer=initializer(2),
            recurrent_initializer=tf.keras.initializers.Orthogonal(seed=10 * seed + 3),
            dtype=dtype,
        )
        self._logits = layers.Dense(num_words, kernel_initializer=initializer(4), dtype=dtype)
        self._layers = (self._embed, self.begin, self._cell, self._logits)
        features = tf.zeros([1, num_features], dtype)
        self.step(tf.zeros([1], tf.int32), features, self.begin(features))

    def step(
        self, word: tf.Tensor, features: tf.Tensor, state: tf.Tensor
    ) -> tuple[tf.Tensor, tf.Tensor]:
        """Logits [N, V] of the next word and the next state, after words int32 [N]."""
        inputs = tf.concat([self._embed(word), features], axis=-1)
        output, state = self._cell(inputs, state)
        return self._logits(output), state

    def log_probs(self, features: tf.Tensor, words: tf.Tensor) -> tf.Tensor:
        """The log-probabilities of texts int32 [N, L], given features [N, F], [N]."""
        before = tf.zeros_like(words[:, 0])
        begin = (before, tf.zeros_like(before, tf.bool), tf.zeros_like(features[:, 0]))

        def add_word(carried, word):
            before, ended, total, state = carried
            logits, state = self.step(before, features, state)
            log_prob = -tf.nn.sparse_softmax_cross_entropy_with_logits(word, logits)
            # Only padding follows the end of a text.
            after = tf.where(word == 0, tf.zeros([], total.dtype), -float("inf"))
            total += tf.where(ended, after, log_prob)
            return word, ended | (word == 0), total, state

        _, _, total, _ = tf.foldl(add_word, tf.transpose(words), (*begin, self.begin(features)))
        return total

    def trainable(self, max_length: int, dropout: float) -> tf.keras.Model:
        """The layers as a model of features and texts, with logits of every word, [N, L, V]."""
        layers, dtype = tf.keras.layers, self._embed.dtype
        drop = [layers.Dropout(dropout, seed=number, dtype=dtype) for number in range(2)]
        features = tf.keras.Input([self.begin.kernel.shape[0]], dtype=dtype)
        words = tf.keras.Input([max_length], dtype=tf.int32)
        before = layers.Lambda(lambda words: tf.pad(words[:, :-1], [[0, 0], [1, 0]]))(words)
        repeated = layers.RepeatVector(max_length, dtype=dtype)(features)
        inputs = layers.Concatenate(dtype=dtype)([drop[0](self._embed(before)), repeated])
        recurrent = layers.RNN(self._cell, return_sequences=True, unroll=True, dtype=dtype)
        outputs = recurrent(inputs, initial_state=self.begin(features))
        return tf.keras.Model([features, words], self._logits(drop[1](outputs)))

    def weights(self) -> np.ndarray:
        """All weights as a vector."""
        return np.concatenate(
            [each.ravel() for layer in self._layers for each in layer.get_weights()]
        )

    def assign(self, vector: np.ndarray) -> None:
        """Sets all weights from a vector."""
        shapes = [[weight.shape for weight in layer.get_weights()] for layer in self._layers]
        sizes = [np.prod(shape, dtype=int) for layer_shapes in shapes for shape in layer_shapes]
        parts = iter(np.split(vector, np.cumsum(sizes)[:-1]))
        for layer, layer_shapes in zip(self._layers, shapes, strict=True):
            layer.set_weights([next(parts).reshape(shape) for shape in layer_shapes])


def _num_weights(num_words: int, num_features: int, num_units: int) -> int:
    """The number of weights of the layers of a `_Network`."""
    embedding = num_words * num_units
    begin = (num_features + 1) * num_units
    # Three gates, each with the weights of inputs, of the state, and two biases.
    cell = 3 * num_units * (num_units + num_features + num_units + 2)
    return embedding + begin + cell + (num_units + 1) * num_words


@contextlib.contextmanager
def _without_warnings() -> Iterator[None]:
    """A context without TensorFlow's warnings, which AutoGraph gives in Python 3.13."""
    logger = logging.getLogger("tensorflow")
    level = logger.level
    logger.setLevel(logging.ERROR)
    try:
        yield
    finally:
        logger.setLevel(level)


def _counts(words: np.ndarray) -> np.ndarray:
    """A mask of the words of texts including the word that ends them, [N, L]: 1 or 0."""
    ended = np.cumsum(words == 0, axis=1)
    return ((words > 0) | (ended == 1)).astype(np.float32)
