"""Films, Open Bandit and result pages."""

from tests.properties.readers.references.cells import (
    EMPTY,
    Faulty,
    float32,
    identity,
    number,
    records,
    require,
    whole,
)


def ratings(header: list[str], rows: list[list[str]]) -> list[tuple[int, int, float, int]]:
    """(user, movie, stars, time) of each row of a file of MovieLens."""
    table = records(header, rows, ("user_id", "item_id", "rating", "timestamp"))
    found = []
    for row in table:
        user, movie = whole(row["user_id"]), whole(row["item_id"], 1, 1683)
        stars, time = number(row["rating"]), whole(row["timestamp"], 0)
        require(0 < stars < 100 and (user, movie) not in {each[:2] for each in found})
        found.append((user, movie, stars, time))
    return found


def movies(header: list[str], rows: list[list[str]]) -> dict[int, tuple[set[str], int]]:
    """Genres and year of each movie of a file of MovieLens."""
    found: dict[int, tuple[set[str], int]] = {}
    for row in records(header, rows, ("item_id", "release_year", "class")):
        movie = whole(row["item_id"], 1, 1683)
        require(movie not in found)
        try:
            year = number(row["release_year"])
        except Faulty:
            year = 0
        found[movie] = set(filter(None, row["class"].split(" "))), whole(year, 0, 10_000)
    return found


def bandit(
    header: list[str], rows: list[list[str]], of_items: list[str], items: list[list[str]]
) -> list[tuple]:
    """(item, position from 0, clicked, propensity, affinity to the item) of each impression."""
    needed = ("item_id", *(f"item_feature_{number}" for number in range(4)))
    ids = []
    for row in records(of_items, items, needed):
        ids.append(whole(row["item_id"], 0, len(items)))
        float32(row["item_feature_0"])
        require(all(row[name] not in EMPTY for name in needed[2:]))
    require(len(set(ids)) == len(ids))
    users = tuple(f"user_feature_{number}" for number in range(4))
    scores = tuple(f"user-item_affinity_{item}" for item in range(len(ids)))
    needed = ("timestamp", "item_id", "position", "click", "propensity_score", *users, *scores)
    found = []
    for row in records(header, rows, needed):
        item, position = whole(row["item_id"], 0, len(ids)), whole(row["position"], 1, 4)
        clicked, propensity = whole(row["click"], 0, 2) == 1, number(row["propensity_score"])
        affinities = [float32(row[name]) for name in scores]
        require(0 < propensity <= 1 and min(affinities) >= 0)
        require(
            row["timestamp"].startswith("2019") and all(row[name] not in EMPTY for name in users)
        )
        found.append((item, position - 1, clicked, propensity, affinities[item]))
    return found


def result_pages(pages: list[list]) -> list[tuple[list[tuple], set[int]]]:
    """The pairs of query and document of each page, and the positions that were clicked."""

    found = []
    for query, documents, clicked in pages:
        require(isinstance(documents, list) and isinstance(clicked, list))
        require(documents and len(documents) == len(pages[0][1]))
        positions = {whole(position, 0, len(documents)) for position in clicked}
        pairs = [(identity(query), identity(document)) for document in documents]
        found.append((pairs, positions))
    return found
