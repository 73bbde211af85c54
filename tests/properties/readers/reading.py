# SPDX-License-Identifier: Apache-2.0
"""What the properties of readers of logs have in common."""

import math
from collections.abc import Callable
from typing import Any

from hypothesis import given, settings
from hypothesis import strategies as st

from tests.properties.damage import one_line

# Empty cells of a table in memory.
MISSING = (None, math.nan)
NUM_EXAMPLES = 2000 if settings.get_current_profile_name() == "smoke" else 50
SUBJECTS: set[str] = set()


def reads(*readers: Callable, share: float = 1) -> Callable:
    """A decorator: the test is about these readers. One whose examples take long may have a share
    of them.
    """
    num_examples = round(share * NUM_EXAMPLES)
    SUBJECTS.update(reader.__name__ for reader in readers)

    def decorated(test: Callable) -> Callable:
        return settings(max_examples=num_examples)(given(data=st.data())(test))

    return decorated


def read_or_none(read: Callable[[], Any], expected: Any, *names: str) -> Any:
    """What was read. None where the reader refuses, as it must where nothing is expected, in one
    line that a terminal can show and that has one of the names.
    """
    try:
        found = read()
    except (ValueError, FileNotFoundError) as error:
        message = one_line(error)
        assert message.isprintable(), message
        assert any(name in message for name in names), message
        assert expected is None, message
        return None
    assert expected is not None, "a fault was read"
    return found
