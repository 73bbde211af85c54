# SPDX-License-Identifier: Apache-2.0
"""The command on a tiny run."""

import contextlib
import io
import re

import numpy as np
import pytest

from recsim_tf.command_line import cli
from recsim_tf.experiment import building, config
from recsim_tf.experiment.commands import sessions
from recsim_tf.experiment.runs.folder import RunDirectory
from recsim_tf.experiment.sessions.table import ROLES
from recsim_tf.logs import from_table
from tests.experiment.tiny_runs import open_run, read_csv, refused, snapshot, succeed
from tests.web_page import read_page

# Matplotlib and PolicySaver warn of their own dependencies.
pytestmark = [pytest.mark.filterwarnings("ignore"), pytest.mark.slow]

NUM_USERS, NUM_TURNS = 4, 20


@pytest.fixture(name="run", scope="module")
def _run(evaluated_run):
    return evaluated_run


@pytest.fixture(scope="module")
def shown(run):
    """What the command prints of the first users, and the folder that it writes."""
    output = io.StringIO()
    with contextlib.redirect_stdout(output):
        arguments = (f"--root_dir={run}", f"--num_users={NUM_USERS}", "--max_turns=2")
        assert cli.run(["sessions", *arguments]) == 0
    return output.getvalue(), run / "sessions" / "slateq-40"


def test_the_sessions_are_those_of_the_evaluation_and_from_table_reads_them(run, shown):
    columns = {role: role for role in ROLES}
    table = from_table(shown[1] / "sessions.parquet", columns, attributes=("document_quality",))
    evaluated = [row for row in read_csv(run / "sessions.csv") if row["policy"] == "SlateQ"]
    log, expected = table, evaluated[:NUM_USERS]
    assert table.labels.session.tolist() == [row["user"] for row in expected]
    np.testing.assert_array_equal(log.length, [float(row["steps"]) for row in expected])
    np.testing.assert_array_equal(log.departed, [row["outcome"] == "left" for row in expected])
    clicks = (log.response < 2).sum(axis=1)
    np.testing.assert_array_equal(clicks, [float(row["clicks"]) for row in expected])
    # Whole slates were shown, of documents that are all different.
    assert log.shown.all()
    assert len(table.labels.document) == 2 * NUM_TURNS * NUM_USERS


def test_sessions_are_told_turn_by_turn(shown):
    output, folder = shown
    assert output.startswith("Sessions under SlateQ: users 0 to 3 of 6, InterestEvolutionUsers")
    found = re.findall(r"^Turn \d+", output, re.MULTILINE)
    assert found == ["Turn 1", "Turn 2"] * NUM_USERS
    # The head of a slate, and those that are not shown.
    assert output.count("Q - Q(no click)") == 4 * NUM_USERS
    of_slates = re.findall(r"^  [ >][12]  topic \d+, length 4, quality ", output, re.MULTILINE)
    assert len(of_slates) == 4 * NUM_USERS
    does = re.findall(r"The user (?:watches [12] for 4|clicks nothing)\. Reward [04]\.", output)
    assert len(does) == 2 * NUM_USERS
    assert re.search(r"budget 200 → \d+", output)
    assert output.count(f"... {NUM_TURNS - 2} more turns, with a reward of ") == NUM_USERS
    assert output.count("Cut off after 20 turns, the user was still there: reward ") == NUM_USERS
    assert str(folder / "sessions.html") in output


def test_the_page_has_every_turn_of_every_user(shown):
    output, folder = shown
    page = read_page(folder / "sessions.html")
    assert page.title == "Sessions under SlateQ"
    assert page.headings == [f"User {user}" for user in range(NUM_USERS)]
    assert len(page.images) == NUM_USERS
    # In each turn, what the agent thought of its candidates.
    assert page.text.count("all numbers") == NUM_TURNS * NUM_USERS
    assert page.text.count("not shown, by Q - Q(no click): ") == NUM_TURNS * NUM_USERS
    clicks = re.findall(r"^\d .* (\d+)  cut off$", output, re.MULTILINE)
    assert len(page.marked) == sum(map(int, clicks))
    assert {path.name for path in folder.iterdir()} == {"sessions.html", "sessions.parquet"}


def test_one_user_under_another_policy_goes_into_a_folder_of_the_callers(run, tmp_path, capfd):
    before, output = snapshot(run), tmp_path / "new" / "shown"
    arguments = (f"--root_dir={run}", "--user=3", "--policy=random", f"--output={output}")
    printed = succeed(capfd, "sessions", *arguments)
    assert "Sessions under Random: user 3 of 6" in printed
    page = read_page(output / "sessions.html")
    assert page.headings == ["User 3"]
    assert "does not explain its choices" in page.text
    assert snapshot(run) == before
    line = refused(capfd, "sessions", *arguments)
    assert line == f"--output {output} exists, name a new folder"


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["--user=6"], r"--user must be in \[0, Evaluation.num_users=6\), got 6"),
        (["--num_users=7"], r"--num_users must be in \[1, Evaluation.num_users=6\], got 7"),
        (["--output=."], r"--output \. exists, name a new folder"),
        (["--user=one"], "argument --user: invalid int value: 'one'"),
        (
            ["--policy=rnadom"],
            "--policy must be one of Random, Oracle, SlateQ, random, myopic, .*, got 'rnadom'",
        ),
        (["--policy=ucb1"], "observed documents must have the fields cluster_id, quality, got "),
    ],
)
def test_bad_input_is_one_line_and_nothing_is_written(run, capfd, arguments, message):
    before = snapshot(run)
    assert re.match(message, refused(capfd, "sessions", f"--root_dir={run}", *arguments))
    assert snapshot(run) == before


def test_an_output_that_comes_into_being_meanwhile_is_kept(run, tmp_path, capfd, monkeypatch):
    output, real = tmp_path / "new", sessions.session_table

    def meanwhile(*arguments):
        output.mkdir()
        (output / "precious.txt").write_text("mine")
        return real(*arguments)

    monkeypatch.setattr(sessions, "session_table", meanwhile)
    arguments = (f"--root_dir={run}", "--user=3", "--policy=random", f"--output={output}")
    line = refused(capfd, "sessions", *arguments)
    assert line == f"{output} exists, name a new folder"
    assert snapshot(tmp_path) == {"new/precious.txt": b"mine"}


def test_a_run_without_a_checkpoint_says_so(tmp_path, capfd):
    folder = open_run(tmp_path / "run")
    with folder.claim():
        line = refused(capfd, "sessions", f"--root_dir={folder.path}")
    assert line.endswith("run has no checkpoint, so its agent has no sessions")


def test_a_simulation_shows_its_first_policy(tmp_path, capfd):
    bindings = (
        "simulate.simulator = @interest_exploration()",
        "interest_exploration.slate_size = 2",
        "interest_exploration.num_candidates = 4",
        "simulate.policies = ('ucb1', 'random')",
        "Evaluation.num_users = 3",
        "Evaluation.max_steps = 4",
    )
    folder = RunDirectory(tmp_path / "run", config.load([], bindings))
    with folder.claim():
        folder.write({"results.json": {"simulate": {}}})
    output = succeed(capfd, "sessions", f"--root_dir={folder.path}")
    assert "Sessions under UCB1 over clusters: users 0 to 2 of 3" in output
    assert output.count("by score: cluster ") == 12
    page = read_page(folder.path / "sessions/ucb1_over_clusters/sessions.html")
    assert "cluster_id" in page.text


def test_a_user_of_a_later_part_has_the_session_of_the_evaluation(tmp_path, capfd):
    bindings = (
        "simulate.simulator = @interest_exploration()",
        "interest_exploration.slate_size = 2",
        "Evaluation.num_users = 6",
        "Evaluation.max_steps = 12",
        "Evaluation.num_replicas = 2",
    )
    folder = RunDirectory(tmp_path / "run", config.load([], bindings))
    building.simulate(folder)
    returns = [float(row["return"]) for row in read_csv(folder.path / "sessions.csv")]
    output = succeed(capfd, "sessions", f"--root_dir={folder.path}", "--user=4")
    assert "Sessions under Random: user 4 of 6" in output
    assert float(re.search(r"still there: reward ([\d.]+)", output)[1]) == returns[4]
    # It is not user 1 of the first part.
    assert returns[4] != returns[1]
    line = refused(capfd, "sessions", f"--root_dir={folder.path}", "--num_users=4")
    assert line.startswith("--num_users must be in [1, 3], the users of one of Evaluation.num_rep")
