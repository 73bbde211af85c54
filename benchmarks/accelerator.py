# SPDX-License-Identifier: Apache-2.0
"""Compiled programs of recsim_tf as StableHLO, which an accelerator runs without TensorFlow.

    python benchmarks/accelerator.py export --output=FOLDER [--environment=ID ...] [--users=N ...]
    python benchmarks/accelerator.py compile [--for=tpu,cuda] [--jax_python=PYTHON]
        [--program=NAME ...] [--environment=ID ...] [--users=N ...] [--file=FILE.mlir ...]
        [--json=PATH] [--quick]
    python benchmarks/accelerator.py agree [--jax_python=PYTHON] [--environment=ID ...] [--users=N]
    python benchmarks/accelerator.py environments [--jax_python=PYTHON] [--environment=ID ...]
        [--users=N] [--json=PATH] [--quick]

export: the folder gets rollouts of every environment, agents in training, and `run.py`. On a
machine with JAX that script compiles the programs, compares their results with those that
TensorFlow gives here, and prints rates and memory.
compile: XLA's compilers for a TPU and a GPU compile the programs without such a device, and say
what they estimate, see `accelerators/compiling.py`. Files are programs of others, such as those of
`peers/jax_trainers.py --lower`.
agree: `run.py` compares results on this machine's CPU.
environments: plays sessions of exported environments in JAX on a core, and compares their rewards
and the rates of steps with TensorFlow's XLA.

The programs are those of accelerators: static shapes, ThreeFry, and loops over steps alone. PYTHON
is by default that of `make accelerators`. The exit status is 1 where a program fails or differs.
"""

from collections.abc import Sequence
from pathlib import Path

import commands
import sections
from absl import app, flags
from accelerators.settings import PROGRAMS, TARGETS, Settings

import recsim_tf

_FLAGS = flags.FLAGS
_SECTIONS = {
    "export": "accelerators.exporting.export",
    "compile": "accelerators.compiling.measure",
    "agree": "accelerators.exporting.agree",
    "environments": "accelerators.environments.measure",
}


def main(argv: Sequence[str]) -> int:
    if len(argv) != 2:
        raise app.UsageError(f"name one of {', '.join(_SECTIONS)}")
    names = sections.chosen(argv, tuple(_SECTIONS))
    settings = Settings(
        _FLAGS.quick,
        _FLAGS.output,
        tuple(dict.fromkeys(_FLAGS.environment)),
        tuple(dict.fromkeys(_FLAGS.users or ())),
        tuple(_FLAGS.program),
        tuple(_FLAGS["for"].value),
        _FLAGS.jax_python,
        tuple(_file(name) for name in _FLAGS.file),
    )
    figures = sections.figures_of(sections.report("accelerator", names, _SECTIONS, settings))
    bad = [name for name in figures if name.endswith((".failed", ".differing"))]
    return int(any(figures[name] for name in bad))


def _file(name: str) -> Path:
    path = Path(name)
    if not path.is_file():
        raise app.UsageError(f"--file must be a file of StableHLO, got {name}")
    return path


if __name__ == "__main__":
    commands.define_flags("Few users and steps; the figures mean nothing.")
    environments = recsim_tf.registered()
    flags.DEFINE_string("output", None, "export: a new or empty folder, or one of an export.")
    flags.DEFINE_multi_enum("environment", environments, environments, "An environment.")
    flags.DEFINE_multi_integer("users", None, "Users at a time.", lower_bound=1)
    flags.DEFINE_multi_enum("program", [*PROGRAMS], PROGRAMS, "compile: a kind of program.")
    flags.DEFINE_multi_string("file", [], "compile: StableHLO beside the programs.")
    flags.DEFINE_list("for", [*TARGETS], "compile: tpu, a TPU v5e; cuda, an H100.")
    flags.register_validator("for", lambda names: {*names} <= {*TARGETS}, "takes tpu and cuda")
    flags.DEFINE_string("jax_python", None, "A Python interpreter that has JAX.")
    flags.DEFINE_alias("jax-python", "jax_python")
    app.run(main)
