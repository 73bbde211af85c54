"""How often the words of verdicts are true.

    python benchmarks/verdicts.py [SECTION ...] [--data_dir=data] [--seed=0] [--json=PATH] [--quick]

ope: "believable" of estimates by weights, in worlds of one step and of many, and of `calibrated` by
  models that are right and wrong, see `off_policy/believed.py`.
validate: words of `fitting.validate` that true simulators lose, and faults that are found, see
  `fits/verdicts_of_validation.py`; with the data sets also what it says of public logs.
chosen: whether `fitting.validate` tells how well a simulator ranks policies, see
  `fits/verdicts_of_rankings.py`.

Without a section, all of them.
"""

import commands
import sections
from absl import app, flags

_FLAGS = flags.FLAGS
_SECTIONS = {
    "ope": "off_policy.believed.measure",
    "validate": "fits.verdicts_of_validation.validate",
    "chosen": "fits.verdicts_of_rankings.chosen",
}


def main(argv: list[str]) -> None:
    names = sections.chosen(argv, tuple(_SECTIONS))
    settings = sections.Settings(_FLAGS.quick, _FLAGS.seed, data_dir=_FLAGS.data_dir)
    sections.report("verdicts", names, _SECTIONS, settings)


if __name__ == "__main__":
    commands.define_flags(quick="Few logs; the figures mean nothing.", seed=True)
    flags.DEFINE_string("data_dir", "data", "Folder of the data sets, where `make data` puts them.")
    app.run(main)
