# SPDX-License-Identifier: Apache-2.0
"""The figures of README and docs: tables are what `make tables` writes, sentences quote results."""

from typing import Any

import pytest
import write_tables
from figures import CONSTANTS, figures_of, unheld
from tables import TABLES, Table


@pytest.fixture(scope="module")
def results() -> dict[str, Any]:
    return write_tables.read_results()


@pytest.mark.parametrize("page", write_tables.pages(), ids=lambda page: page.stem)
def test_the_tables_of_a_page_are_what_is_written_now(page, results):
    text = page.read_text(encoding="utf-8")
    assert write_tables.written(page.name, text, results) == text, "run make tables"


@pytest.mark.parametrize("page", write_tables.pages(), ids=lambda page: page.stem)
def test_a_result_file_holds_each_figure_of_a_page(page, results):
    assert not unheld(page.read_text(encoding="utf-8"), results)


def test_every_table_is_on_a_page():
    texts = [page.read_text(encoding="utf-8") for page in write_tables.pages()]
    assert {
        name for name in TABLES if any(f"<!-- table {name} -->\n" in text for text in texts)
    } == {*TABLES}


def test_constants_are_few_and_each_is_on_a_page():
    assert len(CONSTANTS) <= 20
    quoted = {
        number
        for page in write_tables.pages()
        for number, _ in figures_of(page.read_text(encoding="utf-8"))
    }
    assert quoted >= set(CONSTANTS)


def test_sentences_quote_results_with_their_units():
    results = {"speed/figures/rate": 282_239.2, "ope/figures/held": 0.9423, "a/machine/load": 7.77}
    assert not unheld("282,239 steps, 0.28 million, 282.2 thousand, 94.2 %, 0.94.", results)
    assert unheld("282,240 steps, 0.29 million, 93.8 %, a load of 7.77.", results) == [
        *("282,240", "0.29", "93.8", "7.77")
    ]
    assert not unheld("1,000 sessions in `0.123`, arXiv 1909.04847, 2019, RecSim 0.2.4.", results)


@pytest.fixture
def described(monkeypatch):
    """Tables with one column of one file, "speed", by their rows."""

    def describe(cell: str = "{speed/@}", **rows: str) -> None:
        monkeypatch.setitem(TABLES, "test", Table("", rows, {"figure": cell}))

    return describe


def _written(text: str, **results: Any) -> str:
    leaves = {f"speed/{name}": value for name, value in results.items()}
    return write_tables.written("page.md", text, leaves)


_EMPTY = "Before.\n\n<!-- table test -->\n<!-- end -->\n\nAfter.\n"


def test_a_table_is_written_between_its_comments_and_stays(described):
    described(rate="steps", error="spread")
    page = _written(_EMPTY, steps=2059.97, spread=0.01234)
    assert page.splitlines()[2:7] == [
        *("<!-- table test -->", "|  | figure |", "|---|---:|"),
        *("| rate | 2,060 |", "| error | 0.0123 |"),
    ]
    assert page.startswith("Before.\n")
    assert page.endswith("<!-- end -->\n\nAfter.\n")
    assert _written(page, steps=2059.97, spread=0.01234) == page


def test_a_cell_has_statistics_and_divisors(described):
    described("{mean speed/@*} ± {error speed/@*:.1f}; {speed/@1 / 1e3:.2f}", rate="run")
    assert "| rate | 2.00 ± 1.0; 0.00 |" in _written(_EMPTY, run1=1.0, run2=3.0)


def test_a_cell_that_may_be_empty_is_empty_without_its_leaf(described):
    described("?{speed/@}", rate="steps", missing="none")
    assert "| missing |  |" in _written(_EMPTY, steps=1.0)


@pytest.mark.parametrize(
    ("cell", "page", "error"),
    [
        ("{speed/@}", "<!-- table absent -->\n<!-- end -->\n", "describes no table 'absent'"),
        ("{speed/@}", "<!-- table test -->\n| a |\n", "a table has no line '<!-- end -->'"),
        ("{speed/no}", _EMPTY, "table 'test': no leaf of .* has the path 'speed/no'"),
        ("{mean speed/n*}", _EMPTY, r"no leaf of .* has a path like 'speed/n\*'"),
        ("?{speed/no}", _EMPTY, "no row has the column 'figure'"),
    ],
)
def test_an_error_names_the_page_and_the_fault(described, cell, page, error):
    described(cell, rate="steps")
    with pytest.raises(write_tables.TableError, match=rf"^page\.md: .*{error}"):
        _written(page, steps=1.0)
