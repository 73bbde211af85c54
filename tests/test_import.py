# SPDX-License-Identifier: Apache-2.0
import ast
import pathlib

import pytest

import recsim_tf
from tests.processes import run_python


@pytest.mark.slow
@pytest.mark.parametrize("modules", ["tensorflow, recsim_tf", "recsim_tf, tensorflow"])
def test_tensorflow_may_be_imported_before_or_after(modules):
    done = run_python("-c", f"import {modules}; print(tensorflow.keras.__name__)")
    assert done.returncode == 0, done.stderr
    assert "tf_keras" in done.stdout or "keras.api._v2" in done.stdout


def last_line_of_error(done):
    assert done.returncode == 1
    return done.stderr.strip().splitlines()[-1]


def test_keras_3_by_the_environment_is_refused_in_one_line():
    done = run_python("-c", "import recsim_tf", TF_USE_LEGACY_KERAS="0")
    expected = (
        "ImportError: recsim_tf needs Keras 2: set TF_USE_LEGACY_KERAS=1 in the environment, got"
        " TF_USE_LEGACY_KERAS=0"
    )
    assert last_line_of_error(done) == expected


@pytest.mark.slow
def test_keras_3_that_is_in_use_is_refused_in_one_line():
    imports = "import tensorflow; tensorflow.keras.layers; import recsim_tf"
    assert last_line_of_error(run_python("-c", imports)) == (
        "ImportError: recsim_tf needs Keras 2, but tf.keras is Keras 3: set TF_USE_LEGACY_KERAS=1"
        " before tf.keras is first used"
    )


@pytest.mark.slow
def test_imports_from_keras_give_keras_2_when_tensorflow_is_imported_first():
    code = (
        "import tensorflow; import recsim_tf.agents; from tensorflow.keras import layers;"
        " assert layers.Dense is tensorflow.keras.layers.Dense; print(layers.Dense.__module__)"
    )
    done = run_python("-c", code)
    assert done.returncode == 0, done.stderr
    assert "tf_keras" in done.stdout


def test_importing_recsim_tf_does_not_load_tensorflow():
    done = run_python("-c", "import sys, recsim_tf; sys.exit('tensorflow' in sys.modules)")
    assert done.returncode == 0, done.stderr


_FIRST_RESULT = (
    "import os; {level}; import recsim_tf; import tensorflow as tf;"
    " print(float(tf.reduce_sum(tf.ones([3]))))"
)


@pytest.mark.slow
def test_tensorflow_writes_no_log_before_the_first_result():
    level = "os.environ.pop('TF_CPP_MIN_LOG_LEVEL', None)"
    done = run_python("-c", _FIRST_RESULT.format(level=level))
    assert (done.returncode, done.stdout, done.stderr) == (0, "3.0\n", "")


@pytest.mark.slow
def test_tensorflow_writes_its_log_where_it_is_asked_for():
    level = "os.environ['TF_CPP_MIN_LOG_LEVEL'] = '0'"
    done = run_python("-c", _FIRST_RESULT.format(level=level))
    assert "cpu_feature_guard" in done.stderr


@pytest.mark.slow
def test_a_simulator_needs_no_extra():
    extras = ["gymnasium", "matplotlib", "pandas", "scipy", "sklearn", "tabulate", "tqdm"]
    code = (
        f"import sys; sys.modules.update(dict.fromkeys({extras})); import recsim_tf;"
        " from recsim_tf import evaluation, fitting, logs, ope, policies;"
        " simulator = recsim_tf.make('PageClicks-v0');"
        " print(simulator.rollout(policies.random_policy(simulator), 3, 2, seed=0));"
        " print(evaluation.Evaluation(4, 2).evaluate(simulator, {}))"
    )
    done = run_python("-c", code)
    assert done.stdout.startswith("Trajectory\n"), done.stderr
    expected = "ImportError: tables need tabulate: install recsim-tf[agents] or recsim-tf[fitting]"
    assert last_line_of_error(done) == expected


def test_every_public_name_is_there_and_listed():
    for name in recsim_tf.__all__:
        assert getattr(recsim_tf, name) is not None
        assert name in dir(recsim_tf)
    assert recsim_tf.make("PageClicks-v0").slate_size > 0
    with pytest.raises(AttributeError, match="module 'recsim_tf' has no attribute 'nothing'"):
        recsim_tf.nothing  # noqa: B018


@pytest.mark.slow
def test_a_package_needs_no_import_of_its_own():
    code = "import recsim_tf; print(recsim_tf.language.__name__, recsim_tf.policies.__name__)"
    done = run_python("-c", code)
    assert done.stdout.split() == ["recsim_tf.language", "recsim_tf.policies"], done.stderr
    assert {"agents", "language", "policies"} <= set(dir(recsim_tf))


def test_type_checkers_see_the_names_that_are_imported_at_their_first_use():
    tree = ast.parse(pathlib.Path(recsim_tf.__file__).read_text())
    seen = {
        alias.asname: node.module.removeprefix("recsim_tf.")
        for branch in tree.body
        if isinstance(branch, ast.If)
        for node in branch.body
        for alias in node.names
    }
    assert seen == recsim_tf._MODULES | {"choice": "recsim_tf"}
    assert {*seen, "__version__"} == {*recsim_tf.__all__}


def test_the_citation_names_the_version():
    citation = pathlib.Path(__file__).parent.parent / "CITATION.cff"
    assert f"\nversion: {recsim_tf.__version__}\n" in citation.read_text()


@pytest.mark.slow
def test_tf_agents_is_imported_without_gym():
    code = (
        "import sys; sys.modules['pygame'] = None; import recsim_tf.agents;"
        " import tf_agents.agents; assert 'gym' not in sys.modules"
    )
    done = run_python("-W", "error", "-c", code)
    assert done.returncode == 0, done.stderr
    assert "gym" not in done.stderr.lower()


def test_without_tf_agents_the_agents_say_how_to_install_it():
    code = "import sys; sys.modules['tf_agents'] = None; import recsim_tf.agents"
    assert last_line_of_error(run_python("-c", code)) == (
        "ModuleNotFoundError: recsim_tf.agents needs TF-Agents: pip install --no-deps"
        " tf-agents==0.19.0"
    )


@pytest.mark.slow
def test_imports_leave_tensorflow_as_it_is():
    """Who imports may still choose threads and devices, connect to other processes, and fork."""
    code = (
        "import recsim_tf.agents, recsim_tf.experiment.config, recsim_tf.fitting, recsim_tf.ope;"
        " import tensorflow as tf; tf.config.threading.set_inter_op_parallelism_threads(1)"
    )
    done = run_python("-c", code)
    assert done.returncode == 0, done.stderr


@pytest.mark.slow
def test_fits_need_no_tf_agents():
    code = "import sys; sys.modules['tf_agents'] = None; from recsim_tf.experiment{}"
    done = run_python("-c", code.format(" import config"))
    assert done.returncode == 0, done.stderr
    done = run_python("-c", code.format(".commands import ope, validate"))
    assert done.returncode == 0, done.stderr
    done = run_python("-c", code.format(".commands import evaluate, train"))
    assert "TF-Agents" in last_line_of_error(done)


@pytest.mark.slow
def test_policies_and_gradients_need_no_tf_agents():
    code = (
        "import sys; sys.modules['tf_agents'] = None; import recsim_tf;"
        " from recsim_tf import gradients, policies; print(gradients.relaxed_return);"
        " one, other = map(recsim_tf.make, ('InterestEvolution-v1', 'InterestExploration-v1'));"
        " one.rollout(policies.baseline_policy('oracle', one), 3, 2, seed=0);"
        " other.rollout(policies.baseline_policy('thompson', other), 3, 2, seed=0)"
    )
    done = run_python("-c", code)
    assert done.returncode == 0, done.stderr


@pytest.mark.slow
def test_tf_agents_alone_is_imported_with_what_the_extra_of_agents_installs():
    done = run_python("-c", "import tf_agents.environments.utils as utils; print(utils.__name__)")
    assert done.returncode == 0, done.stderr
    assert done.stdout == "tf_agents.environments.utils\n"
