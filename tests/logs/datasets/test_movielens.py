# SPDX-License-Identifier: Apache-2.0
import numpy as np
import pytest

from recsim_tf.logs import read_movielens, read_movies
from recsim_tf.logs.datasets.movielens import sample_negatives
from tests.refusals import assert_refused

# user, movie, stars, time: user 7 before user 12 although 12 stands first; ties at time 5.
RATINGS = [
    (12, 1, 5, 9),
    (7, 3, 4, 5),
    (7, 2, 1, 5),
    (7, 1, 3, 4),
    (7, 6, 2, 8),
    (7, 5, 2, 9),
    (12, 4, 1, 2),
]
HEADER = "user_id:token\titem_id:token\trating:float\ttimestamp:float\n"


def lines(ratings=RATINGS) -> str:
    return "".join("\t".join(map(str, rating)) + "\n" for rating in ratings)


@pytest.fixture
def path(tmp_path):
    path = tmp_path / "ml-100k.inter"
    path.write_text(HEADER + lines())
    return path


def read(path, **arguments):
    return read_movielens(path, **({"num_movies": 12, "num_negatives": 3} | arguments))


def test_users_are_sessions_in_order_of_time_the_first_part_for_training(path):
    found = read(path)
    log = found.log
    assert list(found.user_ids) == [7, 12]
    np.testing.assert_array_equal(log.length, [5, 2])
    np.testing.assert_array_equal(found.timestamp, [[4, 5, 5, 8, 9], [2, 9, 9, 9, 9]])
    chosen = np.take_along_axis(log.documents, log.response[..., np.newaxis], axis=2)[..., 0] + 1
    # Rows 1 and 2 of the file are tied, the lesser of their numbers comes first.
    ties = np.random.default_rng(0).random(7)
    tied = [(3, 4), (2, 1)] if ties[1] < ties[2] else [(2, 1), (3, 4)]
    np.testing.assert_array_equal(chosen, [[1, tied[0][0], tied[1][0], 6, 5], [4, 1, 1, 1, 1]])
    np.testing.assert_array_equal(
        found.rating, [[3, tied[0][1], tied[1][1], 2, 2], [1, 5, 5, 5, 5]]
    )
    assert log.shown.all()
    assert not log.departed.any()
    assert [leaf.dtype for leaf in (log.length, log.documents, log.response)] == [np.int32] * 3
    np.testing.assert_array_equal(
        found.test, [[False] * 4 + [True], [False, True, False, False, False]]
    )
    np.testing.assert_array_equal(
        found.train, [[True] * 4 + [False], [True, False, False, False, False]]
    )


def test_negatives_are_the_generators_numbers_one_after_the_other():
    user, movie = np.array([0, 0, 0, 1, 1]), np.array([1, 2, 5, 5, 3])
    generator = np.random.default_rng(0)
    expected, rated = [], set()
    for event in range(5):
        rated = {movie[event]} if event in (0, 3) else rated | {movie[event]}
        found = []
        while len(found) < 3:
            number = int(generator.integers(1, 9))
            if number not in rated and number not in found:
                found.append(number)
        expected.append(found)
    np.testing.assert_array_equal(
        sample_negatives(user, movie, num_movies=8, num_negatives=3, seed=0), expected
    )


def test_slates_are_of_distinct_movies_and_their_order_does_not_tell_the_choice(tmp_path):
    generator = np.random.default_rng(0)
    ratings = [
        (user, movie, 3, time)
        for user in range(200)
        for time, movie in enumerate(generator.permutation(30)[:20] + 1)
    ]
    path = tmp_path / "u.data"
    path.write_text(lines(ratings))
    found = read_movielens(path, num_movies=40)
    slates, choice = found.log.documents.reshape(-1, 10), found.log.response.ravel()
    assert (np.diff(np.sort(slates, axis=1), axis=1) > 0).all()
    # 4,000 choices: the standard error of a position's share is 0.0047.
    np.testing.assert_allclose(
        np.bincount(choice, minlength=10) / len(choice), 0.1, atol=4 * 0.0047
    )
    # At a user's first event, a movie that is rated later is a negative as often as any other.
    later = [
        ratings[event * 20 + step][1] in found.log.documents[event, 0] + 1
        for event in range(200)
        for step in range(1, 20)
    ]
    assert abs(np.mean(later) - 9 / 39) < 4 * np.sqrt(9 / 39 * 30 / 39 / len(later))


def test_plain_file_and_other_order_of_columns_give_the_same_log(path, tmp_path):
    plain, swapped = tmp_path / "u.data", tmp_path / "swapped.inter"
    plain.write_text(lines())
    swapped.write_text(
        "timestamp:float\tuser_id:token\titem_id:token\trating:float\n"
        + lines([(t, u, m, r) for u, m, r, t in RATINGS])
    )
    for other in (plain, swapped):
        np.testing.assert_array_equal(read(other).log.documents, read(path).log.documents)
        np.testing.assert_array_equal(read(other).timestamp, read(path).timestamp)


def faulty(column, value):
    """The file with another value in row 3."""
    rows = [list(rating) for rating in RATINGS]
    rows[3][column] = value
    return HEADER + lines(rows)


@pytest.mark.parametrize(
    ("text", "arguments", "message"),
    [
        (faulty(0, "x"), {}, "^row 3, column 'user_id' must be a whole number, got 'x'$"),
        (faulty(1, "13"), {}, r"^row 3, column 'item_id' .* in \[1, 12\], got 13$"),
        (faulty(2, "-1"), {}, "^row 3, column 'rating' must be a number of stars, got -1$"),
        (faulty(3, "noon"), {}, r"^row 3, column 'timestamp' .* in \[0, \d+\], got 'noon'$"),
        (HEADER, {}, "must have at least one row, got 0"),
        (HEADER.replace("rating", "stars") + lines(), {}, "column 'rating' is missing"),
        ("1\t2\t3\n", {}, "must have the columns user_id, item_id, rating, timestamp, got 3 col"),
        (HEADER + lines(), {"num_negatives": 10**6}, "num_negatives must be below num_movies=12"),
        (
            HEADER + lines(),
            {"num_negatives": 8},
            "num_negatives=8 must be at most the movies .*, but user 7 has r",
        ),
    ],
)
def test_faults_and_bad_arguments_are_named(path, text, arguments, message):
    path.write_text(text)
    assert_refused(lambda: read(path, **arguments), message)
    path.unlink()
    with pytest.raises(FileNotFoundError, match="there is no file"):
        read_movielens(path)


MOVIES = "item_id:token\tmovie_title:token_seq\trelease_year:token\tclass:token_seq\n"


def movies_of(tmp_path, text: str):
    path = tmp_path / "ml-100k.item"
    path.write_text(MOVIES + text)
    return path


def test_genres_and_years_stand_in_order_of_movie_id(tmp_path):
    movies = read_movies(
        movies_of(tmp_path, '3\tThe "End\t1995\tDrama War\n1\tToys\tunknown\tDrama\n'), num_movies=4
    )
    assert movies.genre_names == ("Drama", "War")
    np.testing.assert_array_equal(movies.genres, [[1, 0], [0, 0], [1, 1], [0, 0]])
    np.testing.assert_array_equal(movies.release_year, [0, 0, 1995, 0])


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("5\tToys\t1995\tDrama\n", r"row 0, .* must be a whole number in \[1, 4\], got 5"),
        ("1\tToys\t1995\tA\n1\tBoys\t1995\tB\n", "row 1, .* must differ from the other movies"),
    ],
)
def test_a_bad_movie_id_is_refused_with_its_row(tmp_path, text, message):
    assert_refused(lambda: read_movies(movies_of(tmp_path, text), num_movies=4), message)
