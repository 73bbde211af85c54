import csv

import numpy as np
import pytest

from tests.benchmarks.runs import quick_run

COLUMNS = {
    "yogurt": ("price", "feat"),
    "electricity": ("pf", "cl", "loc", "wk", "tod", "seas"),
}


@pytest.fixture
def data_dir(tmp_path):
    """Six customers of both panels, with two or three choices each."""
    generator = np.random.default_rng(0)
    for name, columns in COLUMNS.items():
        brands = ("dannon", "hiland", "weight", "yoplait") if name == "yogurt" else range(1, 5)
        with open(tmp_path / f"{name}.csv", "w", newline="") as file:
            writer = csv.writer(file)
            writer.writerow(("id", "chid", "alt", "choice", *columns))
            for customer in range(6):
                for choice in range(2 + customer % 2):
                    chosen = generator.integers(4)
                    for position, brand in enumerate(brands):
                        numbers = generator.uniform(size=len(columns)).round(2)
                        is_chosen = int(position == chosen)
                        writer.writerow(
                            (customer, 10 * customer + choice, brand, is_chosen, *numbers)
                        )
    return tmp_path


def test_a_quick_run_fits_both_panels(tmp_path, data_dir):
    content, printed = quick_run(tmp_path, "fitting.py", "panels", f"--data_dir={data_dir}")
    figures = content["figures"]
    assert {name.split(".")[1] for name in figures} == {*COLUMNS}
    assert all(value < 0 for name, value in figures.items() if name[-1].isdigit())
    assert "electricity.0" in printed
