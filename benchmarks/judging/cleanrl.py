# SPDX-License-Identifier: Apache-2.0
"""CleanRL's `ppo.py`, unchanged, in training. It names an environment and nothing else."""

import subprocess
import sys
import tempfile
from pathlib import Path

import processes
from judging import one_item
from judging.verdicts import Settings, Verdict, judge


@judge("CleanRL ppo.py")
def train(settings: Settings) -> Verdict:
    script = settings.cleanrl_script
    if script is None:
        raise ImportError("registries have an old one alone, --cleanrl_repo=FOLDER has this one")
    arguments = ["--total-timesteps", "256" if settings.quick else "2048", "--num-steps", "64"]
    with tempfile.TemporaryDirectory() as folder:
        process = subprocess.run(
            [sys.executable, one_item.__file__, str(script), "--env-id", one_item.ID, *arguments],
            cwd=folder,
            env=processes.environment({}),
            capture_output=True,
            text=True,
        )
        written = [*Path(folder).rglob("events.out.tfevents.*")]
    trained = process.returncode == 0 and bool(written)
    faults = [] if trained else [(process.stderr.splitlines() or ["no events were written"])[-1]]
    said = f"{'trains' if trained else 'fails'} on one item, flat, from its command line"
    return Verdict(said, {"judges.agents_trained": int(trained)}, faults, version="a clone")
