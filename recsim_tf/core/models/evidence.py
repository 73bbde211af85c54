# SPDX-License-Identifier: Apache-2.0
"""Preparation of a response that depends neither on user states nor on their parameters, such as
parsing words. It is done once, before the response weighs many states or values of parameters.
"""

from collections.abc import Collection
from typing import Protocol, runtime_checkable

from recsim_tf.core.base.types import Nest


@runtime_checkable
class PreparingUsers(Protocol):
    """A user model that prepares responses, beside the methods of `UserModel`."""

    def evidence(self, seen: Nest) -> Nest:
        """Prepares an observed response, a nest of [B, ...], before an agent asks for the
        `likelihood` of many states. `likelihood` and `recorded_draw` take both forms.
        """

    def prepared(self, draw: Nest, fitted: Collection[str]) -> Nest:
        """Prepares a logged draw of the response, a nest of [B, ...], before a fit scores it under
        many values of the parameters in `fitted`, which are names of this model. The distribution
        of `response` scores the draw in either form.
        """


def evidence_of(users: object, seen: Nest) -> Nest:
    """The `evidence` of an observed response. A model without it gives the response itself."""
    return users.evidence(seen) if isinstance(users, PreparingUsers) else seen


def prepared_by(users: object, draw: Nest, fitted: Collection[str]) -> Nest:
    """A draw as `prepared` by a user model. A model without it gives the draw itself."""
    return users.prepared(draw, fitted) if isinstance(users, PreparingUsers) else draw
