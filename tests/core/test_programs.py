# SPDX-License-Identifier: Apache-2.0
"""Simulators as programs, which TensorFlow's own XLA runs here as any other would."""

import json

import numpy as np
import pytest
import tensorflow as tf
from tensorflow.compiler.tf2xla.python import xla

import recsim_tf
from recsim_tf import policies
from recsim_tf.core import random
from recsim_tf.core.runs.execution import compiled
from recsim_tf.core.targets import for_accelerators
from tests.refusals import assert_refused
from tests.worlds.clicks import clicks

NUM_USERS, NUM_STEPS, SEED = 5, 5, random.as_seed(8)
TASTE = tf.Variable([0.1, 0.2, 0.3, 0.4])


def popular(observation, policy_state, seed):
    """Shows the documents that the variable prefers."""
    scores = observation.documents * 0.0 + TASTE
    return tf.math.top_k(scores, 2).indices, policy_state


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    simulator = clicks().with_parameters({"users.no_click_mass": 0.5})
    path = tmp_path_factory.mktemp("programs") / "new" / "folder"
    assert simulator.export(path, popular, NUM_USERS, NUM_STEPS) == path
    return path


def run(folder, name, arguments):
    """The results of a program by name."""
    program = json.loads((folder / "programs.json").read_text())["programs"][name]
    results = xla.call_module(
        [tf.constant(arguments[each["name"]]) for each in program["arguments"]],
        version=9,
        module=(folder / program["file"]).read_text(),
        Sout=[each["shape"] for each in program["results"]],
        Tout=[each["dtype"] for each in program["results"]],
        platforms=["CPU"],
    )
    return {each["name"]: result for each, result in zip(program["results"], results, strict=True)}


@pytest.mark.slow
def test_a_folder_has_programs_their_arguments_and_values(folder):
    files = ["log_prob.mlir", "programs.json", "rollout.mlir", "values.npz"]
    assert sorted(path.name for path in folder.iterdir()) == files
    index = json.loads((folder / "programs.json").read_text())
    assert index["recsim_tf"] == recsim_tf.__version__
    assert (index["num_users"], index["num_steps"]) == (NUM_USERS, NUM_STEPS)
    arguments = index["programs"]["rollout"]["arguments"]
    assert {"name": "seed", "shape": [2], "dtype": "int32"} in arguments
    values = np.load(folder / "values.npz", allow_pickle=False)
    np.testing.assert_array_equal(values["rollout.constant.0"], TASTE)
    assert {each["name"] for each in arguments} == {"seed", *values}
    assert values["users.no_click_mass"] == np.float32(0.5)


@pytest.mark.slow
def test_programs_give_the_rollout_and_the_log_likelihood_with_its_gradient(folder):
    simulator, masses = clicks(), tf.constant(2.0)

    def simulate(seed, mass):
        with tf.GradientTape() as tape:
            tape.watch(mass)
            model = simulator.with_parameters({"users.no_click_mass": mass})
            trajectory = model.rollout(popular, NUM_USERS, NUM_STEPS, seed)
            scores = model.log_prob(tf.nest.map_structure(tf.stop_gradient, trajectory))
            total = tf.reduce_sum(scores.total)
        return trajectory.transitions, scores, tape.gradient(total, mass)

    with for_accelerators():
        expected = compiled(simulate, jit_compile=True)(SEED, masses)
    # A value of the index may be replaced.
    values = dict(np.load(folder / "values.npz")) | {"users.no_click_mass": np.float32(2.0)}
    trajectory = run(folder, "rollout", values | {"seed": SEED})
    results = run(folder, "log_prob", values | trajectory)
    transitions, scores, gradient = expected
    assert transitions.reward.numpy().any()
    np.testing.assert_array_equal(trajectory["transitions.slate"], transitions.slate)
    np.testing.assert_allclose(trajectory["transitions.reward"], transitions.reward)
    np.testing.assert_allclose(results["response"], scores.response, rtol=1e-5)
    np.testing.assert_allclose(results["gradient.users.no_click_mass"], gradient, rtol=1e-5)


def _dynamic(observation, policy_state, seed):
    number = tf.shape(tf.where(observation.documents > 0))[0]
    return tf.tile([[0, 1]], [NUM_USERS, 1]) + 0 * number, policy_state


def _of_numpy(observation, policy_state, seed):
    slates = tf.numpy_function(lambda: np.zeros([NUM_USERS, 2], np.int32), [], tf.int32)
    return tf.ensure_shape(slates, [NUM_USERS, 2]), policy_state


def _counting(observation, policy_state, seed):
    TASTE.assign_add(tf.zeros_like(TASTE))
    return popular(observation, policy_state, seed)


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"policy": None}, "policy must be a function"),
        ({"policy": _dynamic}, "^rollout must have static shapes, got a shape that depends on"),
        ({"policy": _of_numpy}, r"^rollout must be a function that XLA of .* 'PyFunc'"),
        ({"policy": _counting}, "^rollout must not change variables, got a policy or a model that"),
    ],
)
def test_what_cannot_be_exported_is_refused_in_one_line(change, message, tmp_path):
    arguments = {"policy": policies.random_policy(clicks()), "num_users": NUM_USERS, "num_steps": 2}
    assert_refused(lambda: clicks().export(tmp_path / "folder", **arguments | change), message)
    assert not list(tmp_path.iterdir())


def test_a_folder_of_other_files_stays_as_it_is(tmp_path):
    (tmp_path / "thesis.txt").write_text("mine")
    with pytest.raises(FileExistsError, match=r"^folder must be new or empty, got"):
        clicks().export(tmp_path, popular, NUM_USERS, NUM_STEPS)
    assert [path.name for path in tmp_path.iterdir()] == ["thesis.txt"]
