"""Policies and gradients need TensorFlow Probability alone."""

import textwrap

from tests.processes import run_python

PROGRAM = """
    import sys

    sys.modules["tf_agents"] = None

    import tensorflow as tf

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

    simulator = recsim_tf.make("InterestEvolution-v1", slate_size=2, num_candidates=4)
    taste = tf.Variable(tf.ones([20]))
    policy = policies.PlackettLucePolicy.of_logits(
        lambda observation: tf.linalg.matvec(observation.documents, taste), 2
    )
    trajectory = simulator.rollout(policy, num_users=4, num_steps=3, seed=0)
    returns = {
        "relaxed": lambda: gradients.relaxed_return(
            simulator, policy, 4, 3, seed=0, departure_margin=lambda user: user.budget
        ),
        "score function": lambda: gradients.score_function_return(simulator, policy, trajectory),
    }
    for name, compute in returns.items():
        with tf.GradientTape() as tape:
            expected = tf.reduce_mean(compute())
        gradient = tape.gradient(expected, taste)
        assert float(tf.reduce_max(tf.abs(gradient))) > 0, name
"""


def test_policies_and_gradients_run_where_tf_agents_cannot_be_imported():
    process = run_python("-c", textwrap.dedent(PROGRAM))
    assert process.returncode == 0, process.stderr
