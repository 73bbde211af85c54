"""Hidden states and policies that remember.

    python benchmarks/hidden.py [SECTION ...] [--seed=0] [--json=PATH] [--quick]

latent: users whose intent was not logged, see `hidden_states/latent.py`.
memory: recurrent policies, and SlateQ with a memory, see `hidden_states/memory.py`.
soft_attributes: ratings, tags and critiques, see `hidden_states/soft_attributes.py`.

Without a section, all of them.
"""

import importlib
import os
import shlex
from collections.abc import Sequence

# TensorFlow is imported before recsim_tf, which would settle it.
os.environ["TF_USE_LEGACY_KERAS"] = "1"
os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")

import commands
from absl import app, flags
from sections import Settings, chosen, measure

_FLAGS = flags.FLAGS
# Each is a module of `hidden_states`, with `measure(settings)`. Its figures begin with its name.
_SECTIONS = ("latent", "memory", "soft_attributes")


def main(argv: Sequence[str]) -> None:
    names = chosen(argv, _SECTIONS)
    sections = {name: importlib.import_module(f"hidden_states.{name}").measure for name in names}
    result = measure(names, sections, Settings(_FLAGS.quick, _FLAGS.seed))
    command = ["python", "benchmarks/hidden.py", *names, f"--seed={_FLAGS.seed}", "--json=PATH"]
    command += ["--quick"] * _FLAGS.quick
    content = {"benchmark": "hidden", "quick": _FLAGS.quick, **result}
    note = "A smoke run: these figures mean nothing." if _FLAGS.quick else ""
    commands.finish([shlex.join(command)], content, note)


if __name__ == "__main__":
    commands.define_flags(quick="Few users and iterations; the figures mean nothing.")
    flags.DEFINE_integer("seed", 0, "Seed of everything that is drawn.")
    app.run(main)
