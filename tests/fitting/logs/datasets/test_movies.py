import numpy as np
import pytest

from recsim_tf.fitting.logs import read_movies

HEADER = "item_id:token\tmovie_title:token_seq\trelease_year:token\tclass:token_seq\n"


def written(tmp_path, text: str):
    path = tmp_path / "ml-100k.item"
    path.write_text(HEADER + text)
    return path


def test_genres_and_years_stand_in_order_of_movie_id(tmp_path):
    movies = read_movies(
        written(tmp_path, '3\tThe "End\t1995\tDrama War\n1\tToys\tunknown\tDrama\n'), num_movies=4
    )
    assert movies.genre_names == ("Drama", "War")
    np.testing.assert_array_equal(movies.genres, [[1, 0], [0, 0], [1, 1], [0, 0]])
    np.testing.assert_array_equal(movies.release_year, [0, 0, 1995, 0])


@pytest.mark.parametrize(
    ("text", "message"),
    [
        (
            "5\tToys\t1995\tDrama\n",
            r"row 0, column 'item_id' must be a whole number in \[1, 4\], got 5",
        ),
        (
            "1\tToys\t1995\tDrama\n1\tBoys\t1995\tWar\n",
            "row 1, column 'item_id' must differ from the other movies, got 1",
        ),
    ],
)
def test_a_bad_movie_id_is_refused_with_its_row(tmp_path, text, message):
    with pytest.raises(ValueError, match=message):
        read_movies(written(tmp_path, text), num_movies=4)


def test_a_missing_column_is_named(tmp_path):
    path = tmp_path / "ml-100k.item"
    path.write_text("item_id:token\tmovie_title:token_seq\n1\tToys\n")
    with pytest.raises(ValueError, match="column 'release_year' is missing"):
        read_movies(path)
