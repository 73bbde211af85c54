"""Latent classes of users: finite initial draws that the log lacks, which are summed out
exactly.
"""

from typing import Any, NamedTuple

import tensorflow as tf
from tensorflow_probability import distributions as tfd

from recsim_tf.core import random
from recsim_tf.core.distributions import num_outcomes
from recsim_tf.core.models import UserModel
from recsim_tf.core.types import Nest

_NAMED: Any = random.class_of_family(tfd.JointDistributionNamed)


class LatentClass(NamedTuple):
    """A finite part of the initial draws."""

    field: str | None  # of the draws' NamedTuple, None where they are the class alone
    num_classes: int  # C
    only_field_of: type | None = None  # the NamedTuple that has no other field

    def put(self, initial: Nest, values) -> Nest:
        """The initial draws with values [B] for the class."""
        if self.field is None:
            return values
        if self.only_field_of is not None:
            return self.only_field_of(values)
        return initial._replace(**{self.field: values})


def find_latent_class(users: UserModel, initial: Nest, num_users: int) -> LatentClass | None:
    """The class that logged initial draws lack, or None if they lack none. Users draw a class
    alone, or a `tfd.JointDistributionNamed` of a NamedTuple that has the class as a field. In the
    log () stands for it. Raises a ValueError if something else is missing.
    """
    distribution = users.initial_draws(num_users)
    if not tf.nest.flatten(initial):
        field = only_field_of = None
        if isinstance(distribution, _NAMED) and len(distribution.model) == 1:
            model: Any = distribution.model
            if hasattr(model, "_fields") and isinstance(model[0], tfd.Distribution):
                (field,), only_field_of, (distribution,) = model._fields, type(model), model
        count = num_outcomes(distribution)
        return None if count is None else LatentClass(field, count, only_field_of)
    if not isinstance(distribution, _NAMED) or type(initial) is not type(distribution.model):
        return None
    names = distribution.model._fields
    fields = zip(names, initial, distribution.model, distribution.event_shape, strict=True)
    missing = {
        name: part
        for name, value, part, shape in fields
        if tf.nest.flatten(shape) and not tf.nest.flatten(value)
    }
    if not missing:
        return None
    (name, part), *others = missing.items()
    count = num_outcomes(part) if isinstance(part, tfd.Distribution) else None
    if others or count is None:
        raise ValueError(
            f"the log's initial draws must have {', '.join(missing)}: only one field may be"
            " missing, of a finite distribution"
        )
    return LatentClass(name, count)
