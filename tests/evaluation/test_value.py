# SPDX-License-Identifier: Apache-2.0
"""What a policy earns in a model, in sessions that end where those of a log do."""

import numpy as np
import pytest

import recsim_tf
from recsim_tf import evaluation
from recsim_tf.logs.plans import SessionPlan
from recsim_tf.policies import random_policy
from tests.fitting.validation.test_statistics import visits_until_a_date
from tests.refusals import assert_refused


@pytest.mark.slow
def test_what_comes_after_the_day_on_which_a_log_ends_earns_nothing():
    """The log is of the model and the policy, so their visits and returns are alike."""
    simulator, log, last_day = visits_until_a_date(0)
    plan = SessionPlan(simulator, log, 3000)
    np.testing.assert_allclose(plan.ends.last_day, np.tile(last_day, 10), rtol=1e-5)
    options = {"seed": 1, "start": plan.start}
    policy = random_policy(simulator)
    sizes = len(plan.row), plan.num_steps
    cut = evaluation.value(plan.simulator, policy, *sizes, **options, ends=plan.ends)
    whole = evaluation.value(plan.simulator, policy, *sizes, **options)
    gap = evaluation.Mean.of(plan.by_session(cut) - log.earned.sum((1, 2)))
    assert abs(gap.value) < 4 * gap.standard_error
    assert cut.mean() < 0.8 * whole.mean()


def test_draws_of_several_lengths_are_refused():
    simulator = recsim_tf.make("LongTermSatisfaction-v1")
    policy, draws = random_policy(simulator), {"a": [1.0], "b": [1.0, 2.0]}
    message = r"draws must have one length, got \[1, 2\]"
    assert_refused(lambda: evaluation.value(simulator, policy, 2, 2, draws=draws), message)
