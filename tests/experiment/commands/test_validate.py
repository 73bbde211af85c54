# SPDX-License-Identifier: Apache-2.0
"""Validations of fits that ran in folders: `recsim-tf validate`."""

import json

import pytest

from recsim_tf.experiment.runs.folder import locked
from recsim_tf.fitting import load_model
from tests.experiment.commands.test_fit import CONFIG
from tests.experiment.tiny_runs import refused, succeed
from tests.web_page import read_page


@pytest.fixture(scope="module", name="config")
def fixture_config(tmp_path_factory):
    path = tmp_path_factory.mktemp("validation") / "fit.gin"
    path.write_text(CONFIG)
    return path


@pytest.mark.filterwarnings("ignore")  # Matplotlib warns of its own dependencies.
@pytest.mark.slow
def test_a_fit_is_validated_on_what_it_did_not_see(tmp_path, config, capfd):
    run = tmp_path / "run"
    sizes = ("--gin_bindings=simulated_log.num_sessions = 140",)
    succeed(capfd, "fit", f"--root_dir={run}", f"--gin_file={config}", *sizes)
    options = (
        "--gin_bindings=validate.static = {'users.choice_model.no_click_mass': 1.0}",
        "--gin_bindings=validate.log = @held/simulated_log()",
        "--gin_bindings=held/simulated_log.num_sessions = 60",
        "--gin_bindings=held/simulated_log.seed = 8",
        "--gin_bindings=validate.other = @other/simulated_log()",
        "--gin_bindings=other/simulated_log.seed = 9",
    )
    output = succeed(capfd, "validate", f"--root_dir={run}", *options)
    content = json.loads((run / "validation.json").read_text())
    assert (content["num_sessions"], len(content["findings"])) == (60, 7)
    assert content["order"]["gain"]["value"] is not None
    page = read_page(run / "report.html")
    for finding in content["findings"]:
        assert finding["question"] in output
        assert finding["sentence"] in page.text
    assert page.headings.count("Does it predict?") == 1
    assert json.loads((run / "results.json").read_text())["estimates"]
    # A second validation replaces the first in the card; the model can be loaded still.
    succeed(capfd, "validate", f"--root_dir={run}", *options[1:4])
    card = (run / "model" / "MODEL_CARD.md").read_text()
    assert card.count("## Validation") == card.count("Does it predict?") == 1
    assert card.startswith("# Fit of a user model")
    assert load_model(run / "model").estimates


@pytest.mark.long
@pytest.mark.filterwarnings("ignore")
def test_what_cannot_be_validated_is_told_in_a_line(tmp_path, config, capfd):
    run = tmp_path / "run"
    bindings = ("--gin_bindings=run_fit.held_out = None",)
    fit = ("fit", f"--root_dir={run}", f"--gin_file={config}", *bindings)
    succeed(capfd, *fit)
    for options, message in (
        ((), "run_fit.held_out must be a part of the sessions, as 0.2"),
        (("validate.log = 3",), "validate.log must be a Log, or the result of a reader"),
        (
            ("run_fit.held_out = 0.5",),
            "run_fit.log and run_fit.held_out must give the sessions that were fitted",
        ),
        (
            ("validate.log = @simulated_log()", "validate.policies = 3"),
            "validate.policies must be a tuple of names and functions, got 3",
        ),
        (
            ("validate.log = @simulated_log()", "validate.static = {'users.gain': 0.0}"),
            "validate.static must name parameters that were fitted, users.choice_model.no_click",
        ),
        (
            (
                "validate.log = @other/simulated_log()",
                "other/simulated_log.seed = 5",
                "validate.hold_out_segment = {'phone': 1}",
            ),
            "hold_out_segment must name fields of the log's initial draws that are one number",
        ),
        (
            ("validate.log = @simulated_log()",),
            "held_out must be other sessions than train, or None, got sessions of train alone",
        ),
    ):
        given = [f"--gin_bindings={binding}" for binding in options]
        assert message in refused(capfd, "validate", f"--root_dir={run}", *given)
    (tmp_path / "empty").mkdir()
    refused(capfd, "validate", f"--root_dir={tmp_path / 'empty'}")
    with locked(run):
        assert "is in use by another process" in refused(
            capfd, "validate", f"--root_dir={run}", "--gin_bindings=validate.log = @simulated_log()"
        )
    card = run / "model" / "MODEL_CARD.md"
    card.rename(tmp_path / "private.md")
    card.symlink_to(tmp_path / "private.md")
    message = refused(capfd, "validate", f"--root_dir={run}")
    assert "MODEL_CARD.md is a link, which is not followed: remove it" in message
