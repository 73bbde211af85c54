# SPDX-License-Identifier: Apache-2.0
import numpy as np
import pytest
from off_policy import doctor_worlds
from off_policy.doctor_worlds import LEARNED, MISLEADING, SOUND, TIED

from recsim_tf import logs, ope
from recsim_tf.experiment import building

WORLDS = MISLEADING | LEARNED | SOUND | TIED
LARGE = 20_000


@pytest.fixture
def no_simulation(monkeypatch):
    """Users who change have a value of 1, without the simulation of 200,000 sessions."""
    monkeypatch.setattr(doctor_worlds, "_changing_value", lambda sharpness, steps: 1.0)


def clicks(log):
    if log.response.ndim == 3:
        return log.response == 1
    return log.response[..., np.newaxis] == np.arange(log.slate_size)


@pytest.mark.usefixtures("no_simulation")
@pytest.mark.parametrize("name", WORLDS)
def test_a_world_gives_a_log_that_passes_its_checks_and_that_a_seed_repeats(name):
    logged, again = (WORLDS[name](3, num_sessions=60) for _ in range(2))
    log = logged.log.check()
    assert log.num_sessions == 60
    assert len(np.unique(log.labels.session)) == 60
    assert log.labels.time.shape == log.slate.shape
    np.testing.assert_array_equal(log.reward > 0, clicks(log))
    np.testing.assert_array_equal(log.reward, again.log.reward)
    np.testing.assert_array_equal(log.propensity.slate, again.log.propensity.slate)
    assert np.isfinite([logged.value, logged.logged_value]).all()
    assert (logged.value, logged.logged_value) == (again.value, again.logged_value)


# Clipped propensities are a bias in a log of this size, and three worlds are as "base".
@pytest.mark.parametrize(
    "name", sorted({*SOUND} - {"rounded", "clipped", "late rewards", "small", "tiny"})
)
def test_a_sound_world_has_mean_weight_1_and_snips_and_the_log_have_its_values(name):
    logged = SOUND[name](1, num_sessions=LARGE)
    log = logged.log
    log_ratios = log.target.slate.astype(float) - log.propensity.slate
    weights = np.exp(log.where_active(log_ratios).sum(axis=1))
    assert abs(weights.mean() - 1) <= 4 * weights.std() / np.sqrt(LARGE)
    result = ope.evaluate(None, log, ("snips",))
    for estimate, value in ((result["snips"], logged.value), (result.logged, logged.logged_value)):
        assert abs(estimate.value - value) < 4 * estimate.standard_error


@pytest.mark.parametrize("name", ["R2", "R2b"])
def test_the_propensities_of_r2_are_those_of_the_first_documents(name):
    log = MISLEADING[name](0).log
    scores = doctor_worlds.OLD_SCORES
    kind, first = log.initial["kind"], log.slate[:, 0, 0]
    expected = scores[kind, first] - np.log(np.exp(scores).sum(axis=1))[kind]
    np.testing.assert_allclose(log.propensity.slate[:, 0], expected, atol=1e-5)
    # Their inverse counts the documents, not the 120 slates.
    assert np.exp(-log.propensity.slate).mean() == pytest.approx(6, rel=0.05)


def test_tied_policies_earn_the_same():
    tied = TIED["R3"](0, num_sessions=LARGE)
    earned = tied.log.earned.sum(axis=(1, 2))
    assert len({target.tobytes() for target in tied.targets}) == 20
    for target in tied.targets:
        weights = np.exp(target[:, 0].astype(float) - tied.log.propensity.slate[:, 0])
        error = (weights * (earned - tied.value)).std() / np.sqrt(LARGE)
        assert abs((weights * (earned - tied.value)).mean()) < 4 * error


@pytest.mark.parametrize("name", ["R7a", "R8b", "R9", "R13"])
def test_the_logging_policy_earns_its_value_in_a_misleading_log(name):
    logged = MISLEADING[name](2, num_sessions=LARGE)
    earned = logged.log.earned.sum(axis=(1, 2))
    # Copies have an error that is larger by the root of 2.
    error = np.sqrt(2) * earned.std() / np.sqrt(LARGE)
    assert abs(earned.mean() - logged.logged_value) < 4 * error


def test_the_simulated_value_of_users_who_change_is_that_of_their_logs():
    logged = MISLEADING["R14a"](5, num_sessions=LARGE)
    earned = logged.log.earned.sum(axis=(1, 2))
    error = earned.std() * np.sqrt(1 / LARGE + 1 / 200_000)
    assert abs(earned.mean() - logged.logged_value) < 4 * error
    without_change = SOUND["long"](5)
    assert logged.logged_value > without_change.logged_value


def test_faults_have_their_size():
    assert [SOUND[name](0).log.num_sessions for name in ("small", "tiny")] == [100, 20]
    assert MISLEADING["R4a"](0).log.response.any(axis=2).all()
    jackpots = MISLEADING["R5a"](0, num_sessions=LARGE).log.reward
    assert set(np.unique(jackpots)) == {0, 1, 500}
    times = MISLEADING["R7b"](0).log.labels.time[:, 0, 0]
    assert len(np.unique(times)) == 250
    bots = MISLEADING["R12"](0, num_sessions=LARGE).log.response.all(axis=(1, 2))
    assert bots.mean() == pytest.approx(0.01, rel=0.3)
    sure = MISLEADING["R8b"](0, num_sessions=LARGE).log.propensity.slate == 0
    assert sure.mean() == pytest.approx(1 / 12, rel=0.1)
    exchanged = MISLEADING["R10"](0).log
    true = doctor_worlds.base(
        0, new=doctor_worlds.plackett_luce(1.5 * doctor_worlds.OLD_SCORES)
    ).log
    assert 80 < (exchanged.propensity.slate != true.propensity.slate).sum() <= 100


# The findings that a table alone gives. R2 needs candidates, and R10 the kinds of users.
TOLD_BY_TABLES = {
    **dict.fromkeys(["R4a", "R4b", "R4c"], "sessions without a click"),
    "R5b": "amounts",
    "R6": "days",
    **dict.fromkeys(["R7a", "R7b"], "copies"),
    "R8": "propensities",
    **dict.fromkeys(["R8b", "R9"], "support"),
    "R12": "clicks on all",
    "R13": "logging policy",
}


def as_file(log, path):
    """Writes a log as a table, with a column for each feature of a user."""
    features = log.initial.get("features", np.zeros([log.num_sessions, 0]))
    initial = {name: values for name, values in log.initial.items() if name != "features"}
    initial |= {f"feature_{number}": column for number, column in enumerate(features.T)}
    logs.to_table(log._replace(initial=initial)).to_csv(path, index=False)
    return path


@pytest.mark.usefixtures("no_simulation")
@pytest.mark.parametrize("name", WORLDS)
def test_doctor_examines_the_file_of_a_world(name, tmp_path, capsys):
    log = WORLDS[name](3, num_sessions=1000 if name in TOLD_BY_TABLES else 100).log
    path = as_file(log, tmp_path / "log.csv")
    findings = building.doctor(str(path), multiple_clicks=True)
    assert str(findings) in capsys.readouterr().out
    assert "nan" not in str(findings) + findings.render()
    if name in TOLD_BY_TABLES:
        assert findings[TOLD_BY_TABLES[name]].accuses
    if name in SOUND and name != "must choose":
        assert not findings.faults


@pytest.mark.parametrize("name", ["R2", "R2b", "R10"])
def test_kinds_and_candidates_of_files_show_wrong_propensities(name, tmp_path):
    log = MISLEADING[name](3).log
    path = as_file(log, tmp_path / "log.csv")
    logs.candidates_table(log).to_csv(tmp_path / "candidates.csv", index=False)
    further = {"user_columns": {"kind": "kind"}, "candidates": tmp_path / "candidates.csv"}
    assert not logs.examine(logs.from_table(path, multiple_clicks=True)).faults
    read = logs.from_table(path, multiple_clicks=True, **further)
    assert [each.name for each in logs.examine(read).faults] == ["propensities"]
