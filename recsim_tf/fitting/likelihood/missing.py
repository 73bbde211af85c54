"""Which initial draws of the users a log lacks."""

from typing import Any, NamedTuple

import tensorflow as tf
from tensorflow_probability import distributions as tfd

from recsim_tf.core import random
from recsim_tf.core.distributions import num_outcomes
from recsim_tf.core.models import UserModel
from recsim_tf.core.nests import fields_of
from recsim_tf.core.types import Nest, Trajectory

_NAMED: Any = random.class_of_family(tfd.JointDistributionNamed)


class Part(NamedTuple):
    """A part of the users' initial draws."""

    field: str | None = None  # of the draws' NamedTuple; None for all of them

    def of(self, initial: Nest) -> Nest:
        """The part of a nest of initial draws."""
        return initial if self.field is None else getattr(initial, self.field)

    def put(self, initial: Nest, values: Nest) -> Nest:
        """The initial draws with these values for the part."""
        return values if self.field is None else initial._replace(**{self.field: values})

    def put_into(self, sessions: Trajectory, values: Nest) -> Trajectory:
        """The sessions with these values for the part."""
        user = self.put(sessions.initial.user, values)
        return sessions._replace(initial=sessions.initial._replace(user=user))

    def prior(self, users: UserModel, num_users: int) -> tfd.Distribution:
        """The users' own distribution of the part."""
        initial = users.initial_draws(num_users)
        return initial if self.field is None else getattr(initial.model, self.field)

    def num_classes(self, users: UserModel, num_users: int) -> int | None:
        """The number of values where the part is one finite draw, such as a type, else None."""
        prior = self.prior(users, num_users)
        leaves = tf.nest.flatten(prior.model) if isinstance(prior, _NAMED) else [prior]
        return num_outcomes(leaves[0]) if len(leaves) == 1 else None


def missing_part(users: UserModel, num_users: int, spec: Nest, initial: Nest) -> Part | None:
    """The part of the initial draws, of TensorSpecs `spec`, that a log lacks; None where it lacks
    none. In what was logged, `initial`, a nest of [S, ...], () stands for it. Raises a ValueError
    if several fields are missing, or one whose distribution depends on others.
    """
    if not tf.nest.flatten(spec):
        return None
    if not tf.nest.flatten(initial):
        return Part()
    if type(initial) is not type(spec) or not fields_of(spec):
        return None
    missing = [
        name
        for name, like, value in zip(spec._fields, spec, initial, strict=True)
        if tf.nest.flatten(like) and not tf.nest.flatten(value)
    ]
    if not missing:
        return None
    distribution = users.initial_draws(num_users)
    is_alone = len(missing) == 1 and isinstance(distribution, _NAMED)
    if not is_alone or not isinstance(getattr(distribution.model, missing[0]), tfd.Distribution):
        raise ValueError(
            f"the log's initial draws must have {', '.join(missing)}: only one field may be"
            " missing, whose distribution depends on no other, or all of them"
        )
    return Part(missing[0])
