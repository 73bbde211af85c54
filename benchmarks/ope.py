"""Policies judged from logs.

    python benchmarks/ope.py [SECTION ...] [--seed=0] [--json=PATH] [--quick]

cases: estimates of small logs beside other libraries, see `off_policy/known_cases.py`.
checks: wrong propensities, and slates that were never logged, see `off_policy/checks.py`.
one_step: estimators in slates of users of four kinds, see `off_policy/one_step.py`.
sessions: estimators in sessions, fits, and SlateQ, see `off_policy/sessions.py`.
speed: weights and marginals, see `off_policy/speed.py`.

Without a section, all of them.
"""

import commands
import sections
from absl import app, flags

_FLAGS = flags.FLAGS
# The figures of a section begin with its name.
_SECTIONS = {
    name: f"off_policy.{name}.measure"
    for name in ("cases", "checks", "one_step", "sessions", "speed")
}


def main(argv: list[str]) -> None:
    names = sections.chosen(argv, list(_SECTIONS))
    settings = sections.Settings(_FLAGS.quick, _FLAGS.seed)
    sections.report("ope", names, _SECTIONS, settings)


if __name__ == "__main__":
    commands.define_flags(quick="Few logs; the figures mean nothing.", seed=True)
    app.run(main)
