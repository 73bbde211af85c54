# SPDX-License-Identifier: Apache-2.0
"""Keys of traces, by which a traced function may be kept for the next call."""

from collections.abc import Hashable
from typing import Any, Protocol, runtime_checkable

from recsim_tf.core.base.parameters import Model


@runtime_checkable
class Traceable(Protocol):
    """A function, such as a policy, that declares everything that its traces depend on.

    Models are such functions, because their fields say it. Another class declares it by the method
    below, and then must not depend on anything that the key leaves out.
    """

    def trace_key(self) -> Hashable | None:
        """A key that changes with everything that a trace of the function depends on, apart from
        the values of variables; None where that is unknown.
        """


def joint_key(*parts: Any) -> tuple | None:
    """The key of a function that depends on these parts, which are models or `Traceable`. It is
    None if the key of a part is unknown.
    """
    keys = tuple(map(_key, parts))
    return None if any(key is None for key in keys) else keys


def _key(part: Any) -> Hashable | None:
    if isinstance(part, Model):
        return part.trace_key(with_tensors=True)
    return part.trace_key() if isinstance(part, Traceable) else None
