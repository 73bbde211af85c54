# SPDX-License-Identifier: Apache-2.0
"""Logs that mislead are found out, each by its check, and sound logs are not accused."""

import re

import numpy as np
import pytest

from recsim_tf import logs, ope
from recsim_tf.logs import LogStream, SlateLogProbs
from recsim_tf.logs.examination.examine import CHECKS
from recsim_tf.logs.examination.findings import FAULT, SOUND
from recsim_tf.logs.hashes import row_hashes
from recsim_tf.support.errors import UsageError
from recsim_tf.support.verdicts import CANNOT_TELL, NOT_BELIEVABLE, WITH_CARE
from tests.logs.examination.worlds import SLATES, log_of, policy


def of_documents():
    """The propensities are those of the first documents."""
    log = log_of()
    probabilities = policy()
    first = np.stack([probabilities[:, SLATES[:, 0] == d].sum(1) for d in range(5)], axis=1)
    values = first[log.initial["kind"][:, np.newaxis], log.slate[..., 0]]
    return log._replace(propensity=SlateLogProbs(slate=np.log(values)))


def of_others():
    """A tenth of the sessions have the propensities of each other."""
    log = log_of()
    values = log.propensity.slate.copy()
    rows = np.random.default_rng(0).choice(1000, 100, replace=False)
    values[rows] = values[np.roll(rows, 1)]
    return log._replace(propensity=SlateLogProbs(slate=values))


def too_small():
    """All propensities are halved."""
    log = log_of()
    return log._replace(propensity=SlateLogProbs(slate=log.propensity.slate - np.log(2)))


def always_shown():
    """Users of a kind always see the same slate, and the propensities do not say so."""
    probabilities = policy()
    probabilities[0] = np.eye(len(SLATES))[3]
    log = log_of(probabilities=probabilities)
    chosen = np.all(log.slate[:, :, np.newaxis] == SLATES, axis=-1).argmax(axis=-1)
    values = policy()[log.initial["kind"][:, np.newaxis], chosen]
    return log._replace(propensity=SlateLogProbs(slate=np.log(values)))


def sure():
    """Users of a kind always see the same slate, as the propensities say."""
    probabilities = policy()
    probabilities[0] = np.eye(len(SLATES))[3]
    return log_of(probabilities=probabilities)


def few_slates():
    """Half of the slates are never shown, as the propensities say."""
    probabilities = policy() * (np.arange(len(SLATES)) < len(SLATES) / 2)
    even = np.where(probabilities > 0, 1.0, 0.0)
    return log_of(probabilities=even / even.sum(axis=1, keepdims=True))


def without(log):
    """The sessions that have a click."""
    return log.take(np.flatnonzero(log.response.any(axis=(1, 2))))


def copied(times):
    """Each session several times, at another time."""
    log = log_of().take(np.repeat(np.arange(1000), times))
    later = log.labels.time + np.arange(1000 * times)[:, np.newaxis, np.newaxis] * 1_000_000
    return log._replace(labels=log.labels._replace(time=later))


def copied_in_part():
    """Ten sessions stand in the log twice, with their times."""
    log = log_of()
    return log.take(np.concatenate([np.arange(1000), np.arange(10)]))


def bots():
    """Users who click on all that they are shown."""
    log = log_of(num_steps=8)
    clicks = log.response.copy()
    clicks[:10] = 1
    return log._replace(response=clicks, reward=clicks.astype(np.float32))


def heavy():
    """Clicks pay amounts that have no variance."""
    log = log_of()
    pays = np.random.default_rng(0).pareto(1.3, size=log.reward.shape) + 1
    return log._replace(reward=(log.reward * pays).astype(np.float32))


def jackpot():
    """A session earns more than all others."""
    log = log_of()
    reward = log.reward.copy()
    reward[7, 0, 0] = 500
    return log._replace(reward=reward)


def up_and_down():
    """Click rates go up and down from day to day."""
    days = np.sort(np.random.default_rng(0).uniform(0, 10, 1000)).astype(int)
    return log_of(level=np.where(days % 2, 0.2, 0.6))


def turning():
    """Users click on other documents in the later half."""
    return _halves(log_of(), log_of(taste_seed=5))


def learning():
    """The logging policy shows other slates in the later half."""
    return _halves(log_of(), log_of(probabilities=policy(7)))


def _halves(early, late):
    """The first half of a log, and the second half of another log."""

    def joined(first, second):
        return np.concatenate([first[:500], second[500:]])

    fields = {
        name: joined(getattr(early, name), getattr(late, name))
        for name in ("documents", "response", "slate", "reward")
    }
    kinds = joined(early.initial["kind"], late.initial["kind"])
    propensity = SlateLogProbs(slate=joined(early.propensity.slate, late.propensity.slate))
    return early._replace(initial={"kind": kinds}, propensity=propensity, **fields)


MISLEADING = [
    ("propensities", FAULT, of_documents),
    ("propensities", FAULT, of_others),
    ("propensities", FAULT, always_shown),
    ("propensities", FAULT, too_small),
    ("support", WITH_CARE, sure),
    ("support", WITH_CARE, few_slates),
    ("copies", FAULT, lambda: copied(2)),
    ("copies", FAULT, lambda: copied(3)),
    ("copies", FAULT, copied_in_part),
    ("sessions without a click", FAULT, lambda: without(log_of())),
    ("sessions without a click", FAULT, lambda: without(log_of(num_steps=3))),
    ("clicks on all", FAULT, bots),
    ("amounts", WITH_CARE, heavy),
    ("amounts", WITH_CARE, jackpot),
    ("days", WITH_CARE, up_and_down),
    ("drift", WITH_CARE, turning),
    ("logging policy", WITH_CARE, learning),
]


@pytest.mark.parametrize(("check", "word", "make"), MISLEADING)
def test_what_misleads_is_found_by_its_check(check, word, make):
    finding = logs.examine(make())[check]
    assert (finding.word, finding.accuses) == (word, True), finding.sentence
    assert finding.sentence.endswith(".")
    assert finding.advice


@pytest.mark.parametrize("num_steps", [1, 6])
def test_sound_logs_are_not_accused(num_steps):
    accused = [
        finding.name
        for seed in range(20)
        for finding in logs.examine(log_of(num_steps=num_steps, seed=seed)).values()
        if finding.accuses
    ]
    assert len(accused) <= 1, accused


def test_each_check_asks_of_a_whole_log_and_cannot_tell_of_a_bare_one():
    whole, unknown = logs.examine(log_of(num_steps=6)), SlateLogProbs()
    bare = log_of()._replace(propensity=unknown, reward=(), response=(), labels=logs.Labels())
    assert {finding.word for finding in whole.values()} == {SOUND}
    words = {name: finding.word for name, finding in logs.examine(bare).items()}
    assert words.pop("copies") == SOUND
    assert set(words.values()) == {CANNOT_TELL}
    assert len(whole) == len(CHECKS)


@pytest.mark.parametrize("words", ["no fault seen", "fault"])
def test_a_log_in_pieces_has_the_findings_of_the_log(words):
    log = log_of() if words == SOUND else copied(2)
    pieces = [log.take(slice(0, 300)), log.take(slice(300, None))]
    whole, in_pieces = logs.examine(log), logs.examine(LogStream(lambda: pieces))
    assert {name: each for name, each in whole.items()} == dict(in_pieces)


@pytest.mark.parametrize("has_times", [True, False])
def test_pieces_that_overlap_have_copies(has_times):
    log = log_of()
    if not has_times:
        log = log._replace(labels=log.labels._replace(time=(), dates=False))
    for first, second, word in ((300, 300, SOUND), (320, 300, FAULT)):
        pieces = [log.take(slice(0, first)), log.take(slice(second, None))]
        finding = logs.examine(LogStream(lambda pieces=pieces: pieces))["copies"]
        assert finding.word == word, finding.sentence
        assert has_times or word == SOUND or "20 pairs of sessions have the same id" in str(finding)


def test_pieces_that_count_their_sessions_from_0_have_no_copies():
    pieces = [log_of(seed=seed) for seed in range(2)]
    assert logs.examine(LogStream(lambda: pieces))["copies"].word == SOUND


@pytest.mark.parametrize("number", [1, 2, 9])
@pytest.mark.parametrize("is_one_user", [True, False])
def test_a_few_sessions_tell_little_and_no_number_is_unknown(number, is_one_user):
    log = log_of(number)
    users = np.full(number, "u0") if is_one_user else ()
    findings = logs.examine(log._replace(labels=log.labels._replace(user=users)))
    assert {name for name, each in findings.items() if each.word == SOUND} <= {
        "copies",
        "sessions without a click",
        "clicks on all",
    }
    for text in (str(findings), findings.render()):
        assert "nan" not in text
        assert not re.search(r"[1-9]\d\d+%", text.replace("100%", ""))


def test_without_candidates_propensities_of_documents_are_said_to_stay_unseen():
    finding = logs.examine(of_documents()._replace(candidates=()))["propensities"]
    assert finding.word == SOUND
    assert "propensities of a document in place of the slate would not be seen" in finding.power


def test_a_log_whose_users_choose_one_document_each_asks_for_care():
    log = without(log_of())
    first = log.response.argmax(axis=2)
    choices = log._replace(response=first.astype(np.int32))
    finding = logs.examine(choices)["sessions without a click"]
    assert finding.word == WITH_CARE


def test_a_log_without_candidates_cannot_tell_which_slates_are_never_shown():
    finding = logs.examine(few_slates()._replace(candidates=()))["support"]
    assert finding.word == CANNOT_TELL


def test_slates_without_a_document_have_times_too():
    log = log_of(num_steps=3)
    shown = log.shown.copy()
    shown[::7, 1] = False
    log = log._replace(shown=shown, slate=np.where(shown, log.slate, -1).astype(np.int32))
    assert {finding.word for finding in logs.examine(log).values()} <= {SOUND, CANNOT_TELL}


def test_a_log_without_slates_is_refused():
    with pytest.raises(ValueError, match=r"logs\.examine needs a log with shown"):
        logs.examine(log_of()._replace(shown=(), slate=()))


def test_rounded_propensities_are_no_fault():
    log = log_of()
    rounded = np.maximum(np.round(np.exp(log.propensity.slate), 2), 0.01)
    findings = logs.examine(log._replace(propensity=SlateLogProbs(slate=np.log(rounded))))
    assert findings["propensities"].word == SOUND


def test_times_may_be_seconds_or_of_an_unknown_unit():
    log = up_and_down()
    seconds = log.labels.time / 1e9
    for times in (*(unit * seconds for unit in (1, 1e3, 1e6, 1e9)), seconds - seconds.min()):
        labels = log.labels._replace(time=times, dates=False)
        findings = logs.examine(log._replace(labels=labels))
        assert findings["days"].accuses
        unit = "days" if times.min() else "of an unknown unit"
        assert f" {unit} from the first to the last" in findings.contents["times"]


def test_findings_are_a_table_a_frame_a_page_and_json():
    findings = logs.examine(copied(2))
    assert next(iter(findings)) == "copies"
    assert re.match("The log has . of 9 faults looked for: copies", findings.summary)
    assert "copies" in str(findings)
    assert "Are sessions there more than once?" in findings.render()
    assert "<table>" in findings._repr_html_()
    assert list(findings.to_frame()["name"]) == list(findings)
    figures = findings.figures()
    assert figures["schema"] == 1
    assert figures["findings"]["copies"]["word"] == FAULT
    with pytest.raises(KeyError, match="there is no finding 'copy'"):
        findings["copy"]


@pytest.mark.parametrize("log", [None, 3, log_of().take([])])
def test_what_is_no_log_is_refused(log):
    with pytest.raises(UsageError, match=re.escape("log must")):
        logs.examine(log)


def _judged(log):
    """The estimate for the logging policy itself, whose weights are 1."""
    return ope.evaluate(None, log._replace(target=log.propensity), ("snips",))


def test_a_fault_of_the_log_makes_estimates_not_believable():
    result = _judged(copied(2))
    assert result["snips"].verdict.word == NOT_BELIEVABLE
    assert result["snips"].verdict.reason == result.findings["copies"].sentence
    assert _judged(log_of())["snips"].verdict.is_promise


def test_intervals_are_of_days_where_days_differ():
    log = up_and_down()
    by_day = _judged(log)["snips"]
    labels = log.labels._replace(time=(), dates=False)
    by_session = _judged(log._replace(labels=labels))["snips"]
    assert by_day.value == by_session.value
    assert by_day.standard_error > 2 * by_session.standard_error
    assert by_day.verdict.word != WITH_CARE


def test_hashes_are_of_rows():
    rows = np.random.default_rng(0).integers(0, 3, size=[5000, 3])
    hashes = row_hashes([rows, rows[:, :1].astype(np.float32)], len(rows))
    assert len(np.unique(hashes)) == len(np.unique(rows, axis=0))
    padded = np.concatenate([rows, np.zeros([5000, 2], np.int64)], axis=1)
    np.testing.assert_array_equal(
        row_hashes([padded, rows[:, :1].astype(np.float32)], len(rows)), hashes
    )
