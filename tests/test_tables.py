from recsim_tf.tables import markdown_table, text_table


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
