# SPDX-License-Identifier: Apache-2.0
"""How often the words of verdicts are true.

    python benchmarks/verdicts.py [SECTION ...] [--seed=0] [--json=PATH] [--quick]

ope: "believable" of estimates by weights, in worlds of one step and of many, and of `calibrated` by
  models that are right and wrong, see `off_policy/believed.py`.
difference: intervals of the difference of two policies, where both are believed, see
  `off_policy/differences.py`.
doctor: logs that mislead, which `logs.examine` must find before a policy is judged from them, and
  simulators with faults that `fitting.validate` must find, see `off_policy/doctor.py`.
validate: words of `fitting.validate` that true simulators lose, and faults that are found, see
  `fits/verdicts_of_validation.py`.
reacting: the same where the systems that logged react to their users, who are hidden or known in
  part, see `fits/verdicts_of_reacting_systems.py`.
chosen: whether `fitting.validate` tells how well a simulator ranks policies, see
  `fits/verdicts_of_rankings.py`.

Without a section, all of them.
"""

import commands
import sections
from absl import flags

if __name__ == "__main__":
    commands.define_flags(quick="Few logs; the figures mean nothing.", seed=True)
    flags.DEFINE_string(
        "root_dir", None, "doctor and reacting: a folder that keeps what is finished."
    )
    sections.run(
        "verdicts",
        {
            "ope": "off_policy.believed.measure",
            "difference": "off_policy.differences.measure",
            "doctor": "off_policy.doctor.measure",
            "validate": "fits.verdicts_of_validation.validate",
            "reacting": "fits.verdicts_of_reacting_systems.reacting",
            "chosen": "fits.verdicts_of_rankings.chosen",
        },
    )
