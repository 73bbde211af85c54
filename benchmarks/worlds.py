"""Worlds beyond a session: users who come back, and what users share.

    python benchmarks/worlds.py [SECTION ...] [--seed=0] [--json=PATH] [--plot=PATH] [--quick]

ecosystem: what a boost for providers costs and brings, see `shared_worlds/ecosystem.py`.
news: whether to try fresh articles, see `shared_worlds/news.py`.
returns: visits of learners and rules in return visits, see `shared_worlds/returns.py`.

Without a section, all of them. --plot draws one section, of those that have a figure.
"""

import commands
import sections
from absl import app, flags

_FLAGS = flags.FLAGS
_SECTIONS = {name: f"shared_worlds.{name}.measure" for name in ("ecosystem", "news", "returns")}
_WITH_FIGURE = ("ecosystem", "returns")


def main(argv: list[str]) -> None:
    names = sections.chosen(argv, list(_SECTIONS))
    if _FLAGS.plot and (len(names) > 1 or names[0] not in _WITH_FIGURE):
        raise app.UsageError(f"--plot draws one section that has a figure, got {', '.join(names)}")

    def plot(details, path):
        sections.function(f"shared_worlds.{names[0]}.draw")(details[names[0]], path)

    settings = sections.Settings(_FLAGS.quick, _FLAGS.seed)
    sections.report("worlds", names, _SECTIONS, settings, plot)


if __name__ == "__main__":
    commands.define_flags(
        quick="Few users and short lifetimes; the figures mean nothing.",
        plot="PNG for the figure of the section.",
        seed=True,
    )
    app.run(main)
