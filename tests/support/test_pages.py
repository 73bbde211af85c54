# SPDX-License-Identifier: Apache-2.0
from recsim_tf.support.pages import Chart, Code, Details, Section, Table, page, with_sections

# Characters that end a text, colour a terminal, and turn the direction of what follows.
CONTROL = "a\x00b\x1b[31mc\u202ed"


def test_control_characters_are_seen_wherever_a_page_has_text():
    table = Table([{CONTROL: CONTROL, "lines": [CONTROL]}])
    parts = [CONTROL, Code(CONTROL), table, Details(CONTROL, [CONTROL])]
    section = Section(CONTROL, [*parts, Chart(b"png", CONTROL, CONTROL)])
    html = page(CONTROL, [section, Section("Second", [])], [CONTROL])
    for text in (html, with_sections(html, [section])):
        assert not set("\x00\x1b\u202e") & set(text)
        assert text.count("a\\x00b\\x1b[31mc\\u202ed") == 15
    assert "<pre>a\nb</pre>" in page("Lines", [Section("Code", [Code("a\nb")])])
