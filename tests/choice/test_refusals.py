# SPDX-License-Identifier: Apache-2.0
"""What a choice model refuses, with and without `validate`."""

import numpy as np
import pytest
import tensorflow as tf

from recsim_tf import choice
from recsim_tf.choice import MultipleClickCascade, PlackettLuce
from tests.refusals import assert_refused

LOGIT, CASCADE = choice.MultinomialLogit(), MultipleClickCascade()
SCORES = tf.zeros([1, 3])


def logit(no_click_mass=-np.inf):
    return choice.MultinomialLogit(no_click_mass, validate=True)


def proportional(no_click_mass=1.0):
    return choice.MultinomialProportional(-1.0, no_click_mass, validate=True)


def one_click(scaling=0.5):
    return choice.ProportionalCascade(min_normalizer=-1.0, score_scaling=scaling, validate=True)


REFUSALS = [
    (lambda: LOGIT(tf.constant([[1, 2]])), "scores must be a float tensor"),
    (lambda: LOGIT(tf.constant(1.0)), "scores must be a float tensor"),
    (lambda: LOGIT(SCORES, [[1, 1, 0]]), "mask must be bool"),
    (lambda: LOGIT(SCORES, [[True, True]]), "mask must be bool"),
    (lambda: LOGIT(SCORES, True), r"mask must be bool \(1, 3\), got bool \(\)"),
    (
        lambda: LOGIT(tf.zeros([4, 3]), [[True] * 3] * 2),
        r"mask must be bool \(4, 3\), got bool \(2, 3\)",
    ),
    (lambda: proportional()(SCORES - 2), "a proportional weight is negative"),
    (lambda: proportional(tf.Variable(-2.0))(SCORES), "no_click_mass must be at least min_norma"),
    (lambda: proportional(-1.0)(SCORES - 1), "some outcome must be possible"),
    (lambda: logit()(SCORES + np.inf), "scores must be finite"),
    (lambda: logit(tf.Variable(np.nan))(SCORES), "no_click_mass must be finite or -inf"),
    (lambda: logit()(SCORES, [[False] * 3]), "some outcome must be possible"),
    (lambda: one_click()(SCORES - 1.5), "a cascade probability is negative"),
    (lambda: one_click()(SCORES + 1.5), "a cascade probability is above 1"),
    (lambda: one_click(tf.Variable(-0.5))(SCORES), "score_scaling must be at least 0"),
    (lambda: PlackettLuce(4)(SCORES), "num_choices must be at most the slate size 3, got 4"),
    (lambda: PlackettLuce(2, validate=True)(SCORES * np.nan), "scores must be finite"),
    (
        lambda: CASCADE(SCORES, None, tf.zeros([1, 4])),
        "purchase_scores must have the shape of scores",
    ),
    (lambda: CASCADE(tf.constant([[1, 2]])), "scores must be a float tensor"),
    (lambda: CASCADE(SCORES, [[1, 1, 0]]), "mask must be bool"),
    (
        lambda: MultipleClickCascade(tf.Variable(1.5), validate=True)(SCORES),
        r"continue_after_no_click must be in \[0, 1\]",
    ),
    (
        lambda: MultipleClickCascade(validate=True)(SCORES, None, SCORES * np.nan),
        "^purchase_scores must be finite$",
    ),
    (
        lambda: choice.PositionBased([0.5, 0.5])(SCORES),
        r"examination must have shape \[slate_size=3\], or one for each user, got \(2,\)",
    ),
    (
        lambda: choice.UserBrowsing([0.5, 0.5, 0.5])(SCORES),
        r"examination must have shape \[slate_size=3, last=3\], or one for each user, got \(3,\)",
    ),
    (lambda: choice.UserBrowsing(1.5), r"examination must be in \[0, 1\], got 1.5"),
    (
        lambda: choice.DependentClicks([0.5] * 4)(SCORES),
        r"continue_after_click must have shape \[slate_size=3\], or one for each user, got \(4,\)",
    ),
    (lambda: choice.ClickChain([0.5, 0.5]), r"tau must have shape \[tau=3\]"),
    (
        lambda: choice.DynamicBayesian()(SCORES),
        "satisfaction must be given for the click model DynamicBayesian",
    ),
    (
        lambda: choice.IndependentClicks()(SCORES, None, SCORES),
        "satisfaction must be None for the click model IndependentClicks",
    ),
    (
        lambda: choice.DynamicBayesian()(SCORES, None, SCORES[:, :2]),
        r"satisfaction must have the shape of scores, \(1, 3\), got \(1, 2\)",
    ),
    (
        lambda: choice.DynamicBayesian(tf.Variable(-0.5), validate=True)(SCORES, None, SCORES),
        r"gamma must be in \[0, 1\]",
    ),
    (
        lambda: choice.DynamicBayesian(validate=True)(SCORES, None, SCORES * np.nan),
        "^satisfaction must be finite$",
    ),
    (
        lambda: choice.Alternatives(tf.zeros([2, 2]), [tf.zeros([1])]),
        "branches must be one for each of the 2 mode_logits, got 1",
    ),
    (
        lambda: choice.Alternatives(tf.zeros([2, 1]), [tf.constant(0.0)]),
        r"branches\[0\] must be a float tensor \[..., K\], got float32 \(\)",
    ),
    (
        lambda: choice.Alternatives(tf.zeros([2, 1]), [tf.zeros([2, 1], tf.float64)]),
        r"branches\[0\] must have the dtype of mode_logits, float32, got float64",
    ),
    (lambda: choice.Alphabet([]), "sizes must have one number for each mode"),
]


@pytest.mark.parametrize(("call", "message"), REFUSALS)
def test_what_is_no_choice_is_said_in_one_line(call, message):
    assert_refused(call, message)
