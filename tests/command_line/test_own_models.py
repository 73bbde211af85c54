# SPDX-License-Identifier: Apache-2.0
"""A fitted model of a user's own module in `recsim-tf ope`."""

import pathlib

import pytest

from tests.processes import run_python

_SHOP = (pathlib.Path(__file__).parent / "shop.py").read_text()
_USERS = "class Shoppers(recsim_tf.UserModel):\n"
_PARAMETER = "    pickiness: float = recsim_tf.parameter(1.0)\n"
_SAVE = """
import sys
import shop
from recsim_tf import fitting
from tests.fitting.saving.results import result_of
fitting.save_model(sys.argv[1], result_of(shop.shop(), {"users.pickiness": 1.5}))
"""


@pytest.mark.slow
def test_a_model_of_a_users_own_module_is_judged_with_where_it_is_trusted(tmp_path):
    """The module has functions for gin, and is imported after the configuration was loaded."""
    (tmp_path / "shop.py").write_text(_SHOP.replace(_USERS, _USERS + _PARAMETER))
    rows = [f"{session},{place},{place},{place}" for session in range(9) for place in (0, 1)]
    (tmp_path / "log.csv").write_text("\n".join(["session,position,document,clicked", *rows]))
    bindings = {"log": tmp_path / "log.csv", "model": tmp_path / "model"}
    lines = [f"run_ope.{name} = '{path}'" for name, path in bindings.items()]
    lines += ["run_ope.policies = ('random',)", "run_ope.estimators = ('simulated',)"]
    (tmp_path / "judge.gin").write_text("\n".join([*lines, "run_ope.num_simulated = 20"]))
    saved = run_python("-c", _SAVE, str(tmp_path / "model"), PYTHONPATH=str(tmp_path))
    assert saved.returncode == 0, saved.stderr
    command = ["-m", "recsim_tf", "ope", f"--root_dir={tmp_path / 'judged'}"]
    command += [f"--gin_file={tmp_path / 'judge.gin'}"]
    refused = run_python(*command, PYTHONPATH=str(tmp_path))
    assert refused.returncode
    assert "to a command --trust=shop, if you trust shop" in refused.stderr
    judged = run_python(*command, "--trust=shop", PYTHONPATH=str(tmp_path))
    assert judged.returncode == 0, judged.stderr
    assert "simulated" in judged.stdout
