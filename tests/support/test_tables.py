# SPDX-License-Identifier: Apache-2.0
from recsim_tf.support.summaries import table_html
from recsim_tf.support.tables import (
    fixed,
    frame,
    gained,
    markdown_table,
    number,
    per_cent,
    signed,
    text_table,
)


def test_a_text_table_keeps_digits_and_spaces_and_stands_left_where_it_is_told():
    rows = [("name", "value", "note"), ("one", "1.50", "a"), ("  part", "10.0", "long")]
    lines = text_table(rows, left=(0, 2)).splitlines()
    assert lines[1].split() == ["-" * 6, "-" * 7, "-" * 6]
    assert lines[2:] == ["one        1.50  a", "  part     10.0  long"]
    assert text_table(rows).splitlines()[2].endswith("     a")


def test_a_table_without_rows_is_its_head():
    assert text_table([("name", "value")]).splitlines()[0].split() == ["name", "value"]


def test_a_bar_in_a_cell_of_markdown_is_no_column():
    assert "| a\\|b |" in markdown_table([("", ""), ("a|b", "1")])


def test_numbers_are_set_as_in_print():
    dash, minus = "\N{EN DASH}", "\N{MINUS SIGN}"
    values = (None, float("nan"), True, 12345, 1.0, -0.25, float("-inf"), "a")
    printed = [dash, dash, "yes", "12,345", "1.000", f"{minus}0.2500", f"{minus}\N{INFINITY}", "a"]
    assert [*map(number, values)] == printed
    assert [signed(-0.001, 1), signed(1234.5, 2)] == ["+0.0", "+1,234.50"]
    assert fixed(-1.5, 2) == f"{minus}1.50"
    assert [*map(per_cent, (0.0, 0.0192, -0.5, 12.345))] == [
        "+0.00%",
        "+1.92%",
        f"{minus}50.0%",
        "+1,234%",
    ]
    assert [gained(-0.25), gained(0.0)] == [f"{minus}0.25", "+0"]


def test_a_table_of_a_notebook_is_html_and_escaped():
    html = table_html("a & b", [{"name": "<b>", "value": "1"}])
    assert "<caption>a &amp; b</caption>" in html
    assert '<td style="text-align: left">&lt;b&gt;</td>' in html
    assert '<td style="text-align: right">1</td>' in html
    assert table_html("nothing", []) == ""


def test_a_frame_has_numbers():
    numbers = frame([{"name": "a", "value": 1.5}, {"name": "b", "value": float("nan")}])
    assert numbers["value"].sum() == 1.5
