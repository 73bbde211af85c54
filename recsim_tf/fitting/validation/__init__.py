# SPDX-License-Identifier: Apache-2.0
"""Questions that tell how far to trust a fitted simulator."""

from recsim_tf.fitting.validation.order import shuffle_steps
from recsim_tf.fitting.validation.question import Answer, Question
from recsim_tf.fitting.validation.validation import QUESTIONS, Validation, validate

__all__ = ["QUESTIONS", "Answer", "Question", "Validation", "shuffle_steps", "validate"]
