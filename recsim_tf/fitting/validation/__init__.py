"""How far to trust a fitted simulator."""

from recsim_tf.fitting.validation.order import shuffle_steps
from recsim_tf.fitting.validation.validation import Validation, validate

__all__ = ["Validation", "shuffle_steps", "validate"]
