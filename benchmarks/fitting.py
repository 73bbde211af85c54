"""Fits of user models to logged sessions, and what they are worth.

    python benchmarks/fitting.py STUDY [--hidden] [--replications=20] [--data_dir=data] [--seed=0]
        [--path=PATH] [--test=PATH] [--json=PATH] [--quick]

recovery: whether fits find the parameters that made a log, see `fits/recovery.py`; with --hidden
  from a log without the users' changes.
fields: whether intervals hold the truth where a column of users is known and a taste is hidden, see
  `fits/fields.py`.
values: what a model of the wrong form says of policies inside and outside of its log, see
  `fits/values.py`.
log: fits to a table that NumPy makes, and what they tell of next visits and new users, see
  `fits/log.py`.
one_log: a table that NumPy makes, read once, then fitted, validated, judged and written back; with
  --path, the folder of the data sets, also what sessions of their own lengths cost in two public
  logs; see `fits/one_log.py`.
panels: mixed logits of two panels of choices, whose tastes are integrated out by draws, see
  `fits/panels.py`; needs yogurt.csv and electricity.csv in the folder of the data sets, as the
  package xlogit has them.
click_models: how well ten click models predict the clicks on pages of --path, see
  `fits/click_models.py`.
speed: sessions a second of likelihood and gradient, by batch size and session length, and memory,
  see `fits/likelihood_speed.py`.
"""

import shlex
from collections.abc import Sequence

import commands
from absl import app, flags
from fits import (
    click_models,
    fields,
    likelihood_speed,
    log,
    one_log,
    panels,
    recovery,
    values,
)

_FLAGS = flags.FLAGS


# A function of each study, which gives a result with its name and its "figures".
_STUDIES = {
    "recovery": lambda: _recovery(),
    "fields": lambda: fields.fields(_FLAGS.seed, _replications(), _FLAGS.quick),
    "values": lambda: values.values(_FLAGS.seed, _replications(), _FLAGS.quick),
    "log": lambda: log.log(_FLAGS.seed, _FLAGS.quick),
    "one_log": lambda: one_log.one_log(_FLAGS.seed, _FLAGS.path, _FLAGS.quick),
    "panels": lambda: panels.panels(_FLAGS.data_dir, _FLAGS.quick),
    "click_models": lambda: click_models.click_models(
        _FLAGS.path, _FLAGS.test, _FLAGS.seed, _FLAGS.quick
    ),
    "speed": lambda: likelihood_speed.speed(_FLAGS.seed, _FLAGS.quick),
}
_TABLES = {
    "recovery": recovery.recovery_table,
    "recovery --hidden": recovery.hidden_table,
    "fields": fields.fields_table,
    "values": values.values_table,
    "log": log.log_table,
    "one_log": one_log.one_log_table,
    "panels": panels.panels_table,
    "click_models": click_models.click_models_table,
    "speed": likelihood_speed.speed_table,
}


def _recovery() -> dict:
    if _FLAGS.hidden:
        return recovery.hidden(_FLAGS.seed, _FLAGS.quick)
    return recovery.recovery(_FLAGS.seed, _replications(), _FLAGS.quick)


def _replications() -> int:
    return _FLAGS.replications or (2 if _FLAGS.quick else 20)


def main(argv: Sequence[str]) -> None:
    if len(argv) != 2 or argv[1] not in _STUDIES:
        raise app.UsageError(
            f"name one of {', '.join(_STUDIES)}, got {' '.join(argv[1:]) or 'nothing'}"
        )
    result = _STUDIES[argv[1]]()
    table = _TABLES[result["study"]](result)
    options = [
        flag.serialize()
        for flag in _FLAGS.get_key_flags_for_module(__name__)
        if flag.present and flag.name not in ("json", "data_dir", "path", "test")
    ]
    options += [f"--{name}=PATH" for name in ("path", "test") if _FLAGS[name].present]
    command = shlex.join(["python", "benchmarks/fitting.py", argv[1], *options, "--json=PATH"])
    if _FLAGS.quick:
        table += "\nA smoke run: these figures mean nothing."
    content = {"benchmark": "fitting", "quick": _FLAGS.quick, **result}
    commands.finish([command], content, table)


if __name__ == "__main__":
    commands.define_flags(quick="Small logs and short fits; the figures mean nothing.")
    flags.DEFINE_string("data_dir", "data", "panels: folder of the data sets.")
    flags.DEFINE_integer("seed", 0, "Seed of logs and fits.")
    flags.DEFINE_integer("replications", None, "recovery, fields, values: logs, by default 20.")
    flags.DEFINE_string(
        "path", None, "click_models: Parquet file of result pages. one_log: folder of data sets."
    )
    flags.DEFINE_string("test", None, "click_models: pages to score, by default a fifth of those.")
    flags.DEFINE_bool(
        "hidden", False, "recovery: without the directions in which clicks moved the interests."
    )
    app.run(main)
