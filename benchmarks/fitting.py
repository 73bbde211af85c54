# SPDX-License-Identifier: Apache-2.0
"""Fits of user models to logged sessions, and what they are worth.

    python benchmarks/fitting.py [SECTION ...] [--replications=20] [--seed=0] [--path=PATH]
        [--test=PATH ...] [--model=PATH] [--json=PATH] [--quick]

recovery: whether fits find the parameters that made a log, see `fits/recovery.py`.
fields: whether intervals hold the truth where a column of users is known and a taste is hidden, see
  `fits/fields.py`.
default: bias, coverage and CPU seconds of fits with hidden tastes by the default method, see
  `fits/default.py`.
log: fits to a table that NumPy makes, and what they tell of next visits and new users, see
  `fits/log.py`.
click_models: how well ten click models predict the clicks on pages of --path, see
  `fits/click_models.py`.
feed: what a world fitted to KuaiRand, in the folder --path, knows of later days and of other users,
  see `fits/feed.py`; --test twice names files of both, and --model writes the fitted scalars.
shelf: tastes and loyalty of households who buy yogurt and margarine, and the electricity panel with
  Halton points, of the folder --path, see `fits/shelf.py`; --test names other households of yogurt.
returns: when customers of Ta-Feng, in the folder --path, come back, see `fits/returns.py`; --test
  names other customers.
speed: sessions a second of likelihood and gradient, by batch size and session length, and memory,
  see `fits/likelihood_speed.py`.

Without a section, all of them. The figures of a section begin with its name.
"""

import commands
import sections
from absl import flags

_SECTIONS = {
    "recovery": "fits.recovery.recovery",
    "fields": "fits.fields.fields",
    "default": "fits.default.default",
    "log": "fits.log.log",
    "click_models": "fits.click_models.click_models",
    "feed": "fits.feed.feed",
    "shelf": "fits.shelf.shelf",
    "returns": "fits.returns.returns",
    "speed": "fits.likelihood_speed.speed",
}

if __name__ == "__main__":
    commands.define_flags(quick="Small logs and short fits; the figures mean nothing.", seed=True)
    flags.DEFINE_integer("replications", 20, "recovery, fields, default: logs.")
    flags.DEFINE_string("path", None, "File of result pages, or folder of logs: data by default.")
    flags.DEFINE_multi_string("test", [], "Files of the same form to score.")
    flags.DEFINE_string("model", None, "feed: a new folder, for the fitted scalars.")
    flags.DEFINE_string("root_dir", None, "default: a folder that keeps what is finished.")
    sections.run("fitting", _SECTIONS)
