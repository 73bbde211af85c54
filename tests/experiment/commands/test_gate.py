# SPDX-License-Identifier: Apache-2.0
"""Requirements of `recsim-tf ope` and its exit status."""

import json

import numpy as np
import pytest

from recsim_tf import ope
from recsim_tf.command_line import cli
from recsim_tf.experiment.commands.gate import Requirement, exit_status, outcomes, pairs
from recsim_tf.ope.results import Gain
from tests.refusals import assert_refused

NAN = float("nan")


def estimate(word, gain=(0.5, 1.5), interval=(4.0, 6.0), reason=""):
    verdict = ope.Verdict(word, reason)
    return ope.Estimate(5.0, 0.5, interval, verdict, Gain(1.0, gain), weights=None)


def result(**estimates):
    """The result of a policy, whose log has a mean return of 4."""
    made = ope.Result(estimates)
    made.logged = ope.Estimate(4.0, 0.1, (3.8, 4.2), ope.Verdict("logged"))
    return made


def outcome(word, **estimates):
    (found,) = outcomes(ope.Results({"it": result(**estimates)}), [("it", word)])
    assert (found.policy, found.word) == ("it", word)
    return found


@pytest.mark.parametrize("word", ["believable", "gain"])
@pytest.mark.parametrize("verdict", ["believable", "wide"])
def test_a_promise_of_a_gain_above_zero_meets_every_requirement(word, verdict):
    found = outcome(word, snips=estimate(verdict))
    assert (found.met, found.status) == (True, 0)


@pytest.mark.parametrize("gain", [(-0.5, 1.5), (0.0, 1.5), (-1.5, -0.5)])
def test_a_gain_that_is_not_above_zero_is_not_met_though_the_estimate_is_believable(gain):
    snips = estimate("believable", gain)
    assert outcome("believable", snips=snips).status == 0
    found = outcome("gain", snips=snips)
    assert (found.met, found.status) == (False, 3)


@pytest.mark.parametrize("word", ["believable", "gain"])
def test_an_estimate_with_care_meets_no_requirement(word):
    found = outcome(word, snips=estimate("with care", reason="propensities estimated"))
    assert (found.met, found.status) == (False, 3)
    assert found.reason == "the verdict on snips is with care: propensities estimated"


@pytest.mark.parametrize("word", ["believable", "gain"])
def test_the_log_cannot_tell_where_no_estimate_is_to_be_believed(word):
    faulty = estimate("not believable", reason="a fault")
    found = outcome(word, snips=faulty, simulated=estimate("cannot tell", reason="no model"))
    assert (found.met, found.status) == (False, 4)
    assert "snips: not believable: a fault; simulated: cannot tell: no model" in found.reason


@pytest.mark.parametrize("word", ["believable", "gain"])
@pytest.mark.parametrize(
    "snips",
    [
        estimate("wide", (NAN, NAN)),
        estimate("wide", (0.5, float("inf"))),
        estimate("wide", interval=(NAN, NAN)),
        estimate("wide")._replace(gain=None),
    ],
)
def test_the_log_cannot_tell_where_an_error_is_not_known(word, snips):
    assert outcome(word, snips=snips).status == 4


def test_only_the_estimate_to_read_first_counts():
    """It is the promise, and among promises the narrower gain."""
    care, wide = estimate("with care", (0.1, 0.2)), estimate("wide", (-3.0, 3.0))
    assert outcome("believable", first=care, second=wide).status == 0
    assert outcome("gain", first=care, second=wide).status == 3
    assert outcome("gain", first=care, second=wide, third=estimate("believable")).status == 0


def test_a_line_says_the_policy_the_word_the_answer_and_why():
    low, high = np.float64(0.5), np.float64(1.5)
    lines = [
        str(outcome("gain", snips=estimate("believable", gain)))
        for gain in ((low, high), (-low, high))
    ]
    assert lines == [
        "Requirement gain of it: met; the gain by snips is between +12.5% and +37.5%, which lies"
        " above 0",
        "Requirement gain of it: not met; the gain by snips is between \N{MINUS SIGN}12.5% and"
        " +37.5%, which does not lie above 0",
    ]
    line = str(outcome("gain", snips=estimate("not believable", reason="a fault")))
    assert line.startswith("Requirement gain of it: not met, the log cannot tell; no estimate is")


def test_figures_are_those_of_ope_json():
    found = outcome("believable", snips=estimate("believable")).figures()
    reason = "the verdict on snips is believable"
    assert found == dict(policy="it", word="believable", met=True, status=0, reason=reason)


@pytest.mark.parametrize(
    ("statuses", "status"),
    [([], 0), ([0, 0], 0), ([0, 3], 3), ([4, 0], 4), ([4, 4], 4), ([4, 3], 3), ([3, 4, 0], 3)],
)
def test_a_requirement_that_is_not_met_goes_before_one_of_which_the_log_cannot_tell(
    statuses, status
):
    assert exit_status(statuses) == status


def test_a_requirement_is_on_each_policy_or_on_the_policy_that_it_names():
    def asked(*texts):
        return pairs(map(Requirement.parse, texts), ["new", "a:b"])

    assert asked() == []
    assert asked("gain") == [("new", "gain"), ("a:b", "gain")]
    assert asked("gain:a:b", "believable:new") == [("a:b", "gain"), ("new", "believable")]
    assert asked("gain:new", "gain", "gain") == [("new", "gain"), ("a:b", "gain")]


def test_wrong_requirements_are_refused_in_a_line():
    for text, message in (
        ("gian", "--require has no word 'gian'; did you mean gain?"),
        ("sure:new", "--require has no word 'sure'; choose one of believable, gain"),
        ("", "--require has no word ''; choose one of believable, gain"),
        ("gain:othr", "--require=gain:POLICY must name a policy .*, got 'othr'; did you mean oth"),
        ("gain:", "got ''; choose one of new, other"),
    ):
        assert_refused(
            lambda text=text: pairs([Requirement.parse(text)], ["new", "other"]), message
        )


def judged(folder, shares, *required, num_sessions=100, num_users=100):
    """The exit status for a log of slates of one document each, and the content of ope.json.
    Documents earn their number, 0 or 1, and are logged with the probability 0.5.

    Args:
      folder: the folder of the log and of the run.
      shares: the probabilities of documents 0 and 1 under the policy to be judged.
      required: the texts of requirements.
      num_sessions, num_users: the sizes of the log.
    """
    names = "session,user,position,document,reward,propensity,target_propensity"
    rows = [
        f"{row},{row % num_users},0,{row % 2},{row % 2},0.5,{shares[row % 2]}"
        for row in range(num_sessions)
    ]
    (folder / "log.csv").write_text("\n".join([names, *rows]))
    bindings = [f"run_ope.log = '{folder / 'log.csv'}'", "run_ope.estimators = ('snips',)"]
    options = [f"--gin_bindings={each}" for each in bindings]
    options += [f"--require={each}" for each in required]
    status = cli.run(["ope", f"--root_dir={folder / 'run'}", *options])
    file = folder / "run" / "ope.json"
    return status, json.loads(file.read_text()) if file.is_file() else None


@pytest.mark.slow
@pytest.mark.filterwarnings("ignore")  # Matplotlib warns of its own dependencies.
@pytest.mark.parametrize(
    ("shares", "required", "status", "answers"),
    [
        ((0.2, 0.8), ("believable", "gain:target policy"), 0, ["met", "met"]),
        ((0.5, 0.5), ("believable", "gain"), 3, ["met", "not met"]),
        ((0.0, 0.0), ("believable", "gain"), 4, ["not met, the log cannot tell"] * 2),
        ((0.2, 0.8), (), 0, []),
    ],
)
def test_a_pipeline_gets_the_exit_status_and_all_files(
    tmp_path, capfd, shares, required, status, answers
):
    code, content = judged(tmp_path, shares, *required)
    output, errors = capfd.readouterr()
    assert code == status, errors
    assert content["schema"] == 1
    assert content["policies"]["target policy"]["estimates"]["snips"]
    assert content["findings"]["findings"]["copies"]["word"] == "no fault seen"
    words = [each.partition(":")[0] for each in required]
    assert [each["word"] for each in content["requirements"]] == words
    assert exit_status(each["status"] for each in content["requirements"]) == status
    for name in ("report.html", "estimates.png", "operative_config.gin"):
        assert (tmp_path / "run" / name).is_file()
    lines = [line for line in output.splitlines() if line.startswith("Requirement ")]
    assert len(lines) == len(answers)
    for line, answer, each in zip(lines, answers, content["requirements"], strict=True):
        start = f"Requirement {each['word']} of target policy: {answer}; "
        assert line == start + each["reason"]


@pytest.mark.filterwarnings("ignore")  # Matplotlib warns of its own dependencies.
def test_the_sessions_of_one_user_do_not_tell_the_error_and_have_a_page(tmp_path, capfd):
    status, content = judged(tmp_path, (0.2, 0.8), "gain", num_users=1)
    output, _ = capfd.readouterr()
    assert status == 4
    (estimate,) = content["policies"]["target policy"]["estimates"].values()
    reason = "all sessions are of one user, so the error is not known"
    assert estimate["verdict"] == {"word": "cannot tell", "reason": reason}
    assert (estimate["standard_error"], estimate["interval"]) == (None, [None, None])
    assert reason in output
    assert "nan" not in output + (tmp_path / "run" / "report.html").read_text()


@pytest.mark.filterwarnings("ignore")  # Matplotlib warns of its own dependencies.
@pytest.mark.parametrize("old", ['{"schema": 0}', "{"])
def test_an_old_or_damaged_ope_json_is_replaced(tmp_path, old):
    _, first = judged(tmp_path, (0.2, 0.8), "gain")
    (tmp_path / "run" / "ope.json").write_text(old)
    assert judged(tmp_path, (0.2, 0.8), "gain") == (0, first)


def test_a_single_session_is_refused(tmp_path, capfd):
    assert judged(tmp_path, (0.2, 0.8), num_sessions=1) == (2, None)
    assert "log must have at least two sessions, got one\n" in capfd.readouterr().err


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("gains", "--require has no word 'gains'; did you mean gain?"),
        ("gain:target", "must name a policy that is judged, got 'target'; choose one of target po"),
    ],
)
def test_a_wrong_requirement_is_an_error_before_the_log_is_read(
    tmp_path, monkeypatch, capfd, text, message
):
    def unread(path):
        pytest.fail("reads the log")

    monkeypatch.setattr("recsim_tf.logs.from_table", unread)
    assert judged(tmp_path, (0.2, 0.8), text) == (2, None)
    errors = capfd.readouterr().err
    assert errors.startswith("recsim-tf: error: --require")
    assert message in errors
    assert errors.count("\n") == 1
