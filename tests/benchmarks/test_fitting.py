import numpy as np
import pytest
from fits import (
    fields,
    likelihood_speed,
    log,
    recovery,
)

from tests.benchmarks.runs import in_this_process, quick_run


def test_a_quick_recovery_prints_and_writes_its_figures(tmp_path):
    content, printed = quick_run(tmp_path, "fitting.py", "recovery", "--replications=1")
    assert 0 < content["figures"]["max_relative_error"] < 1
    assert 0 <= content["figures"]["pooled_coverage"] <= 1
    assert set(content["rows"][0]["estimates"]) <= {
        line.split()[0] for line in printed.splitlines() if line
    }


def test_a_quick_recovery_without_directions_prints_the_interest_step():
    result = recovery.hidden(seed=0, quick=True)
    assert 0 <= result["figures"]["max_relative_error"] < 1
    assert "interest step: truth 0.3000" in recovery.hidden_table(result)


@pytest.mark.filterwarnings("ignore:.*effective draws")
def test_a_quick_study_of_fields_says_what_was_done_with_each():
    result = fields.fields(seed=0, replications=1, quick=True)
    assert 0 <= result["figures"]["coverage"] <= 1
    printed = fields.fields_table(result)
    assert "device, where missing, summed out; the initial draw taste summed out by" in printed
    assert "users.loc[1]" in printed


@pytest.mark.filterwarnings("ignore:.*effective draws")
def test_a_quick_study_of_a_log_fits_right_and_wrong_models_to_it():
    result = log.log(seed=0, quick=True)
    rows = result["rows"]
    assert [name for name, row in rows.items() if not row["is_right"]] == [
        *("without drift", "cascade")
    ]
    assert set(rows["Chains"]["estimates"]) == {*log.TRUTH, "users.drift"}
    assert all(row["gains"]["next"]["standard_error"] > 0 for row in rows.values())
    printed = log.log_table(result)
    assert all(name in printed for name in rows)
    assert "wrong model" in printed


def test_popularity_is_known_by_document_position_and_device():
    table = log.simulate(np.random.default_rng(0), 2000, 0.0)
    popularity = log.Popularity(log.read(table))
    other = log.read(log.simulate(np.random.default_rng(1), 500, 0.0))
    found = popularity.log_prob(other).mean()
    rate = table["click"].mean()
    clicks = other.response[0]
    constant = np.log(np.where(clicks == 1, rate, 1 - rate)).sum(axis=2).mean()
    assert found > constant + 0.1


def test_a_quick_run_times_the_likelihood():
    with in_this_process():
        result = likelihood_speed.speed(seed=0, quick=True)
    assert result["figures"]["sessions_per_second"] > 0
    assert result["figures"]["memory_of_longer_log"] > 0
    assert "sessions/s" in likelihood_speed.speed_table(result)
