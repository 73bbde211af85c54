import numpy as np
import pandas as pd

from tests.benchmarks.runs import quick_run

NUM_ROWS, NUM_ITEMS = 200, 4


def write_campaign(folder, policy):
    """A made-up log of the men's campaign, in the format of the data set."""
    place = folder / "obd" / policy / "men"
    place.mkdir(parents=True)
    generator = np.random.default_rng(0)
    codes = np.array(["a", "b", "c"])
    columns = {
        "timestamp": ["2019-11-24 00:00:00+00:00"] * NUM_ROWS,
        "item_id": generator.integers(NUM_ITEMS, size=NUM_ROWS),
        "position": generator.integers(1, 4, size=NUM_ROWS),
        "click": generator.random(NUM_ROWS) < 0.2,
        "propensity_score": 1 / NUM_ITEMS,
    }
    columns |= {
        f"user_feature_{number}": codes[generator.integers(3, size=NUM_ROWS)] for number in range(4)
    }
    columns |= {
        f"user-item_affinity_{item}": generator.integers(2, size=NUM_ROWS)
        for item in range(NUM_ITEMS)
    }
    pd.DataFrame(columns).astype({"click": int}).to_csv(place / "men.csv")
    items = {"item_id": range(NUM_ITEMS), "item_feature_0": [-1.0, 0.0, 0.5, 0.5]}
    items |= {f"item_feature_{number}": ["p", "q", "p", "q"] for number in (1, 2, 3)}
    pd.DataFrame(items).to_csv(place / "item_context.csv")


def test_a_quick_run_prints_and_writes_its_figures(tmp_path):
    for policy in ("random", "bts"):
        write_campaign(tmp_path, policy)
    content, printed = quick_run(tmp_path, "fitting.py", "open_bandit", f"--data_dir={tmp_path}")
    assert content["command"] == "python benchmarks/fitting.py open_bandit --quick --json=PATH"
    found = content["figures"]
    assert 0 < found["men/log_loss/ours"] < 1
    assert 0 < found["men/log_loss/logistic_regression"] < 1
    assert "men" in printed.split()
