# SPDX-License-Identifier: Apache-2.0
import numpy as np
import pytest
from recipes.soft_attributes import read_soft_attributes, soft_attributes_log
from recipes.soft_attributes.raters import ABOUT, LESS, MORE

from tests.refusals import assert_refused

HEADER = "rater_id,reference_title,soft_attribute,less_than,about_as,more_than\n"


def written(tmp_path, rows):
    path = tmp_path / "soft-attributes.csv"
    path.write_text(HEADER + rows, encoding="utf-8")
    return path


def test_a_row_is_a_judgement_of_the_films_of_three_lists(tmp_path):
    path = written(
        tmp_path,
        '8,Up,scary,"[""Heat"",""Alien""]",,"[""Coco""]"\n3,Heat,funny,,"[""Up""]",\n',
    )
    data = read_soft_attributes(path)
    assert data.titles == ("Alien", "Coco", "Heat", "Up")
    assert data.attribute_names == ("funny", "scary")
    assert list(data.rater_ids) == ["8", "3"]
    np.testing.assert_array_equal(data.judgement, [0, 0, 0, 1])
    np.testing.assert_array_equal(data.attribute, [1, 1, 1, 0])
    np.testing.assert_array_equal(data.reference, [3, 3, 3, 2])
    np.testing.assert_array_equal(data.film, [2, 0, 1, 3])
    np.testing.assert_array_equal(data.relation, [LESS, LESS, MORE, ABOUT])
    log = soft_attributes_log(data, slate_size=4)
    np.testing.assert_array_equal(log.shown[:, 0], [[1, 1, 1, 0], [1, 0, 0, 0]])
    np.testing.assert_array_equal(log.documents[0, 0, :3], [2, 0, 1])
    np.testing.assert_array_equal(log.response[0, 0, :3], [LESS, LESS, MORE])
    np.testing.assert_array_equal(log.query.reference, [[3], [2]])
    np.testing.assert_array_equal(log.initial.rater, [0, 1])
    for size, message in (
        (2, "an integer of at least 3, got 2"),
        (10**9, "at most 4 films, got 1000000000"),
    ):
        with pytest.raises(ValueError, match=f"slate_size must be {message}"):
            soft_attributes_log(data, size)
    nothing = data._replace(judgement=data.judgement[:0])
    assert_refused(lambda: soft_attributes_log(nothing), "data must have comparisons, got none")


@pytest.mark.parametrize(
    ("rows", "message"),
    [
        ("", "must have at least one row"),
        ("8,Up,scary,nonsense,,\n", "row 0 .*, column 'less_than' must be a JSON array of titles"),
        ("8,,scary,,,\n", "row 0 .*, column 'reference_title' must not be empty"),
        (
            '8,Up,scary,"[""Heat""]",,"[""Heat""]"\n',
            "row 0 .*, column 'more_than' must differ from the reference and the other films of",
        ),
        (
            '8,Up,scary,"[""Up""]",,\n',
            "row 0 .*, column .less_than. must differ from the ref",
        ),
        (
            "8,Up,scary\n",
            "soft-attributes.csv is not a table of separated values: its row 0 has 3 of 6",
        ),
    ],
)
def test_a_fault_is_told_with_its_row(tmp_path, rows, message):
    assert_refused(lambda: read_soft_attributes(written(tmp_path, rows)), message)
