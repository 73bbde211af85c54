# SPDX-License-Identifier: Apache-2.0
"""skdr-eval: its tests of recovery and coverage, and both tools on the same logs.

See `skdr_tests.py` and `skdr_logs.py` for what each is given.
"""

import numpy as np
from judging.verdicts import Settings, Verdict, judge, together

from recsim_tf.support.tables import text_table


@judge("skdr-eval tests", "skdr-eval")
def _by_tests(settings: Settings) -> Verdict:
    import skdr_eval  # noqa: F401
    from judging import skdr_tests

    checks = skdr_tests.ask(3 if settings.quick else 100)
    rows = [("test", "condition", "theirs", "passed", "ours", "passed")]
    for name, condition, *answers in checks:
        cells = [(f"{each.number:.3f}", "yes" if each.passed else "no") for each in answers]
        rows.append((name, condition, *cells[0], *cells[1]))
    ours, theirs = (
        sum(getattr(check, tool).passed for check in checks) for tool in ("ours", "theirs")
    )
    # Few logs say nothing of a share.
    faults = [
        f"{each.name}: {each.ours.number:.3f} here, {each.theirs.number:.3f} there"
        for each in checks
        if each.theirs.passed and not each.ours.passed and not settings.quick
    ]
    figures = {"judges.skdr_tests": float(ours), "judges.skdr_tests_theirs": float(theirs)}
    said = f"{ours} of {len(checks)} pass; {theirs} with skdr-eval's own estimators"
    return Verdict(said, figures, faults, lines=text_table(rows, left=(0, 1, 3, 5)).splitlines())


@judge("skdr-eval logs", "skdr-eval")
def _by_logs(settings: Settings) -> Verdict:
    import skdr_eval  # noqa: F401
    from judging import skdr_logs

    if settings.quick:
        figures, lines = skdr_logs.compare({"one step": 8, "10 steps": 4}, num_sessions=200)
    else:
        sets = {"one step": 200, "10 steps": 200, "120 slates": 40}
        figures, lines = skdr_logs.compare(sets, num_sessions=1_000)
    said = "wrong deploys: " + "; ".join(
        f"{name} {figures[f'judges.skdr.{name}.recsim_tf.wrong_deploys']:.2f} here,"
        f" {figures[f'judges.skdr.{name}.skdr-eval.wrong_deploys']:.2f} there"
        for name in ("one step", "10 steps")
    )
    figures = {name: value for name, value in figures.items() if not np.isnan(value)}
    return Verdict(said, figures, lines=lines)


measure = together(_by_tests, _by_logs)
