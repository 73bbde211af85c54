"""Worlds beyond a session: users who come back, and what users share.

    python benchmarks/worlds.py [SECTION ...] [--seed=0] [--json=PATH] [--plot=PATH] [--quick]

ecosystem: what a boost for providers costs and brings, see `shared_worlds/ecosystem.py`.
ecosystem_speed: user-steps a CPU second on one core, see `shared_worlds/ecosystem_speed.py`.
news: whether to try fresh articles, see `shared_worlds/news.py`.
returns: visits of learners and rules in return visits, see `shared_worlds/returns.py`.

Without a section, all of them. --plot draws one section, of those that have a figure.
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
# Each is a module of `shared_worlds`, with `measure(settings)`, and `draw(details, path)` if it has
# a figure. Its figures begin with its name.
_SECTIONS = ("ecosystem", "ecosystem_speed", "news", "returns")


def main(argv: Sequence[str]) -> None:
    names = chosen(argv, _SECTIONS)
    modules = {name: importlib.import_module(f"shared_worlds.{name}") for name in names}
    drawn = [name for name, module in modules.items() if hasattr(module, "draw")]
    if _FLAGS.plot and (len(names) > 1 or not drawn):
        raise app.UsageError(f"--plot draws one section that has a figure, got {', '.join(names)}")
    sections = {name: module.measure for name, module in modules.items()}
    result = measure(names, sections, Settings(_FLAGS.quick, _FLAGS.seed))
    command = ["python", "benchmarks/worlds.py", *names, f"--seed={_FLAGS.seed}", "--json=PATH"]
    command += ["--quick"] * _FLAGS.quick
    content = {"benchmark": "worlds", "quick": _FLAGS.quick, **result}
    note = "A smoke run: these figures mean nothing." if _FLAGS.quick else ""
    commands.finish(
        [shlex.join(command)],
        content,
        note,
        lambda path: modules[names[0]].draw(result["details"][names[0]], path),
    )


if __name__ == "__main__":
    commands.define_flags(
        quick="Few users and short lifetimes; the figures mean nothing.",
        plot="PNG for the figure of the section.",
    )
    flags.DEFINE_integer("seed", 0, "Seed of everything that is drawn.")
    app.run(main)
