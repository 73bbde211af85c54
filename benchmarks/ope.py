# SPDX-License-Identifier: Apache-2.0
"""Policies judged from logs.

    python benchmarks/ope.py [SECTION ...] [--path=PATH] [--seed=0] [--json=PATH] [--quick]

clicks: logs of a ranking that never explored, and the pages of --path, see `off_policy/clicks.py`.
cut: sessions that were cut, candidates of a query, users who come again, see `off_policy/cut.py`.
one_step: estimators in slates of users of four kinds, see `off_policy/one_step.py`.
sessions: estimators in sessions, fits, and SlateQ, see `off_policy/sessions.py`.
speed: weights, marginals, long sessions and many policies, see `off_policy/speed.py`.

Without a section, all of them. The figures of a section begin with its name.
"""

import commands
import sections
from absl import flags

if __name__ == "__main__":
    commands.define_flags(quick="Few logs; the figures mean nothing.", seed=True)
    flags.DEFINE_string("path", None, "clicks: Parquet file of result pages.")
    names = ("clicks", "cut", "one_step", "sessions", "speed")
    sections.run("ope", {name: f"off_policy.{name}.measure" for name in names})
