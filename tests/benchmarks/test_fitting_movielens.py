import numpy as np
import pytest
from fits import movielens
from fits.learned_tastes import predict_while_learning

from recsim_tf.environments.drifting_taste import Catalogue, DriftingTasteUsers, drifting_taste
from recsim_tf.fitting.predictions.choices import predict_choices
from recsim_tf.logs import read_movielens, simulated_log
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


def test_a_quick_run_scores_every_model_in_order_and_shuffled(tmp_path, data_dir):
    content, printed = quick_run(tmp_path, "fitting.py", "movielens", f"--data_dir={data_dir}")
    assert (content["train_events"], content["test_events"]) == (NUM_USERS * 12, NUM_USERS * 3)
    found = content["figures"]
    assert found["popularity"] < found["frequency"]
    for name in ("drift", "static", "exchangeable", "memory", "matrix_factorisation"):
        assert f"{found[name]:.4f}" in printed
    assert found["static/shuffled"] == pytest.approx(found["static"], abs=1e-6)
    assert found["gain_over_static/in_order"] == pytest.approx(found["static"] - found["drift"])
    for name in ("static", "exchangeable"):
        assert f"{found[f'gain_over_{name}/shuffled']:+.3f}" in printed
    assert 0 <= found["drift/hit_at_1"] <= 1


def test_events_are_shuffled_within_users_and_parts(data_dir):
    data = read_movielens(data_dir / "ml-100k" / "ml-100k.inter", num_movies=NUM_MOVIES)
    other = movielens.shuffled(data.log, data.test, seed=0)
    moved = 0
    for part in (data.train, data.test):
        for user in range(NUM_USERS):
            events, shuffled = (
                np.c_[log.documents[user], log.response[user]][part[user]]
                for log in (data.log, other)
            )
            assert sorted(map(tuple, events)) == sorted(map(tuple, shuffled))
            moved += (events != shuffled).any()
    assert moved > NUM_USERS


def test_guesses_are_probabilities_of_a_choice(data_dir):
    data = read_movielens(data_dir / "ml-100k" / "ml-100k.inter", num_movies=NUM_MOVIES)
    for probs in movielens.guesses(data, seed=0).values():
        np.testing.assert_allclose(probs[data.test].sum(axis=1), 1)


@pytest.mark.parametrize("gain", [0.0, 0.3])
def test_learned_tastes_predict_as_many_draws_do(gain):
    users = DriftingTasteUsers(2, taste_loc=0.3, gain=gain, decay=0.8)
    items = Catalogue(50, 2, seed=1, ids_only=True)
    sizes = {"slate_size": 5, "num_candidates": 5, "max_steps": None}
    simulator = drifting_taste(users, items, **sizes)
    log = simulated_log(simulator, num_sessions=100, num_steps=20, latent=("initial",))
    learned = predict_while_learning(simulator, log, seed=0).log_prob
    drawn = predict_choices(simulator, log, batch_size=50, num_draws=2000).log_prob
    known = predict_choices(simulator, log, batch_size=50, num_draws=1).log_prob
    assert abs(np.mean(learned - drawn)) < 0.01 < np.mean(learned - known)
