# SPDX-License-Identifier: Apache-2.0
import json

import numpy as np
import pytest

from recsim_tf.experiment.comparing.comparison_report import comparison_page
from recsim_tf.experiment.comparing.finished import read_run, run_names
from recsim_tf.experiment.comparing.gains import compare
from tests.experiment.comparing.run_folders import write_run
from tests.refusals import assert_refused
from tests.web_page import WebPage

# Matplotlib warns of its own dependencies.
pytestmark = pytest.mark.filterwarnings("ignore")

RETURNS = np.random.default_rng(0).gamma(2.0, 50.0, size=(2, 40)).astype(np.float32)


def test_a_run_has_the_returns_of_its_users(tmp_path):
    folder = write_run(tmp_path / "run", dict(zip("ab", RETURNS, strict=True)), train={})
    first, agent = read_run(folder, "mine")
    assert (first.policy, first.runs, first.is_agent) == ("a", ("mine",), False)
    assert (agent.policy, agent.is_agent) == ("b", True)
    np.testing.assert_array_equal(first.values.astype(np.float32), RETURNS[0])
    mean = first.mean()
    assert mean.value == pytest.approx(RETURNS[0].mean())
    assert mean.standard_error == pytest.approx(RETURNS[0].std(ddof=1) / np.sqrt(40))


@pytest.mark.parametrize("size", [1, 2, 8, 40])
def test_users_of_a_world_are_counted_together(tmp_path, size):
    folder = write_run(tmp_path / "run", {"a": RETURNS[0]}, users_per_world=size)
    (returns,) = read_run(folder, "run")
    assert returns.users_per_world == size
    worlds = RETURNS[0].reshape(-1, size).mean(axis=1)
    expected = np.sqrt(worlds.var(ddof=1) / len(worlds)) if size < 40 else np.nan
    assert returns.mean().standard_error == pytest.approx(expected, nan_ok=True)


def test_two_policies_of_one_name_are_a_damaged_file(tmp_path):
    folder = write_run(tmp_path / "run", {"a": RETURNS[0]})
    content = json.loads((folder / "results.json").read_text())
    content["policies"] *= 2
    (folder / "results.json").write_text(json.dumps(content))
    message = r"results.json is damaged .*policies must differ from each"
    assert_refused(lambda: read_run(folder, "run"), message)


def test_users_are_the_same_ones_with_the_same_environment_seed_and_number(tmp_path):
    runs = {
        "first": {},
        "again": {},
        "seed": {"seed": 2},
        "other": {"environment": {"users": "Readers"}},
    }
    policies = {
        name: read_run(write_run(tmp_path / name, {"a": RETURNS[0]}, **more), name)[0]
        for name, more in runs.items()
    }
    (fewer,) = read_run(write_run(tmp_path / "fewer", {"a": RETURNS[0, :30]}), "fewer")
    first = policies["first"]
    same = [name for name, returns in policies.items() if returns.has_users_of(first)]
    assert same == ["first", "again"]
    assert first.equals(policies["again"])
    assert not first.has_users_of(fewer)
    assert not first.equals(first._replace(values=RETURNS[1]))
    assert not first.equals(first._replace(policy="b"))


def test_seeds_that_a_run_compares_are_those_of_their_policies(tmp_path):
    folder = write_run(tmp_path / "run", {"a [seed=1]": RETURNS[0], "a [seed=2]": RETURNS[1]})
    results = json.loads((folder / "results.json").read_text())
    for seed, policy in enumerate(results["policies"], start=1):
        policy["seed"] = seed
    (folder / "results.json").write_text(json.dumps(results))
    first, second = policies = read_run(folder, "run")
    assert not first.has_users_of(second)
    assert "run 1, 2" in WebPage(comparison_page(compare([policies]), {"run": folder})).text


def test_runs_have_the_shortest_names_that_tell_them_apart(tmp_path):
    paths = [tmp_path / name for name in ("a/seed-0", "b/seed-0", "b/seed-1")]
    assert run_names(paths) == ["a/seed-0", "b/seed-0", "b/seed-1"]
    assert run_names(paths[1:]) == ["seed-0", "seed-1"]
