import numpy as np
import pytest

from tests.benchmarks.runs import quick_run

NUM_USERS, NUM_MOVIES = 20, 60


@pytest.fixture
def data_dir(tmp_path):
    """Ratings and movies in the files of MovieLens-100K."""
    folder = tmp_path / "ml-100k"
    folder.mkdir()
    generator = np.random.default_rng(0)
    ratings = ["user_id:token\titem_id:token\trating:float\ttimestamp:float"]
    for user in range(1, NUM_USERS + 1):
        # Some movies are rated by most.
        movies = 1 + np.argsort(generator.gumbel(size=NUM_MOVIES) - np.arange(NUM_MOVIES) / 10)[:15]
        ratings += [f"{user}\t{movie}\t4\t{time}" for time, movie in enumerate(movies)]
    (folder / "ml-100k.inter").write_text("\n".join(ratings) + "\n")
    movies = ["item_id:token\tmovie_title:token_seq\trelease_year:token\tclass:token_seq"]
    movies += [
        f"{movie}\tTitle\t{1990 + movie % 8}\t{'Drama' if movie % 2 else 'War Drama'}"
        for movie in range(1, NUM_MOVIES + 1)
    ]
    (folder / "ml-100k.item").write_text("\n".join(movies) + "\n")
    return tmp_path


def test_a_quick_run_scores_every_model(tmp_path, data_dir):
    content, printed = quick_run(tmp_path, "fitting.py", "movielens", f"--data_dir={data_dir}")
    assert (content["train_events"], content["test_events"]) == (NUM_USERS * 12, NUM_USERS * 3)
    found = content["figures"]
    assert found["uniform"] == pytest.approx(np.log(10))
    assert found["uniform/hit_at_1"] == pytest.approx(0.1)
    assert found["popularity"] < found["uniform"]
    for name in ("drift", "static", "matrix_factorisation", "leak_rule"):
        assert f"{found[name]:.4f}" in printed
    assert 0 <= found["hit_at_1"] <= 1
