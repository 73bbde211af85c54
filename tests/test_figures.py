"""The figures of README and docs: tables are what `make tables` writes, sentences quote results.

A figure is a number with three digits, or with two and a decimal point, beside the zeros at its
ends. Others are counts, such as 1,000 sessions, or settings, such as 0.5. A sentence may quote a
result as it is, in per cent, in thousands or in millions, with as many digits as it likes.
"""

import math
import re
from collections.abc import Mapping
from typing import Any

import pytest
import write_tables
from tables import TABLES, Table

# Sizes of the code and of data sets, constants, statuses, and results of papers.
_CONSTANTS = {
    "1.96": "the normal quantile of a 95 % interval",
    "3.7": "the Python of RecSim",
    "3.11": "the Python of RecSim NG",
    "108": "features of RecSim NG",
    "128": "numbers of a row of a TPU",
    "143": "the exit status after SIGTERM",
    "174.6": "the return of the best agent of the SlateQ paper",
    "256": "bytes of a tiny kernel",
    "336": "dialogues of IARD",
    "943": "users of MovieLens-100K",
    "2,048": "users of the quickstart",
    "5,991": "judgements of SoftAttributes",
    "8,192": "users of a part of an evaluation",
}
# Code, tables that are written, addresses, references, versions and numbers of rows.
_NO_SENTENCE = re.compile(
    r"^```.*?^```$|^<!-- table .*?^<!-- end -->$|`[^`]*`|\]\([^)]*\)|https://\S+|arXiv [\d.]+"
    r"|(?:Python|TensorFlow) [\d.]+(?:(?:,| or| to) [\d.]+)*|Apache-2\.0|\d+(?:\.\d+){2,}"
    r"|\b(?:19|20)\d\d\b|^\| \d+ \|",
    re.MULTILINE | re.DOTALL,
)
_NUMBER = re.compile(
    r"(?<![\w.^])(\d{1,3}(?:,\d{3})+|\d+)(\.\d+)?(?!\w)(?:\s(%|thousand|million))?"
)
_NO_POINTS = str.maketrans("", "", ",.")
_UNITS = {"": (1.0,), "%": (0.01, 1.0), "thousand": (1e3,), "million": (1e6,)}
# Below these names result files have figures, beside the machine and single measurements.
_FIGURES = re.compile(r"/(?:figures|returns|rows)/")


@pytest.fixture(scope="module")
def results() -> dict[str, Any]:
    return write_tables.read_results()


def _is_figure(digits: str, decimals: str) -> bool:
    return len((digits + decimals).translate(_NO_POINTS).strip("0")) >= (2 if decimals else 3)


def _figures(text: str) -> list[tuple[str, str]]:
    """The figures in the sentences of a page, and the units that they are in."""
    numbers = _NUMBER.findall(_NO_SENTENCE.sub(" ", text))
    return [
        (digits + decimals, unit)
        for digits, decimals, unit in numbers
        if _is_figure(digits, decimals)
    ]


def _unheld(text: str, results: Mapping[str, Any]) -> list[str]:
    """The figures of a page that are neither a rounded result nor a constant."""
    values = [
        abs(value)
        for path, value in results.items()
        if _FIGURES.search(path) and isinstance(value, int | float) and math.isfinite(value)
    ]
    return [
        number
        for number, unit in _figures(text)
        if number not in _CONSTANTS
        and not any(
            number == f"{value / scale:,.{len(number.partition('.')[2])}f}"
            for scale in _UNITS[unit]
            for value in values
        )
    ]


@pytest.mark.parametrize("page", write_tables.pages(), ids=lambda page: page.stem)
def test_the_tables_of_a_page_are_what_is_written_now(page, results):
    text = page.read_text(encoding="utf-8")
    assert write_tables.written(page.name, text, results) == text, "run make tables"


@pytest.mark.parametrize("page", write_tables.pages(), ids=lambda page: page.stem)
def test_a_result_file_holds_each_figure_of_a_page(page, results):
    assert not _unheld(page.read_text(encoding="utf-8"), results)


def test_every_table_is_on_a_page():
    texts = [page.read_text(encoding="utf-8") for page in write_tables.pages()]
    assert {
        name for name in TABLES if any(f"<!-- table {name} -->\n" in text for text in texts)
    } == {*TABLES}


def test_constants_are_few_and_each_is_on_a_page():
    assert len(_CONSTANTS) <= 20
    quoted = {
        number
        for page in write_tables.pages()
        for number, _ in _figures(page.read_text(encoding="utf-8"))
    }
    assert quoted >= set(_CONSTANTS)


def test_sentences_quote_results_with_their_units():
    results = {"speed/figures/rate": 282_239.2, "ope/figures/held": 0.9423, "a/machine/load": 7.77}
    assert not _unheld("282,239 steps, 0.28 million, 282.2 thousand, 94.2 %, 0.94.", results)
    assert _unheld("282,240 steps, 0.29 million, 93.8 %, a load of 7.77.", results) == [
        *("282,240", "0.29", "93.8", "7.77")
    ]
    assert not _unheld("1,000 sessions in `0.123`, arXiv 1909.04847, 2019, RecSim 0.2.4.", results)


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
