import json
import re

import numpy as np
import pytest
import tensorflow as tf

import recsim_tf
from recsim_tf.core import random
from tests.benchmarks.runs import quick_run
from tests.processes import run_python

_SEED_TO_REWARD_AND_SESSIONS = "func.func @main(%arg0: tensor<2xi32>) -> (tensor<f32>, tensor<i32>)"

# The script defines flags of names that other scripts define too, so that it is imported in a
# process of its own.
_PROGRAMS = [
    *((environment, "philox") for environment in recsim_tf.registered()),
    ("InterestEvolution-v1", "threefry"),
]
_ALGORITHMS = {"philox": "PHILOX", "threefry": "THREE_FRY"}
_EXPORT = """
import pathlib, sys
import export_stablehlo, recsim_tf
import numpy as np, tensorflow as tf

folder = pathlib.Path(sys.argv[1])
for environment, random in PROGRAMS:
    rollout = export_stablehlo.rollout(export_stablehlo.Program(environment, 128, 4, random))
    (folder / f"{environment}_{random}").write_text(export_stablehlo.stablehlo(rollout, "rollout"))

mask = np.arange(203).reshape(7, 29) % 3 == 0
choose = tf.function(
    lambda values: tf.where(mask, values, 0),
    [tf.TensorSpec([7, 29], tf.int32)],
    jit_compile=True,
    autograph=False,
)
(folder / "booleans").write_text(export_stablehlo.stablehlo(choose, "booleans"))
"""


@pytest.fixture(scope="module")
def exported(tmp_path_factory):
    """A folder with a program of every environment and generator, and one with a boolean
    constant.
    """
    folder = tmp_path_factory.mktemp("exported")
    process = run_python(
        "-c", f"PROGRAMS = {_PROGRAMS}\n{_EXPORT}", str(folder), PYTHONPATH="benchmarks"
    )
    assert process.returncode == 0, process.stderr
    return folder


def _check(text):
    # Raises if TensorFlow's own parser or verifier refuses it.
    tf.mlir.experimental.run_pass_pipeline(text, "")
    assert _SEED_TO_REWARD_AND_SESSIONS in text
    assert "?" not in text  # Dynamic dimensions.
    assert set(re.findall(r"\b([a-z]\w+)\.[a-z]\w+", text.partition("module")[2])) == {
        "func",
        "stablehlo",
    }
    assert not re.search(r'dense<"0x\w+"> : tensor<[0-9x]+xi1>', text)


def test_a_quick_run_writes_a_program_and_tells_what_it_gives(tmp_path):
    program = tmp_path / "program.mlir"
    content, printed = quick_run(tmp_path, "export_stablehlo.py", f"--output={program}")
    text = program.read_text()
    _check(text)
    assert "algorithm =  PHILOX" in text
    told = json.loads(text.partition("\n")[0].removeprefix("// "))
    assert (told["environment"], told["users"], told["steps"], told["random"]) == (
        "InterestEvolution-v1",
        32,
        4,
        "philox",
    )
    found = {name.rpartition("/")[2]: value for name, value in content["figures"].items()}
    assert found["reward"] == told["reward"] > 0
    assert found["user_steps_per_cpu_second"] > 0
    assert f"reward {told['reward']:,.1f}" in printed


@pytest.mark.parametrize(("environment", "generator"), _PROGRAMS)
def test_every_environment_is_exported(exported, environment, generator):
    text = (exported / f"{environment}_{generator}").read_text()
    _check(text)
    assert set(re.findall(r"algorithm = +(\w+)", text)) == {_ALGORITHMS[generator]}


def test_long_boolean_constants_are_written_as_bytes(exported):
    text = (exported / "booleans").read_text()
    tf.mlir.experimental.run_pass_pipeline(text, "")
    digits, shape = re.search(r'dense<"0x(\w+)"> : tensor<(\w+)xui8>', text).groups()
    assert shape == "7x29"
    np.testing.assert_array_equal(
        np.frombuffer(bytes.fromhex(digits), np.uint8), np.arange(203) % 3 == 0
    )


def test_an_output_that_cannot_be_written_is_named():
    process = run_python(
        "benchmarks/export_stablehlo.py", "--quick", "--output=no/such/folder/program.mlir"
    )
    assert process.returncode != 0
    assert (
        "flag --output=no/such/folder/program.mlir: must be a file in a folder that exists"
        in process.stderr
    )


@pytest.fixture
def program(tmp_path):
    path = tmp_path / "program.mlir"
    run = {"users": 2, "steps": 3, "seed": 0, "reward": 1.0, "sessions": 1}
    path.write_text(f"// {json.dumps(run)}\nmodule {{}}\n")
    return path


def test_without_jax_a_program_is_not_run(program, tmp_path):
    (tmp_path / "jax.py").write_text("raise ImportError('no jax here')")
    process = run_python("benchmarks/run_stablehlo.py", str(program), PYTHONPATH=str(tmp_path))
    assert process.returncode == 3
    assert (
        process.stderr
        == "JAX 0.7 or later is needed, and this interpreter does not have it: no jax here\n"
    )


def test_a_program_of_unknown_origin_is_not_run(tmp_path):
    path = tmp_path / "program.mlir"
    path.write_text("module {}\n")
    process = run_python("benchmarks/run_stablehlo.py", str(path))
    assert process.returncode == 2
    assert process.stderr.endswith(
        "FILE must be written by export_stablehlo.py, which tells of it in the first line, got"
        " 'module {}'\n"
    )


def test_a_program_is_run_with_the_seeds_of_the_library():
    seeds = [0, 5, 2**31, 2**32 - 1, 2**63, 2**64 - 1]
    process = run_python(
        "-c",
        f"import run_stablehlo; print([run_stablehlo.seed_words(seed) for seed in {seeds}])",
        PYTHONPATH="benchmarks",
    )
    assert process.returncode == 0, process.stderr
    assert json.loads(process.stdout) == [random.as_seed(seed).numpy().tolist() for seed in seeds]
