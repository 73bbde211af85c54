"""What the properties of readers of logs have in common."""

import csv
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


def damaged_table(draw, header: list[str], rows: list[list[str]], cells: dict[str, tuple]):
    """A header and rows, in which some cells are others, by their column, or of another shape."""
    header, rows = list(header), [list(row) for row in rows]
    kind = draw(st.sampled_from(("cells", "cells", "cells", "none", "order", "shape")))
    for _ in range(draw(st.integers(1, 2)) if kind == "cells" else 0):
        column = draw(st.sampled_from(sorted(cells)))
        row = draw(st.sampled_from(rows))
        row[header.index(column)] = draw(st.sampled_from(cells[column]))
    if kind == "order":
        rows = draw(st.permutations(rows))
        order = draw(st.permutations(range(len(header))))
        header, rows = [header[i] for i in order], [[row[i] for i in order] for row in rows]
    if kind == "shape":
        change = draw(st.sampled_from(("no rows", "short", "long", "renamed", "twice", "more")))
        column = draw(st.integers(0, len(header) - 1))
        if change == "no rows":
            rows = []
        elif change == "short":
            draw(st.sampled_from(rows)).pop()
        elif change == "long":
            draw(st.sampled_from(rows)).append("1")
        elif change == "renamed":
            header[column] = "x\x1b[2J"
        else:
            header.append(header[column] if change == "twice" else "more")
            rows = [[*row, "1"] for row in rows]
    return header, rows


def written(path, header: list[str], rows: list[list[str]], **options):
    with path.open("w", newline="", encoding="utf-8", errors="surrogatepass") as file:
        csv.writer(file, **options).writerows([header, *rows])
