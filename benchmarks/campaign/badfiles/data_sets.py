"""Damaged files of MovieLens and of the Open Bandit Dataset."""

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import tree
from campaign.badfiles.cases import Case

from recsim_tf.fitting.logs import read_movielens, read_movies, read_open_bandit

_NO_NUMBER = ("abc", "", "nan", "inf", "1e400", "9" * 400)
_RATINGS = ("user_id:token", "item_id:token", "rating:float", "timestamp:float")
_RATINGS_ROWS = [(1 + row % 2, 1 + row, 3.0, 880000000 + row) for row in range(6)]
_BAD_RATINGS = {
    "user_id": (*_NO_NUMBER, "0.5", "1e30", "9007199254740993.0"),
    "item_id": (*_NO_NUMBER, "0", "-1", "0.5", "1e30", "9999"),
    "rating": (*_NO_NUMBER, "0", "-1", "1e39"),
    "timestamp": (*_NO_NUMBER, "-1", "1e30"),
}
_MOVIES = ("item_id:token", "movie_title:token_seq", "release_year:token", "class:token_seq")
_MOVIES_ROWS = [(1 + row, f"Film {row}", 1990 + row, "Action Drama") for row in range(4)]
_BAD_MOVIES = {
    "item_id": (*_NO_NUMBER, "0", "-1", "0.5", "1e30", "9999", "2"),
    "release_year": ("1e30", "-5", "1990.5", "99999"),
}
_ITEMS = ("item_id", "item_feature_0", "item_feature_1", "item_feature_2", "item_feature_3")
_ITEMS_ROWS = [(row, 0.5 + row, f"a{row}", f"b{row}", f"c{row}") for row in range(3)]
_BAD_ITEMS = {
    "item_id": (*_NO_NUMBER, "-1", "0.5", "7", "1e30", "1"),
    "item_feature_0": (*_NO_NUMBER, "1e39"),
    "item_feature_1": ("", "nan"),
}
_BANDIT = (
    *("timestamp", "item_id", "position", "click", "propensity_score"),
    *(f"user_feature_{number}" for number in range(4)),
    *(f"user-item_affinity_{number}" for number in range(3)),
)
_BANDIT_ROWS = [
    (f"2019-11-24 00:00:0{row}+00:00", row % 3, 1 + row % 3, row % 2, 0.3, *"abcd", 0, 1.0, 0)
    for row in range(5)
]
_BAD_BANDIT = {
    "timestamp": ("abc", "", "inf", "1e30", "9" * 400, "2019-13-45"),
    "item_id": (*_NO_NUMBER, "-1", "0.5", "7", "1e30"),
    "position": (*_NO_NUMBER, "0", "4", "0.5"),
    "click": (*_NO_NUMBER, "2", "-1", "0.5"),
    "propensity_score": (*_NO_NUMBER, "0", "-1", "1.5", "1e-60"),
    "user_feature_0": ("", "nan"),
    "user-item_affinity_1": (*_NO_NUMBER, "-1", "1e39"),
}


def cases(folder: Path) -> Iterator[tuple[Case, Any]]:
    """Each case, and the content of the file that was damaged."""
    bandit = folder / "random" / "all"
    bandit.mkdir(parents=True, exist_ok=True)
    (bandit / "item_context.csv").write_text(_text(_ITEMS, _ITEMS_ROWS, ","))
    (bandit / "all.csv").write_text(_text(_BANDIT, _BANDIT_ROWS, ","))
    for kind, file, separator, names, rows, bad, read in (
        ("MovieLens", "u.inter", "\t", _RATINGS, _RATINGS_ROWS, _BAD_RATINGS, _ratings),
        ("MovieLens", "u.item", "\t", _MOVIES, _MOVIES_ROWS, _BAD_MOVIES, _movies),
        ("Open Bandit", "random/all/item_context.csv", ",", _ITEMS, _ITEMS_ROWS, _BAD_ITEMS, _log),
        ("Open Bandit", "random/all/all.csv", ",", _BANDIT, _BANDIT_ROWS, _BAD_BANDIT, _log),
    ):
        whole = _text(names, rows, separator)
        content = _with(folder / file, whole.encode(), whole, read, folder)()
        for what, changed, named in (
            *_other_values(names, rows, bad, separator),
            *_other_columns(names, rows, bad, separator),
        ):
            run = _with(folder / file, changed, whole, read, folder)
            yield Case(kind, f"{file}: {what}", run, (file, "column", *named)), content


def _ratings(folder: Path) -> Any:
    return read_movielens(folder / "u.inter", num_movies=50)


def _movies(folder: Path) -> Any:
    return read_movies(folder / "u.item", num_movies=50)


def _log(folder: Path) -> Any:
    return read_open_bandit(folder)


def _with(path: Path, content: bytes, whole: str, read: Callable, folder: Path) -> Callable:
    """Reads with other content in a file, which is whole again afterwards."""

    def run():
        path.write_bytes(content)
        try:
            return tree.flatten(read(folder))
        finally:
            path.write_text(whole)

    return run


def _text(names, rows, separator: str) -> str:
    return "\n".join(separator.join(map(str, row)) for row in [names, *rows]) + "\n"


def _other_values(names, rows, bad, separator) -> Iterator[tuple[str, bytes, tuple[str, ...]]]:
    plain = [name.partition(":")[0] for name in names]
    for name, values in bad.items():
        place = plain.index(name)
        for value in values:
            other = [list(row) for row in rows]
            other[2][place] = value
            shown = value if len(value) < 30 else f"{len(value)} digits"
            yield f"{name} is {shown!r}", _text(names, other, separator).encode(), (name,)


def _other_columns(names, rows, bad, separator) -> Iterator[tuple[str, bytes, tuple[str, ...]]]:
    whole = _text(names, rows, separator)
    yield "nothing", b"", ()
    yield "no rows", _text(names, [], separator).encode(), ()
    yield "UTF-16", whole.encode("utf-16"), ()
    yield "Latin-1", whole.replace("a", "\xe9").encode("latin-1"), ()
    yield "zero bytes", bytes(300), ()
    yield (
        "a value more in all rows",
        _text(names, [(*row, 1) for row in rows], separator).encode(),
        (),
    )
    plain = [name.partition(":")[0] for name in names]
    for name in bad:
        place = plain.index(name)
        fewer = [row[:place] + row[place + 1 :] for row in [names, *rows]]
        yield f"{name} removed", _text(fewer[0], fewer[1:], separator).encode(), (name,)
        twice = [(*row, row[place]) for row in [names, *rows]]
        yield f"{name} twice", _text(twice[0], twice[1:], separator).encode(), (name,)
