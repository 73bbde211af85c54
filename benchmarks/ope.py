"""Policies judged from logs.

    python benchmarks/ope.py [SECTION ...] [--obp-python=PYTHON] [--path=PATH] [--seed=0]
        [--json=PATH] [--quick]

cases: estimates of small logs beside other libraries, see `off_policy/known_cases.py`.
checks: wrong propensities, and slates that were never logged, see `off_policy/checks.py`.
clicks: logs of a ranking that never explored, and the pages of --path, see `off_policy/clicks.py`.
cut: sessions that were cut, candidates of a query, users who come again, see `off_policy/cut.py`.
obp: a simulated log of slates in obp 0.5.7, if `--obp-python` has it, see `off_policy/obp.py`.
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
    flags.DEFINE_string("obp_python", None, "A Python interpreter that has obp 0.5.7.")
    flags.DEFINE_alias("obp-python", "obp_python")
    flags.DEFINE_string("path", None, "clicks: Parquet file of result pages.")
    names = ("cases", "checks", "clicks", "cut", "obp", "one_step", "sessions", "speed")
    sections.run("ope", {name: f"off_policy.{name}.measure" for name in names})
