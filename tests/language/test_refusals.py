# SPDX-License-Identifier: Apache-2.0
"""What a language refuses: words, phrases, networks and callables that are none."""

import numpy as np
import pytest
import tensorflow as tf

from recsim_tf.language import Grammar, Recurrent, Vocabulary
from tests.refusals import assert_refused

NO = Vocabulary(["no"], 2)
EYE = np.eye(2, dtype=np.float32)


def recurrent(**arguments):
    return Recurrent(NO, **({"features": EYE, "num_units": 2} | arguments))


REFUSALS = [
    (lambda: Grammar.of_phrases({0: ["no"], 2: ["yes"]}), "for each symbol 0, 1, "),
    (lambda: Grammar.of_phrases({0: []}), "phrases must have a list of phrases"),
    (lambda: Grammar.of_phrases({}), "phrases must have a list of phrases .* symbols none"),
    (
        lambda: Grammar(NO, 2, [[0.0], [-np.inf]]),
        r"template_logits must have a number above -inf in each row, got none in row \[1\]",
    ),
    (
        lambda: Grammar(NO, 1, [[0.0]], [[[[-np.inf] * 3]]]),
        r"word_logits must have a number above -inf in each row, got none in row \[0, 0, 0\]",
    ),
    (
        lambda: Grammar(NO, 1, [[0.0]], [[[[0.0, 0.0]]]]),
        r"word_logits must have shape \[1, 1, 2, 3\], got \(1, 1, 1, 2\)",
    ),
    (lambda: recurrent(features=[1.0, 2.0]), r"features must be numbers of shape \[R, F\]"),
    (lambda: recurrent(weights=[1.0]), "weights must be .* numbers, got shape"),
    (lambda: recurrent(weights=tf.Variable([1.0])), "`fit` cannot train a network"),
    (
        lambda: Vocabulary(["yes", "No"], 3),
        r"words\[1\] must be one word in lower case without punctuation, got 'No'",
    ),
    (lambda: Vocabulary(["yes", "no", "yes"], 3), "words must differ, got 'yes' twice"),
    (
        lambda: Vocabulary.of_texts(["yes", "no"], 3, min_uses=2),
        "texts must use a word min_uses=2 times, got none",
    ),
]


@pytest.mark.parametrize(("call", "message"), REFUSALS)
def test_what_is_no_language_is_said_in_one_line(call, message):
    assert_refused(call, message)
