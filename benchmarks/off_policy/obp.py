"""A simulated log of slates, judged by obp 0.5.7 and here.

obp asks for Python 3.8 to 3.10. In an environment of Python 3.11 it runs after `pip install torch
"pandas<3" matplotlib seaborn scikit-learn pyyaml tqdm pyieoe` and `pip install
--ignore-requires-python --no-deps obp==0.5.7`.
"""

import tempfile
from pathlib import Path

import numpy as np
import processes
from off_policy.worlds import WORLDS, affine
from sections import Section, Settings, section

from recsim_tf import logs, ope

_ESTIMATORS = ("ips", "iips", "rips")
_NUM_SESSIONS = {False: 10_000, True: 200}


def measure(settings: Settings) -> Section:
    world, logging, target = WORLDS["several_clicks"], affine(1.0), affine(3.0)
    trajectory = world.rollout(logging, _NUM_SESSIONS[settings.quick], 1, settings.seed)
    log = logs.from_trajectory(trajectory, world, logging=logging)
    feedback = logs.to_obp(log, target)
    estimates = ope.evaluate(None, logs.from_obp(feedback), _ESTIMATORS)
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "log.npz"
        np.savez(path, **feedback)
        by_obp, line = processes.run_peer(
            "obp", "obp-python", settings.obp_python, "obp_values.py", path=path
        )
    rows = [("estimator", "here", "obp")]
    rows += [
        (name, f"{estimates[name].value:.9g}", f"{by_obp[name]:.9g}" if by_obp else "")
        for name in _ESTIMATORS
    ]
    figures = {f"obp.{name}": estimates[name].value for name in _ESTIMATORS}
    bars = {}
    if by_obp:
        figures["obp.largest_difference"] = max(
            abs(estimates[name].value / by_obp[name] - 1) for name in _ESTIMATORS
        )
        bars["obp.largest_difference"] = (0.0, 1e-6)
    title = f"A log of {log.num_sessions:,} slates in obp and here"
    return section(settings, title, rows, figures, bars, [line] if line else [])
