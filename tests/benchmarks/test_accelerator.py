# SPDX-License-Identifier: Apache-2.0
"""Programs for accelerators. JAX is not among the packages of the tests, so that TensorFlow's own
parser reads them; what JAX and its compilers make of them is tested where `make accelerators` has
created an environment.
"""

import json
import os
import re
import subprocess

import numpy as np
import pytest
import tensorflow as tf
from accelerators.settings import MADE

import recsim_tf
from recsim_tf.policies import exported_policy, random_policy
from tests.benchmarks.runs import quick_run
from tests.processes import run_python

_NEEDS_COMPILERS = pytest.mark.skipif(
    not (MADE / ".installed").exists(), reason="`make accelerators` has created no environment"
)
_ROLLOUT = "func.func @main(%arg0: tensor<2xi32>) -> (tensor<f32>, tensor<i32>)"


@pytest.fixture(scope="module")
def exported(tmp_path_factory):
    """A folder of a quick export, and what was printed."""
    folder = tmp_path_factory.mktemp("export") / "folder"
    process = run_python("benchmarks/accelerator.py", "export", f"--output={folder}", "--quick")
    assert process.returncode == 0, process.stderr
    return folder, process.stdout


def _check(text):
    # Raises if TensorFlow's own parser or verifier refuses it.
    tf.mlir.experimental.run_pass_pipeline(text, "")
    assert "?" not in text  # Dynamic dimensions.
    assert set(re.findall(r"\b([a-z]\w+)\.[a-z]\w+", text.partition("module")[2])) == {
        "func",
        "stablehlo",
    }
    assert not re.search(r'dense<"0x\w+"> : tensor<[0-9x]+xi1>', text)
    assert set(re.findall(r"algorithm = +(\w+)", text)) <= {"THREE_FRY"}


@pytest.mark.slow
def test_every_environment_is_exported(exported):
    folder, printed = exported
    told = json.loads((folder / "programs.json").read_text())["rollouts"]
    assert [each["environment"] for each in told] == recsim_tf.registered()
    for each in told:
        text = (folder / each["program"]).read_text()
        _check(text)
        assert _ROLLOUT in text
        assert "THREE_FRY" in text
        assert set(each["expected"]) == {"reward", "sessions"}
    assert f"python {folder}/run.py" in printed


@pytest.mark.slow
def test_agents_in_training_are_exported_with_their_variables(exported):
    folder, _ = exported
    index = json.loads((folder / "programs.json").read_text())
    assert [each["name"] for each in index["learners"]] == ["SlateQ", "REINFORCE"]
    for told in index["learners"]:
        arrays = np.load(folder / told["arrays"])
        assert np.isfinite(told["expected"]["loss"])
        for role in ("collect", "train", "learn"):
            program = told["programs"][role]
            text = (folder / program["program"]).read_text()
            _check(text)
            inputs = re.search(r"@main\((.*?)\) ->", text).group(1)
            shapes = re.findall(r"tensor<([^>]*)>", inputs)
            assert len(shapes) == 1 + len(program["variables"])
            types = {"float32": "f32", "int32": "i32", "int64": "i64", "bool": "i1"}
            for shape, number in zip(shapes[1:], program["variables"], strict=True):
                sizes, dtype = told["variables"][number]
                assert shape == "x".join([*map(str, sizes), types.get(dtype, shape.split("x")[-1])])
                if str(number) in arrays:
                    assert list(arrays[str(number)].shape) == sizes
            assert {variable for variable, _ in program["updates"]} <= set(program["variables"])


def test_a_folder_of_other_files_is_not_written_into(tmp_path):
    (tmp_path / "thesis.txt").write_text("mine")
    process = run_python("benchmarks/accelerator.py", "export", "--quick", f"--output={tmp_path}")
    assert process.returncode != 0
    assert "--output must be a new or empty folder, or one of an export, got" in process.stderr
    assert [path.name for path in tmp_path.iterdir()] == ["thesis.txt"]


@pytest.mark.parametrize("section", ["agree", "compile"])
def test_without_an_environment_one_line_says_how_to_create_it(section):
    process = run_python("benchmarks/accelerator.py", section, "--jax_python=no_such_python")
    assert process.returncode == 1
    assert process.stderr.endswith(
        "--jax_python must be an interpreter that has JAX, got no_such_python; `make accelerators`"
        " creates one\n"
    )


@_NEEDS_COMPILERS
def test_every_program_compiles_for_a_gpu(tmp_path):
    content, printed = quick_run(tmp_path, "accelerator.py", "compile", "--for=cuda")
    figures = content["figures"]
    num_programs = 2 * len(recsim_tf.registered()) + 1 + 6
    assert (figures["compile.cuda.programs"], figures["compile.cuda.failed"]) == (num_programs, 0)
    assert 0 < figures["compile.cuda.one_thread"] <= figures["compile.cuda.kernels"]
    assert "Compilers' estimates, no device" in printed


@_NEEDS_COMPILERS
def test_rollouts_and_an_agent_compile_for_a_tpu(tmp_path):
    environments = ("InterestEvolution-v1", "LongTermSatisfaction-v1", "Ecosystem-v0")
    content, _ = quick_run(
        tmp_path,
        *("accelerator.py", "compile", "--for=tpu", "--program=rollout", "--program=SlateQ_train"),
        *(f"--environment={environment}" for environment in environments),
    )
    figures = content["figures"]
    assert (figures["compile.tpu.programs"], figures["compile.tpu.failed"]) == (4, 0)
    assert min(figures[f"compile.tpu.{name}"] for name in ("cycles", "slateq_temp_mb")) > 0


@_NEEDS_COMPILERS
def test_the_page_runs_an_exported_environment_without_tensorflow(tmp_path):
    page = (MADE.parent / "docs" / "gymnasium.md").read_text(encoding="utf-8")
    code = re.search(r"```python\n(# in_jax.py\n.*?)```", page, re.DOTALL).group(1)
    simulator = recsim_tf.make("InterestEvolution-v1")
    simulator.export_environment(tmp_path / "exported", num_users=200)
    process = subprocess.run(
        [MADE / "bin" / "python", "-c", code],
        cwd=tmp_path,
        env={**os.environ, "JAX_PLATFORMS": "cpu", "XLA_FLAGS": ""},
        capture_output=True,
        text=True,
        check=False,
    )
    assert process.returncode == 0, process.stderr
    trajectory = simulator.rollout(random_policy(simulator), 200, 20, seed=1)
    returns = tf.reduce_sum(trajectory.transitions.reward, 0).numpy()
    error = returns.std() * np.sqrt(2 / 200)
    assert abs(float(process.stdout) - returns.mean()) < 4 * error
    saved = exported_policy(simulator, tmp_path / "learned")
    trajectory = simulator.rollout(saved, 200, 20, seed=2)
    same = tf.reduce_sum(trajectory.transitions.reward, 0).numpy()
    assert abs(same.mean() - returns.mean()) < 4 * error


@_NEEDS_COMPILERS
def test_exported_environments_earn_in_jax_what_they_earn_in_tensorflow(tmp_path):
    names = "Conversation-v0", "LongTermSatisfaction-v1"
    content, _ = quick_run(
        tmp_path, "accelerator.py", "environments", *(f"--environment={name}" for name in names)
    )
    assert content["figures"]["environments.equal"] == 2


def test_without_jax_nothing_is_run(tmp_path):
    (tmp_path / "jax.py").write_text("raise ImportError('no jax here')")
    process = run_python("benchmarks/accelerators/run.py", PYTHONPATH=str(tmp_path))
    assert process.returncode == 3
    assert process.stderr == (
        "JAX 0.7 or later is needed, and this interpreter lacks it: no jax here\n"
    )
