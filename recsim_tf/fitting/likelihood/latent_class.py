"""Latent classes of users: finite initial draws that the log lacks, which are summed out
exactly.
"""

from typing import NamedTuple

import numpy as np
import tensorflow as tf
from tensorflow_probability import distributions as tfd

from recsim_tf.core.distributions import num_outcomes
from recsim_tf.core.models import UserModel
from recsim_tf.core.types import Nest


class LatentClass(NamedTuple):
    """A finite part of the initial draws."""

    field: str | None  # of the draws' NamedTuple, None where they are the class alone
    num_classes: int

    def put(self, initial: Nest, values) -> Nest:
        """The initial draws with values [B] for the class."""
        return values if self.field is None else initial._replace(**{self.field: values})


def find_latent_class(users: UserModel, initial: Nest) -> LatentClass | None:
    """The class that logged initial draws lack, or None if there is no such thing.

    Args:
      users: draw a class alone, or with other things in a `tfd.JointDistributionNamed`.
      initial: of the log; () stands for the class.

    Raises:
      ValueError: for another field that is missing, or more than one.
    """
    distribution = users.initial_draws(1)
    if isinstance(initial, tuple) and initial == ():
        count = num_outcomes(distribution)
        return None if count is None else LatentClass(None, count)
    missing = [
        name
        for name in getattr(initial, "_fields", ())
        if isinstance(getattr(initial, name), tuple)
    ]
    drawn = [
        name for name in missing if tf.nest.flatten(getattr(distribution.event_shape, name, ()))
    ]
    if not drawn:
        return None
    part = (
        getattr(distribution.model, drawn[0])
        if isinstance(distribution, tfd.JointDistributionNamed)
        else None
    )
    count = num_outcomes(part) if isinstance(part, tfd.Distribution) else None
    if len(drawn) > 1 or count is None:
        raise ValueError(
            f"the log's initial draws must have {', '.join(drawn)}: only one field may be missing,"
            " of a finite distribution"
        )
    return LatentClass(drawn[0], count)


def placeholder(num_sessions: int) -> np.ndarray:
    """int32 [S], which stands for the class until it is summed out."""
    return np.zeros(num_sessions, np.int32)
