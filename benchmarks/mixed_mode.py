"""Conversations between a system and its users: asking, comparing, endorsing beside recommending.

    python benchmarks/mixed_mode.py [SECTION ...] [--seed=0] [--path=PATH] [--json=PATH]
        [--plot=PATH] [--quick]

regret: of the recommended item, by turns of each policy.
slates: what users find on slates of three.
stopping: when to stop asking.
anchors: questions about attributes with and without an anchor. These four are in
    `conversations/asking.py`.
learning: agents that learn when to ask, see `conversations/learning.py`.
conucb: conversational bandits in their synthetic world, see `conversations/conucb.py`.
recovery: parameters of replies from logs of conversations, see `conversations/replies.py`.
words: parameters of replies from words alone, see `conversations/replies.py`.
speed: turns a CPU second on one core, see `conversations/speed.py`.
iard, recurrent: intents, words and acceptance in IARD, and a recurrent channel on its words. Its
    file is --path, see `conversations/dialogues.py`.
soft_attributes: relative judgements of SoftAttributes, whose file is --path, see
    `conversations/judgements.py`.

Without a section, all of them but those that read a data set.
"""

import commands
import sections
from absl import app, flags

_FLAGS = flags.FLAGS
# The figures of a section begin with its name.
SECTIONS = {
    "regret": "conversations.asking.regret",
    "slates": "conversations.asking.slates",
    "stopping": "conversations.asking.stopping",
    "anchors": "conversations.asking.anchors",
    "learning": "conversations.learning.measure",
    "recovery": "conversations.replies.recovery",
    "conucb": "conversations.conucb.measure",
    "speed": "conversations.speed.measure",
    "words": "conversations.replies.words",
    "iard": "conversations.dialogues.intents",
    "recurrent": "conversations.dialogues.recurrent",
    "soft_attributes": "conversations.judgements.measure",
}
_OF_DATA = ("iard", "recurrent", "soft_attributes")


def main(argv: list[str]) -> None:
    names = sections.chosen(
        argv, list(SECTIONS), [name for name in SECTIONS if name not in _OF_DATA]
    )
    of_data = [name for name in names if name in _OF_DATA]
    if of_data and not (_FLAGS.path or _FLAGS.quick):
        raise app.UsageError(f"{of_data[0]} needs --path, the file of its data set")
    if _FLAGS.plot and "regret" not in names:
        raise app.UsageError("--plot draws the section regret, which must be among the sections")

    def plot(details, path):
        sections.function("conversations.asking.draw")(details["regret"], path)

    settings = sections.Settings(_FLAGS.quick, _FLAGS.seed, path=_FLAGS.path)
    sections.report("mixed_mode", names, SECTIONS, settings, plot)


if __name__ == "__main__":
    commands.define_flags(
        quick="Few users and short sessions; the figures mean nothing.",
        plot="PNG for the regret by turns.",
        seed=True,
    )
    flags.DEFINE_string("path", None, "File of the data set that a section reads.")
    app.run(main)
