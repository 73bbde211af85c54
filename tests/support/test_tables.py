from recsim_tf.support.tables import fixed, markdown_table, number, signed, text_table


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
