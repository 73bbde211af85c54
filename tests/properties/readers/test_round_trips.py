# SPDX-License-Identifier: Apache-2.0
"""Logs are written as tables and read again, in memory and through files."""

from typing import Any

import numpy as np
import pandas as pd
import pytest
import tensorflow as tf
from hypothesis import strategies as st

from recsim_tf.logs import Log, candidates_table, from_table, to_table
from tests.properties.readers.impressions import (
    CELLS,
    OFFERED,
    SLATES,
    arguments_of,
    damaged,
    roles_of,
    table_of,
)
from tests.properties.readers.reading import reads

# Texts that a file of separated values may take for something else.
TEXTS = ("007", "1e3", "NA", "null", 'say "hi", he', "two\nlines", "two\r\nlines", " b ", "'", "d0")
NUMBERS = (0.1, -3.0, 1e-30, 123456789.0, 1 / 3, 2.0**40)


def renamed(draw, rows: list[dict], *names: str) -> list[dict]:
    """The rows with other texts in the place of those in some columns."""
    for name in names:
        cells = list(dict.fromkeys(row[name] for row in rows))
        texts = draw(st.lists(st.sampled_from(TEXTS), min_size=len(cells), max_size=len(cells)))
        places = dict(zip(cells, texts, strict=True))
        rows = [row | {name: places[row[name]]} for row in rows]
    return rows


def with_numbers(draw, rows: list[dict]) -> list[dict]:
    """The rows with another number in one cell."""
    name = draw(st.sampled_from(("engagement", "reward", "quality")))
    place, value = draw(st.integers(0, len(rows) - 1)), draw(st.sampled_from(NUMBERS))
    return [row | {name: value} if each == place else row for each, row in enumerate(rows)]


@pytest.mark.slow
@reads(to_table, candidates_table)
def test_logs_come_back_from_the_tables_that_they_are_written_to(folder, data):
    roles = roles_of(data.draw)
    rows = damaged(data.draw, SLATES, {name: CELLS[name] for name in roles if name in CELLS})
    options: dict[str, Any] = {"slate_size": data.draw(st.sampled_from((None, 3)))}
    if "clicked" in roles:
        options["multiple_clicks"] = data.draw(st.booleans())
    if "step" in roles and data.draw(st.booleans()):
        options["candidates"] = pd.DataFrame(OFFERED)
    else:
        rows = renamed(data.draw, rows, *data.draw(st.sampled_from(((), ("user", "country")))))
    rows = with_numbers(data.draw, rows)
    if data.draw(st.integers(0, 9)) == 0:
        rows = [row | {"age": None, "country": ""} for row in rows]
    try:
        log = from_table(table_of(rows), **arguments_of(roles), **options)
    except ValueError:
        return
    if data.draw(st.booleans()):
        texts = data.draw(st.permutations(TEXTS))
        log = with_texts(log, texts)
    kind = data.draw(st.sampled_from(("memory", "csv", "csv.gz", "parquet")))
    if "candidates" in options:
        options["candidates"] = stored(candidates_table(log), folder / f"candidates.{kind}")
    arguments = arguments_of(roles) | {"columns": None} | options
    again = from_table(
        stored(to_table(log), folder / f"log.{kind}"),
        document_ids=log.labels.document,
        **arguments | {"slate_size": log.slate_size},
    )
    assert_same(again, log)


def with_texts(log: Log, texts: list[str]) -> Log:
    """The log with other texts of its sessions and documents."""
    labels, number = log.labels, log.num_sessions
    documents = texts[number:][: len(labels.document)]
    if not isinstance(log.candidates, tuple):
        documents = sorted(documents)  # Candidates of a table are in this order.
    return log._replace(
        labels=labels._replace(
            session=np.array(texts[:number], object), document=np.array(documents, object)
        )
    )


def stored(frame: pd.DataFrame, path) -> Any:
    """The table, or a file of it."""
    if path.name.endswith("memory"):
        return frame
    if path.name.endswith("parquet"):
        frame.to_parquet(path)
    else:
        frame.to_csv(path, index=False)
    return path


def assert_same(again: Log, log: Log) -> None:
    """Requires the same of two logs; those without steps have them numbered in a table."""
    step = again.labels.step if isinstance(log.labels.step, tuple) else log.labels.step
    log = log._replace(labels=log.labels._replace(step=step))
    for name in Log._fields:
        first, second = getattr(again, name), getattr(log, name)
        tf.nest.assert_same_structure(first, second)
        leaves = zip(tf.nest.flatten(first), tf.nest.flatten(second), strict=True)
        for leaf, like in leaves:
            if name in ("propensity", "target"):
                np.testing.assert_allclose(leaf, like, rtol=1e-9, atol=1e-12, err_msg=name)
            elif name == "reward":  # pandas reads float64 up to a rounding.
                np.testing.assert_allclose(leaf, like, rtol=1e-15, err_msg=name)
            else:
                np.testing.assert_array_equal(leaf, like, err_msg=name)
            assert getattr(leaf, "dtype", None) == getattr(like, "dtype", None), name
