# SPDX-License-Identifier: Apache-2.0
"""Policies of JAX that recsim_tf reads."""

import json

import numpy as np
import pytest
import tensorflow as tf

import recsim_tf
from recsim_tf.evaluation import Evaluation
from recsim_tf.experiment import building, config
from recsim_tf.experiment.runs.folder import RunDirectory
from recsim_tf.policies import PlackettLucePolicy, exported_policy
from tests.core.exported.readers import NUM_USERS, read_exported
from tests.refusals import assert_refused

jax = pytest.importorskip("jax", reason="the readers of an exported environment are in JAX")
jnp = jax.numpy


def _scores(observation, key):
    return 3.0 * observation["documents"].mean(axis=-1)


def _best(observation, key):
    return jax.lax.top_k(_scores(observation, key), 2)[1]


def _uniform(observation, key):
    return jax.random.randint(key, [NUM_USERS, 2], 0, 5)


def _our_scores(observation):
    return 3.0 * tf.reduce_mean(observation.documents, axis=-1)


def _saved(environment, tmp_path, policy, gives="actions"):
    path = tmp_path / "policy"
    environment.save_policy(path, policy, gives)
    return path


@pytest.mark.parametrize("num_users", [1, 4, 10])
def test_actions_are_those_of_jax(world, environment, tmp_path, num_users):
    policy = exported_policy(world, _saved(environment, tmp_path, _best))
    slates = world.rollout(policy, num_users, 5, seed=1).transitions.slate

    def ours(observation, policy_state, seed):
        return tf.math.top_k(_our_scores(observation), 2).indices, policy_state

    expected = world.rollout(ours, num_users, 5, seed=1).transitions.slate
    np.testing.assert_array_equal(slates, expected)


def test_scores_give_probabilities_of_slates(world, environment, tmp_path):
    policy = exported_policy(world, _saved(environment, tmp_path, _scores, "scores"))
    ours = PlackettLucePolicy.of_logits(_our_scores, 2)
    slates = [world.rollout(each, 10, 5, seed=1).transitions.slate for each in (policy, ours)]
    np.testing.assert_array_equal(*slates)
    observation = world.observe(world.reset(10, seed=2))
    slate = tf.tile([[1, 0]], [10, 1])
    np.testing.assert_allclose(
        policy.log_prob(observation, slate), ours.log_prob(observation, slate), rtol=1e-5
    )


def test_draws_follow_the_seed(world, environment, tmp_path):
    policy = exported_policy(world, _saved(environment, tmp_path, _uniform))
    first, again, other = (
        world.rollout(policy, 10, 20, seed=seed).transitions.slate.numpy() for seed in (1, 1, 2)
    )
    np.testing.assert_array_equal(first, again)
    assert (first != other).any()
    # The second batch of users has other draws, and all positions come up.
    assert (first[:, :4] != first[:, 4:8]).any()
    assert np.unique(first).tolist() == [0, 1, 2, 3, 4]


def test_policies_run_under_xla(world, environment, tmp_path):
    policy = exported_policy(world, _saved(environment, tmp_path, _best))
    run = tf.function(
        lambda: world.rollout(policy, 6, 5, seed=1).transitions.slate, jit_compile=True
    )
    assert run().shape == (5, 6, 2)


@pytest.mark.slow
@pytest.mark.filterwarnings("ignore")  # Matplotlib warns of its own dependencies.
def test_commands_simulate_and_judge_policies_of_gin(environment, world, tmp_path):
    policy = f"exported_policy.folder = '{_saved(environment, tmp_path, _scores, 'scores')}'"
    sizes = ["slate_size = 2", "num_candidates = 5", "max_steps = 4"]
    sizes = [f"long_term_satisfaction.{size}" for size in sizes]

    def run(command, name, **bindings):
        bound = [f"{parameter}={value}" for parameter, value in bindings.items()]
        text = config.load(["long_term_satisfaction/random.gin"], [policy, *sizes, *bound])
        return command(RunDirectory(tmp_path / name, text))

    run(
        building.simulate,
        "simulated",
        **{"simulate.policies": "('random', @exported_policy)", "Evaluation.num_users": 20},
    )
    results = json.loads((tmp_path / "simulated" / "results.json").read_text())["policies"]
    assert [result["name"] for result in results] == ["Random", "exported_policy"]
    judged = run(
        building.ope,
        "judged",
        **{
            "run_ope.truth": "@long_term_satisfaction()",
            "run_ope.logging": "'random'",
            "run_ope.policies": "{'of JAX': @exported_policy}",
            "run_ope.num_sessions": 60,
            "run_ope.num_steps": 2,
            "run_ope.num_truth": 200,
            "run_ope.estimators": "('snips',)",
        },
    )
    snips = judged["policies"]["of JAX"]["estimates"]["snips"]
    truth = judged["policies"]["of JAX"]["truth"]
    assert abs(snips["value"] - truth["value"]) < 4 * snips["standard_error"]


def test_seeds_may_be_compared(world, environment, tmp_path):
    policy = exported_policy(world, _saved(environment, tmp_path, _uniform))
    results = Evaluation(6, 4, seeds=(1, 2)).results(world, lambda simulator: {"theirs": policy})
    assert [each.episodes for each in results] == [6, 6]


def test_turns_may_be_given(tmp_path):
    simulator = recsim_tf.make("Conversation-v0")
    folder = simulator.export_environment(tmp_path / "folder", NUM_USERS)
    environment = read_exported(folder).Environment(folder)

    def ask(observation, key):
        spaces = environment.action_space
        return {name: jnp.zeros(space.shape, space.dtype) for name, space in spaces.items()}

    policy = exported_policy(simulator, _saved(environment, tmp_path, ask))
    action = simulator.rollout(policy, 6, 2, seed=1).transitions.slate
    np.testing.assert_array_equal(action, np.zeros([2, 6, simulator.slate_size]))


def test_a_policy_of_another_environment_is_refused(world, environment, tmp_path):
    path = _saved(environment, tmp_path, _best)
    assert_refused(
        lambda: exported_policy(recsim_tf.make("LongTermSatisfaction-v1", slate_size=3), path),
        f"the policy of {path} must take observation.documents of float32 [(]4, 10, 1[)], as in the"
        " environment, got float32 [(]4, 5, 1[)]",
    )


def test_a_policy_that_reads_what_is_not_observed_is_refused(world, environment, tmp_path):
    path = _saved(environment, tmp_path, _best)
    index = json.loads((path / "policy.json").read_text())
    index["arguments"][0]["name"] = "observation.mood"
    (path / "policy.json").write_text(json.dumps(index))
    assert_refused(
        lambda: exported_policy(world, path),
        f"the policy of {path} must take some of seed, observation.user",
    )


def test_a_policy_that_changed_is_refused(world, environment, tmp_path):
    path = _saved(environment, tmp_path, _best)
    program = path / "policy.stablehlo"
    program.write_bytes(program.read_bytes()[:-1])
    assert_refused(
        lambda: exported_policy(world, path), f"{program} must be as it was written, got other"
    )


def test_a_policy_that_gives_no_actions_is_refused(environment, tmp_path):
    with pytest.raises(ValueError, match=r"^policy must give action \(4, 2\), got \(4, 5\)"):
        _saved(environment, tmp_path, _scores)
    assert not list(tmp_path.iterdir())


def test_nothing_is_overwritten(environment, tmp_path):
    _saved(environment, tmp_path, _best)
    with pytest.raises(ValueError, match=r"^folder must be new or empty, got"):
        _saved(environment, tmp_path, _uniform)
