# SPDX-License-Identifier: Apache-2.0
"""Tables of refusals: calls, and the one line that each is refused with."""

from collections.abc import Callable

import pytest


def assert_refused(call: Callable, message: str) -> None:
    """Requires a `ValueError` of one line that matches."""
    with pytest.raises(ValueError, match=message) as error:
        call()
    assert "\n" not in str(error.value)
