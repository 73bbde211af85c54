"""Conversations between a system and its users: asking, comparing, endorsing beside recommending.

    python benchmarks/mixed_mode.py [SECTION ...] [--seed=0] [--path=PATH] [--json=PATH]
        [--plot=PATH] [--quick]

regret: of the recommended item, by turns of each policy, see `conversations/regret.py`.
slates: what users find on slates of three, see `conversations/slates.py`.
stopping: when to stop asking, see `conversations/stopping.py`.
anchors: questions about attributes with and without an anchor, see `conversations/anchors.py`.
learning: agents that learn when to ask, see `conversations/learning.py`.
recovery: parameters of replies from logs of conversations, see `conversations/recovery.py`.
conucb: conversational bandits in their synthetic world, see `conversations/conucb.py`.
speed: turns a CPU second on one core, see `conversations/speed.py`.
words: parameters of replies from words alone, see `conversations/words.py`.
iard: intents, words and acceptance in IARD, whose file is --path, see `conversations/iard.py`.
recurrent: a recurrent channel on the words of IARD, whose file is --path, see
    `conversations/recurrent.py`.
soft_attributes: relative judgements of SoftAttributes, whose file is --path, see
    `conversations/soft_attributes.py`.

Without a section, all of them but those that read a data set.
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
from conversations.common import Settings
from conversations.plot import draw
from sections import chosen, measure

_FLAGS = flags.FLAGS
# Each is a module of `conversations`, with `measure(settings)`. Its figures begin with its name.
_SECTIONS = (
    "regret",
    "slates",
    "stopping",
    "anchors",
    "learning",
    "recovery",
    "conucb",
    "speed",
    "words",
)
_OF_DATA = ("iard", "recurrent", "soft_attributes")


def main(argv: Sequence[str]) -> None:
    names = chosen(argv, (*_SECTIONS, *_OF_DATA), _SECTIONS)
    of_data = [name for name in names if name in _OF_DATA]
    if of_data and not (_FLAGS.path or _FLAGS.quick):
        raise app.UsageError(f"{of_data[0]} needs --path, the file of its data set")
    if _FLAGS.plot and "regret" not in names:
        raise app.UsageError("--plot draws the section regret, which must be among the sections")
    sections = {name: importlib.import_module(f"conversations.{name}").measure for name in names}
    result = measure(names, sections, Settings(_FLAGS.quick, _FLAGS.seed, _FLAGS.path))
    command = ["python", "benchmarks/mixed_mode.py", *names, f"--seed={_FLAGS.seed}"]
    command += [*["--path=PATH"] * bool(_FLAGS.path), "--json=PATH", *["--quick"] * _FLAGS.quick]
    content = {"benchmark": "mixed_mode", "quick": _FLAGS.quick, **result}
    note = "A smoke run: these figures mean nothing." if _FLAGS.quick else ""
    commands.finish(
        [shlex.join(command)], content, note, lambda path: draw(result["details"]["regret"], path)
    )


if __name__ == "__main__":
    commands.define_flags(
        quick="Few users and short sessions; the figures mean nothing.",
        plot="PNG for the regret by turns.",
    )
    flags.DEFINE_integer("seed", 0, "Seed of everything that is drawn.")
    flags.DEFINE_string("path", None, "File of the data set that a section reads.")
    app.run(main)
