"""Policies and gradients need TensorFlow Probability alone."""

import textwrap

import pytest

from tests.processes import run_python

PROGRAM = """
    import sys

    sys.modules["tf_agents"] = None

    import recsim_tf
    from recsim_tf import gradients, policies

    for environment_id, name in (
        ("InterestEvolution-v1", "oracle"),
        ("InterestExploration-v1", "thompson"),
    ):
        simulator = recsim_tf.make(environment_id, slate_size=2, num_candidates=4)
        policy = policies.baseline_policy(name, simulator)
        trajectory = simulator.rollout(policy, num_users=3, num_steps=2, seed=0)
        assert trajectory.transitions.slate.shape == [2, 3, 2], name
    assert gradients.relaxed_return
"""


@pytest.mark.slow
def test_policies_and_gradients_run_where_tf_agents_cannot_be_imported():
    process = run_python("-c", textwrap.dedent(PROGRAM))
    assert process.returncode == 0, process.stderr
