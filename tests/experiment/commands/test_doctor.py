# SPDX-License-Identifier: Apache-2.0
"""`recsim-tf doctor`: a page or a line for each kind of log."""

import json

import pandas as pd
import pytest

from recsim_tf import interest_evolution, logs
from recsim_tf.logs import episodes
from recsim_tf.policies import softmax_policy
from tests.experiment.tiny_runs import refused, succeed
from tests.logs.examination.worlds import log_of

TABLE = logs.to_table(log_of(300, num_steps=2))
TIMES = pd.to_datetime(TABLE["timestamp"], utc=True)
NANOSECONDS = TIMES.astype("datetime64[ns, UTC]").astype("int64")


def doctor(folder, capfd, table=TABLE, *options):
    """The output for a table, and the words of the findings by name."""
    table.to_csv(folder / "log.csv", index=False)
    output = folder / "doctor"
    options = ("--multiple_clicks", f"--output={output}", *options)
    text = succeed(capfd, "doctor", folder / "log.csv", *options)
    content = json.loads((output / "findings.json").read_text())
    page = (output / "report.html").read_text()
    assert content["schema"] == 1
    assert "nan" not in text
    assert "nan" not in page
    return text, {name: each["word"] for name, each in content["findings"].items()}


def in_zones(*zones):
    """The times as texts, in each zone in turn."""
    return [time.tz_convert(zones[row % len(zones)]).isoformat() for row, time in enumerate(TIMES)]


TIME_FORMS = {
    "ISO": in_zones("UTC"),
    "ISO without a zone": [text.removesuffix("+00:00") for text in in_zones("UTC")],
    "two zones": in_zones("Europe/Berlin", "America/New_York"),
    "seconds": NANOSECONDS / 1e9,
    "milliseconds": NANOSECONDS // 10**6,
    "microseconds": NANOSECONDS // 10**3,
    "nanoseconds": NANOSECONDS,
}


@pytest.mark.parametrize("form", TIME_FORMS)
def test_times_in_every_form_have_the_same_findings(tmp_path, capfd, form):
    _, expected = doctor(tmp_path, capfd)
    (tmp_path / "other").mkdir()
    _, found = doctor(tmp_path / "other", capfd, TABLE.assign(timestamp=TIME_FORMS[form]))
    assert found == expected
    assert expected["days"] == expected["drift"] == "no fault seen"


@pytest.mark.parametrize(
    ("table", "unknown"),
    [
        (TABLE[TABLE["session"] == "0"], {"propensities", "amounts", "days", "drift"}),
        (TABLE.assign(user="u0"), {"drift", "logging policy"}),
        (TABLE.drop(columns="timestamp"), {"days", "drift", "logging policy"}),
        (TABLE.drop(columns="propensity"), {"propensities", "support"}),
    ],
    ids=["one session", "one user", "without times", "without propensities"],
)
def test_a_log_that_lacks_something_has_a_page_on_what_it_cannot_tell(
    tmp_path, capfd, table, unknown
):
    _, words = doctor(tmp_path, capfd, table)
    assert unknown <= {name for name, word in words.items() if word == "cannot tell"}
    assert {"fault", "with care"}.isdisjoint(words.values())


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        (
            {"timestamp": TIMES.dt.strftime("%d.%m.%Y")},
            "a number in all rows, or a date (ISO 8601)",
        ),
        (
            {"timestamp": NANOSECONDS.where(TABLE.index % 7 > 0, NANOSECONDS // 10**6)},
            "row 0 (line 2 of log.csv), column 'timestamp' must be in the same unit in all rows",
        ),
        ({"propensity": 0.0}, "column 'propensity' must be in (0, 1], got 0.0"),
        ({"clicked": "yes"}, "column 'clicked' must be 0 or 1, got 'yes'"),
    ],
)
def test_a_faulty_table_is_one_line(tmp_path, monkeypatch, capfd, changes, message):
    monkeypatch.chdir(tmp_path)
    TABLE.assign(**changes).to_csv("log.csv", index=False)
    assert message in refused(capfd, "doctor", "log.csv", "--multiple_clicks")


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (
            "log.json",
            "LOG must be a table .csv, .csv.gz, .csv.zip, .parquet, .pq, or a .gin file",
        ),
        ("none.csv", "there is no file none.csv"),
        ("none.gin", "LOG 'none.gin' is neither a file nor one of the packaged configs"),
        (
            "log.csv",
            "column 'clicked' must be 1 in at most one row of a slate (multiple_clicks=True",
        ),
        (
            "log.csv --column=session",
            "--column must be ROLE=NAME, such as session=visit_id, got se",
        ),
        ("log.csv --output=.", "--output . exists, name a new folder"),
        (
            "log.gin --column=session=user",
            "--column and --multiple_clicks are for a table, got LOG",
        ),
        ("log.gin", "log.gin, line 1: run_ope.log must be the path of an episode file or of a ta"),
    ],
)
def test_a_wrong_argument_is_one_line(tmp_path, monkeypatch, capfd, arguments, message):
    monkeypatch.chdir(tmp_path)
    TABLE.to_csv("log.csv", index=False)
    (tmp_path / "log.gin").write_text("run_ope.log = 5")
    assert message in refused(capfd, "doctor", *arguments.split())


READER = """
import gin
from recsim_tf import logs

@gin.configurable
def read_pieces():
    log = logs.from_table("log.csv", multiple_clicks=True, user_columns={"kind": "kind"})
    pieces = [log.take(slice(0, 200)), log.take(slice(150, 300))]
    return logs.LogStream(lambda: pieces)
"""


def test_the_configuration_of_ope_gives_a_log_in_pieces(tmp_path, monkeypatch, capfd):
    monkeypatch.chdir(tmp_path)
    monkeypatch.syspath_prepend(tmp_path)
    TABLE.to_csv("log.csv", index=False)
    (tmp_path / "pieces_of_doctor.py").write_text(READER)
    (tmp_path / "log.gin").write_text("import pieces_of_doctor\nrun_ope.log = @read_pieces()")
    output = succeed(capfd, "doctor", "log.gin")
    assert "50 pairs of sessions begin at the same time and are equal" in output
    assert "The log has 1 of 9 faults looked for: copies." in output


@pytest.mark.slow
def test_the_configuration_of_ope_gives_an_episode_file(tmp_path, monkeypatch, capfd):
    monkeypatch.chdir(tmp_path)
    simulator = interest_evolution(slate_size=3, num_candidates=10)
    trajectory = simulator.rollout(softmax_policy(simulator, 2.0), 20, 2, seed=0)
    episodes.write("log.tfrecord", simulator, trajectory)
    bindings = "run_ope.log = 'log.tfrecord'\nrun_ope.logging = None\n"
    (tmp_path / "log.gin").write_text(f"include 'ope/interest_evolution.gin'\n{bindings}")
    expected = logs.examine(logs.from_episodes("log.tfrecord", simulator))
    assert succeed(capfd, "doctor", "log.gin") == f"{expected}\n"
