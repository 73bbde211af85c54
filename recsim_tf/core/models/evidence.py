"""Work on a response that depends neither on the users' state nor on their parameters, such as
hearing words. It is done once, before many states or values of parameters are weighed by it.
"""

from collections.abc import Collection
from typing import Protocol, runtime_checkable

from recsim_tf.core.base.types import Nest


@runtime_checkable
class PreparingUsers(Protocol):
    """A user model that does such work, beside the methods of `UserModel`."""

    def evidence(self, seen: Nest) -> Nest:
        """What an agent makes of an observed response, a nest of [B, ...], before it asks for the
        `likelihood` of many states. `likelihood` and `recorded_draw` take either.
        """

    def prepared(self, draw: Nest, fitted: Collection[str]) -> Nest:
        """What a fit makes of a logged draw of the response, a nest of [B, ...], before it scores
        the draw under many values of the parameters in `fitted`, by their names in this model. The
        distribution of `response` scores either.
        """


def evidence_of(users: object, seen: Nest) -> Nest:
    """The `evidence` of an observed response; of a model without it, the response itself."""
    return users.evidence(seen) if isinstance(users, PreparingUsers) else seen


def prepared_by(users: object, draw: Nest, fitted: Collection[str]) -> Nest:
    """A draw as `prepared` by a user model; of a model without it, the draw itself."""
    return users.prepared(draw, fitted) if isinstance(users, PreparingUsers) else draw
