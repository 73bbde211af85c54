"""Fits of user models to logged sessions, and what they are worth.

    python benchmarks/fitting.py STUDY [--hidden] [--replications=20] [--data_dir=data] [--seed=0]
        [--json=PATH] [--quick]

recovery: whether fits find the parameters that made a log, see `fits/recovery.py`; with --hidden
  from a log without the users' changes.
movielens: what drifting tastes tell of the next choice in MovieLens-100K, see `fits/movielens.py`;
  `make data` brings the data.
open_bandit: whether clicks under a random policy tell another policy's click rate, see
  `fits/open_bandit.py`; needs `make data` as well.
speed: sessions a second of likelihood and gradient, by batch size and session length, and memory,
  see `fits/likelihood_speed.py`.
"""

import os
import shlex
from collections.abc import Sequence

# TensorFlow is imported before recsim_tf, which would settle it.
os.environ["TF_USE_LEGACY_KERAS"] = "1"
os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")

import commands
from absl import app, flags
from fits import likelihood_speed, movielens, open_bandit, recovery

_FLAGS = flags.FLAGS


def _recovery() -> tuple[dict, str]:
    if _FLAGS.hidden:
        result = recovery.hidden(_FLAGS.seed, _FLAGS.quick)
        return result, recovery.hidden_table(result)
    result = recovery.recovery(
        _FLAGS.seed, _FLAGS.replications or (2 if _FLAGS.quick else 20), _FLAGS.quick
    )
    return result, recovery.recovery_table(result)


def _movielens() -> tuple[dict, str]:
    result = movielens.movielens(_FLAGS.data_dir, _FLAGS.seed, _FLAGS.quick)
    return result, movielens.movielens_table(result)


def _open_bandit() -> tuple[dict, str]:
    result = open_bandit.open_bandit(_FLAGS.data_dir, _FLAGS.seed, _FLAGS.quick)
    return result, open_bandit.open_bandit_table(result)


def _speed() -> tuple[dict, str]:
    result = likelihood_speed.speed(_FLAGS.seed, _FLAGS.quick)
    return result, likelihood_speed.speed_table(result)


# Name -> a function that gives the result, with its "figures" by name, and its table.
_STUDIES = {
    "recovery": _recovery,
    "movielens": _movielens,
    "open_bandit": _open_bandit,
    "speed": _speed,
}


def main(argv: Sequence[str]) -> None:
    if len(argv) != 2 or argv[1] not in _STUDIES:
        raise app.UsageError(
            f"name one of {', '.join(_STUDIES)}, got {' '.join(argv[1:]) or 'nothing'}"
        )
    result, table = _STUDIES[argv[1]]()
    options = [
        flag.serialize()
        for flag in _FLAGS.get_key_flags_for_module(__name__)
        if flag.present and flag.name not in ("json", "data_dir")
    ]
    command = shlex.join(["python", "benchmarks/fitting.py", argv[1], *options, "--json=PATH"])
    if _FLAGS.quick:
        table += "\nA smoke run: these figures mean nothing."
    content = {"benchmark": "fitting", "quick": _FLAGS.quick, **result}
    commands.finish([command], content, table)


if __name__ == "__main__":
    commands.define_flags(quick="Small logs and short fits; the figures mean nothing.")
    flags.DEFINE_string("data_dir", "data", "Folder of the data sets, where `make data` puts them.")
    flags.DEFINE_integer("seed", 0, "Seed of logs and fits.")
    flags.DEFINE_integer("replications", None, "recovery: logs, by default 20.")
    flags.DEFINE_bool(
        "hidden", False, "recovery: without the directions in which clicks moved the interests."
    )
    app.run(main)
