# SPDX-License-Identifier: Apache-2.0
"""Sessions from which a policy was learned, known again in a log."""

import numpy as np
import pytest

from recsim_tf import fitting, logs
from recsim_tf.logs.fingerprints import share_learned, union
from recsim_tf.policies import Deterministic, OraclePolicy
from tests.fitting.sessions import evolution, rollout
from tests.logs.examination.worlds import log_of


def _with_ids(log, ids):
    return log._replace(labels=log.labels._replace(session=ids))


@pytest.mark.parametrize("num_sessions", [400, 5000])
@pytest.mark.parametrize("has_ids", [True, False])
def test_the_share_of_sessions_that_were_seen_is_told(num_sessions, has_ids):
    log = log_of(num_sessions, num_steps=6)
    log = log if has_ids else _with_ids(log, ())
    seen, others = log.take(slice(num_sessions // 4)), log.take(slice(num_sessions // 4, None))
    known = logs.fingerprint(seen)
    assert len(known) == min(num_sessions // 4, 1000)
    assert share_learned(known, seen) == 1
    assert share_learned(known, log) == pytest.approx(0.25, abs=0.06)
    assert share_learned(known, others) == 0
    both = union(known, logs.fingerprint(others))
    np.testing.assert_array_equal(both, logs.fingerprint(log))


@pytest.mark.parametrize("num_learned", [500, 20_000])
def test_short_sessions_that_are_equal_by_chance_accuse_nobody(num_learned):
    known = logs.fingerprint(_with_ids(log_of(num_learned, seed=1), ()))
    log = _with_ids(log_of(1000, seed=2), ())
    hashes = logs.fingerprint(log)
    assert np.isin(hashes, known).any()
    assert share_learned(known, log) == 0


def test_sessions_of_other_ids_are_others():
    log = log_of(500)
    others = _with_ids(log, np.char.add("x", log.labels.session))
    assert share_learned(logs.fingerprint(log), others) == 0


def test_a_fitted_model_knows_its_log_and_so_does_a_policy_that_reads_its_parameters(tmp_path):
    simulator = evolution()
    log = logs.from_trajectory(rollout(simulator, 30, 4), simulator)
    parameters = {"users.choice_model.no_click_mass": fitting.Parameter(support="positive")}
    result = fitting.fit(simulator, parameters, log)
    fitting.save_model(tmp_path / "model", result)
    loaded = fitting.load_model(tmp_path / "model").simulator
    policy = Deterministic(OraclePolicy(loaded.replaced(max_steps=3)))
    for each in (result.simulator, loaded):
        np.testing.assert_array_equal(each.fitted_to, logs.fingerprint(log))
    assert share_learned(policy.learned_from, log) == 1
    assert simulator.fitted_to == ()
