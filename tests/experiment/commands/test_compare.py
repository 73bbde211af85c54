# SPDX-License-Identifier: Apache-2.0
"""`recsim-tf compare`."""

import json
import shutil

import numpy as np
import pytest

from recsim_tf.experiment import building, config
from recsim_tf.experiment.commands.compare import run_comparison
from recsim_tf.experiment.runs.folder import RunDirectory
from tests.experiment.comparing.run_folders import ENVIRONMENT, write_run
from tests.experiment.tiny_runs import refused, snapshot, succeed
from tests.web_page import read_page

# Matplotlib warns of its own dependencies.
pytestmark = pytest.mark.filterwarnings("ignore")

_GENERATOR = np.random.default_rng(0)
RANDOM = _GENERATOR.gamma(4.0, 40.0, size=50)
BETTER = RANDOM + _GENERATOR.normal(30.0, 5.0, size=50)


@pytest.fixture
def runs(tmp_path):
    """The folder of two trainings with the same baseline."""
    for name, gained in (("first", 0.0), ("second", 4.0)):
        policies = {"Random": RANDOM, "SlateQ": BETTER + gained}
        write_run(tmp_path / "runs" / name, policies, train={})
    return tmp_path / "runs"


def test_two_trainings_are_compared_in_a_table_a_sentence_a_page_and_figures(runs, capfd):
    output = runs / "new" / "compared"
    before = snapshot(runs)
    arguments = (runs / "first", runs / "second", f"--output={output}")
    printed = succeed(capfd, "compare", *arguments, "--baseline=Random")
    head, _, *rows = printed.splitlines()[:5]
    assert head.split()[:3] == ["policy", "run", "return"]
    assert [row.split()[:2] for row in rows] == [
        ["SlateQ", "(second)"],
        ["SlateQ", "(first)"],
        ["Random", "all"],
    ]
    mean, difference = (BETTER + 4.0).mean(), (BETTER + 4.0 - RANDOM).mean()
    assert f"{mean:.2f}" in rows[0]
    assert f"+{difference:.2f}" in rows[0]
    assert "paired" in rows[0]
    said = f"SlateQ (second) has the highest mean return, {difference:.2f} more than Random (95%"
    assert said in printed
    content = json.loads((output / "compare.json").read_text())
    assert content["sentence"] in printed
    assert content["reference"] == "Random"
    assert content["runs"] == {name: str(runs / name) for name in ("first", "second")}
    assert content["differences"] == {}
    best, _, random = content["policies"]
    assert (best["policy"], best["runs"]) == ("SlateQ", ["second"])
    assert best["mean_return"]["value"] == pytest.approx(mean)
    assert best["gain"]["value"] == pytest.approx(difference)
    assert best["gain"]["is_paired"]
    assert (random["runs"], random["gain"]) == (["first", "second"], None)
    page = read_page(output / "report.html")
    assert page.headings == ["Policies", "Runs"]
    assert said in page.text
    assert len(page.images) == 2
    assert (output / "compare.png").read_bytes()[:4] == b"\x89PNG"
    after = snapshot(runs)
    assert {name: after[name] for name in before} == before
    assert sorted(set(after) - set(before)) == [
        f"new/compared/{name}" for name in ("compare.json", "compare.png", "report.html")
    ]


def test_environments_that_differ_are_compared_and_told(runs, capfd):
    write_run(runs / "narrow", {"Random": RANDOM + 1.0}, {**ENVIRONMENT, "slate_size": "2"})
    output = runs / "compared"
    printed = succeed(capfd, "compare", runs / "first", runs / "narrow", f"--output={output}")
    assert "The environments differ, so gains are not of policies alone:" in printed
    assert "  slate_size: 3 in first, 2 in narrow\n" in printed
    (row,) = (line for line in printed.splitlines() if line.startswith("Random (narrow)"))
    assert "independent" in row
    page = read_page(output / "report.html")
    assert page.headings == ["Policies", "Environments", "Runs"]
    assert "The environments differ, so gains are not of policies alone." in page.text


def test_one_run_with_several_policies_needs_no_other(runs, capfd):
    before = snapshot(runs)
    printed = succeed(capfd, "compare", runs / "first")
    random = next(line for line in printed.splitlines() if line.startswith("Random"))
    assert "\N{MINUS SIGN}" in random
    assert snapshot(runs) == before


def test_a_single_world_has_no_interval_and_no_difference(tmp_path, capfd):
    policies = {"a": RANDOM, "b": RANDOM + 9.0}
    write_run(tmp_path / "run", policies, users_per_world=50)
    output = tmp_path / "compared"
    printed = succeed(capfd, "compare", tmp_path / "run", f"--output={output}")
    assert "No difference can be seen between b and a" in printed
    policy = json.loads((output / "compare.json").read_text())["policies"][0]
    assert policy["mean_return"]["interval"] == [None, None]
    assert policy["gain"]["test_users"] is None


@pytest.mark.parametrize(
    ("damage", "message"),
    [
        (shutil.rmtree, "RUN {run} must be the folder of a run, there is no such folder"),
        (
            lambda run: (run / "config.gin").unlink(),
            "RUN {run} must be the folder of a run, it has no config.gin",
        ),
        *(
            (
                lambda run, name=name: (run / name).unlink(),
                "RUN {run} must be a finished run of train, evaluate or simulate, it has no"
                f" {name}",
            )
            for name in ("results.json", "sessions.csv", "environment.json")
        ),
        (
            lambda run: (run / "results.json").write_text('{"fit": 3}'),
            "RUN {run} must be a run of policies, results.json has none",
        ),
        (
            lambda run: (run / "environment.json").write_text('{"seed": 3}'),
            "{run}/environment.json is damaged (TypeError:",
        ),
        (
            lambda run: (run / "results.json").write_text('{"policies": [{"name": "a"}]}'),
            "{run}/results.json is damaged (KeyError:",
        ),
        (
            lambda run: (run / "sessions.csv").write_text("policy,user\n"),
            "{run}/sessions.csv is damaged (Usecols do not match",
        ),
        (
            lambda run: (run / "sessions.csv").write_text("policy,user,return\nRandom,0,x\n"),
            "{run}/sessions.csv is damaged (could not convert string to float",
        ),
        (
            lambda run: (run / "sessions.csv").write_text("policy,user,return\nRandom,0,1.0\n"),
            "RUN {run} is damaged, the returns of Random in sessions.csv are not those of results",
        ),
    ],
)
def test_a_folder_that_is_no_finished_run_is_refused(runs, capfd, damage, message):
    damage(runs / "second")
    line = refused(capfd, "compare", runs / "first", runs / "second", f"--output={runs / 'new'}")
    assert line.startswith(message.format(run=runs / "second"))
    assert not (runs / "new").exists()


def test_arguments_that_are_wrong_are_refused(runs, capfd, monkeypatch):
    monkeypatch.chdir(runs)
    assert refused(capfd, "compare", "first", "../runs/first").startswith(
        "RUN ../runs/first must be given once, is given twice"
    )
    assert refused(capfd, "compare", "first", "--output=second") == (
        "--output second exists, name a new folder"
    )
    assert refused(capfd, "compare", "first", "--baseline=Randon").endswith("did you mean Random?")
    assert refused(capfd, "compare", "first", "--output=new", "second") == (
        "argument RUN: second must stand beside the other runs"
    )
    assert refused(capfd, "compare", "first", "--outptu=new").endswith("did you mean --output?")
    assert "RUN" in refused(capfd, "compare")


@pytest.mark.slow
def test_a_training_and_the_values_that_evaluate_compares_are_read(finished, tmp_path):
    training = shutil.copytree(finished[0], tmp_path / "training")
    bindings = ['Evaluation.compare = {"users.choice_model.no_click_mass": (0.5, 3.0)}']
    config.load([str(training / "config.gin")], bindings)
    building.evaluate(RunDirectory(training))
    comparison = run_comparison([str(training), str(training / "evaluations" / "comparison-40")])
    assert comparison.reference == "SlateQ"
    assert len(comparison.policies) == 3 + 2 * 3
    recorded = {policy["name"]: policy for policy in finished[1]["policies"]}
    for name, policy in recorded.items():
        mean = comparison.policies[name].mean()
        assert mean.value == pytest.approx(policy["mean_return"])
        assert mean.standard_error == pytest.approx(policy["standard_error"])
    # All of them met the same users.
    assert all(gain.is_paired for gain in comparison.gains.values())
