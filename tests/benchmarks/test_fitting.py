# SPDX-License-Identifier: Apache-2.0
from typing import NamedTuple

import numpy as np
import pytest
import sections
from fits import default, fields, log, recovery

from recsim_tf.fitting import Draws
from recsim_tf.fitting.estimates import ParameterEstimate
from tests.benchmarks.runs import QUICK, quick_run, quick_section


class FakeResult(NamedTuple):
    """The result of a fit."""

    estimates: dict[str, ParameterEstimate]
    method: Draws = Draws(16)
    ending: str = "converged"


def test_a_quick_recovery_prints_and_writes_its_figures(tmp_path):
    content, printed = quick_run(tmp_path, "fitting.py", "recovery", "--seed=1")
    figures, rows = content["figures"], content["details"]["recovery"]["rows"]
    truth = np.array([value for value, _ in recovery.TRUTH.values()])
    estimates, standard_errors = (
        np.array([[row[field][name] for name in recovery.TRUTH] for row in rows])
        for field in ("estimates", "standard_errors")
    )
    z_scores = (estimates - truth) / standard_errors
    assert np.abs(z_scores).max() < 4
    largest = np.abs(estimates[0] / truth - 1).max()
    assert figures["recovery.max_relative_error"] == pytest.approx(largest)
    # Intervals of parameters of a limited range are not symmetric.
    is_clear = (np.abs(z_scores) < 1.5) | (np.abs(z_scores) > 2.5)
    covered = [[row["covered"][name] for name in recovery.TRUTH] for row in rows]
    np.testing.assert_array_equal(np.array(covered)[is_clear], (np.abs(z_scores) < 2)[is_clear])
    assert figures["recovery.pooled_coverage"] == np.mean(covered)
    first = rows[0]
    assert set(first["estimates"]) <= {line.split()[0] for line in printed.splitlines() if line}
    command = "python benchmarks/fitting.py recovery --quick --seed=1 --json=PATH"
    assert sorted(content["command"].split()) == sorted(command.split())
    assert content["machine"]["cores"] > 0
    # A source distribution has no commit.
    assert content["commit"] is None or len(content["commit"]) == 40


@pytest.mark.filterwarnings("ignore:.*effective draws")
def test_a_quick_study_of_fields_says_what_was_done_with_each():
    result = fields.fields(QUICK)
    rows, figures = result.details["rows"], result.figures
    truth = [np.ravel(value) for value, _ in fields.TRUTH.values()]
    assert [row["truth"] for row in rows] == QUICK.replications * np.concatenate(truth).tolist()
    assert figures["fields.coverage"] == np.mean([bool(row["covered"]) for row in rows])
    is_known = [row for row in rows if row["standard_error"] > 0]
    assert len(is_known) > 0
    for row in is_known:
        z_score = (row["estimate"] - row["truth"]) / row["standard_error"]
        assert row["z_score"] == pytest.approx(z_score)
        assert row["covered"] or abs(z_score) > 1.5
    printed = "\n".join(result.lines)
    assert "device, where missing, summed out; the initial draw taste summed out by" in printed
    assert "users.loc[1]" in printed


def test_a_default_fit_is_scored_by_its_distance_from_the_truth_in_its_own_errors():
    world = default.WORLDS["dwell"]
    value = {name: np.float64(truth + 1.0) for name, (truth, _) in world.truth.items()}
    estimates = {
        f"users.{name}": ParameterEstimate(each, np.float64(0.5), each - 0.9, each + 0.9)
        for name, each in value.items()
    }
    at_edge = dict.fromkeys(estimates, ParameterEstimate(*[np.float64(np.nan)] * 4))
    rows = [default.row(world, FakeResult(parts), 1.0) for parts in (estimates, at_edge)]
    assert set(rows[0]["z"].values()) == {2.0}
    assert not any(rows[0]["covered"].values())
    assert rows[1]["covered"] == {}


@pytest.mark.long
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


@pytest.mark.long
def test_a_quick_run_times_the_likelihood():
    figures, _ = quick_section("fits.likelihood_speed.speed")
    assert figures["fitting_speed.sessions_per_second"] > 0
    assert figures["fitting_speed.memory_of_longer_log"] > 0


def test_a_section_without_its_name_is_refused():
    with pytest.raises(sections.app.UsageError, match="name some of recovery, log, got recoveri"):
        sections.chosen(["fitting.py", "recoveri"], ("recovery", "log"))
