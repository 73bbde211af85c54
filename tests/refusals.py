"""Tables of refusals: calls, and the one line that each is refused with."""

import re
from collections.abc import Callable

import pytest


def assert_refused(call: Callable, message: str) -> None:
    """Requires a `ValueError` of one line that matches; gin may add where it called."""
    with pytest.raises(ValueError, match=message) as error:
        call()
    line, *others = str(error.value).splitlines()
    assert re.search(message, line)
    assert all("In call to configurable" in other for other in others)
