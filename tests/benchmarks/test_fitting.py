import numpy as np
import pytest
import sections
from fits import fields, log

from tests.benchmarks.runs import QUICK, quick_run, quick_section


def test_a_quick_recovery_prints_and_writes_its_figures(tmp_path):
    content, printed = quick_run(tmp_path, "fitting.py", "recovery", "--seed=1")
    assert 0 < content["figures"]["recovery.max_relative_error"] < 1
    assert 0 <= content["figures"]["recovery.pooled_coverage"] <= 1
    (first, _) = content["details"]["recovery"]["rows"]
    assert set(first["estimates"]) <= {line.split()[0] for line in printed.splitlines() if line}
    command = "python benchmarks/fitting.py recovery --quick --seed=1 --json=PATH"
    assert sorted(content["command"].split()) == sorted(command.split())
    assert content["machine"]["cores"] > 0


@pytest.mark.filterwarnings("ignore:.*effective draws")
def test_a_quick_study_of_fields_says_what_was_done_with_each():
    result = fields.fields(QUICK)
    assert 0 <= result.figures["fields.coverage"] <= 1
    printed = "\n".join(result.lines)
    assert "device, where missing, summed out; the initial draw taste summed out by" in printed
    assert "users.loc[1]" in printed


@pytest.mark.filterwarnings("ignore:.*effective draws")
def test_a_quick_study_of_a_log_fits_right_and_wrong_models_to_it():
    result = log.log(QUICK)
    rows = result.details["rows"]
    assert [name for name, row in rows.items() if not row["is_right"]] == [
        *("without drift", "cascade")
    ]
    assert set(rows["Chains"]["estimates"]) == {*log.TRUTH, "users.drift"}
    assert all(row["gains"]["next"]["standard_error"] > 0 for row in rows.values())
    printed = "\n".join(result.lines)
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
    figures, _ = quick_section("fits.likelihood_speed.speed")
    assert figures["fitting_speed.sessions_per_second"] > 0
    assert figures["fitting_speed.memory_of_longer_log"] > 0


def test_a_section_without_its_name_is_refused():
    with pytest.raises(sections.app.UsageError, match="name some of recovery, log, got recoveri"):
        sections.chosen(["fitting.py", "recoveri"], ("recovery", "log"))
