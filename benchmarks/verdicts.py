"""How often the words of verdicts are true.

    python benchmarks/verdicts.py [SECTION ...] [--seed=0] [--json=PATH] [--quick]

weights: "believable" of estimates by weights, in worlds of one step and of many, see
  `off_policy/believed.py`.
models: "believable" of `calibrated` by models that are right and wrong, see the same file.

Without a section, both.
"""

import commands
import sections
from absl import app, flags

_FLAGS = flags.FLAGS
_NAMES = ("weights", "models")
_SECTIONS = {name: f"off_policy.believed.{name}" for name in _NAMES}


def main(argv: list[str]) -> None:
    names = sections.chosen(argv, _NAMES, by_default=_NAMES)
    settings = sections.Settings(_FLAGS.quick, _FLAGS.seed)
    sections.report("verdicts", names, _SECTIONS, settings)


if __name__ == "__main__":
    commands.define_flags(quick="Few logs; the figures mean nothing.", seed=True)
    app.run(main)
