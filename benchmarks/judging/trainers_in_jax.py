# SPDX-License-Identifier: Apache-2.0
"""Trainers in JAX of other projects in exported worlds, beside our REINFORCE at the same steps."""

import json
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import Any

import processes
from judging.verdicts import Settings, Verdict, judge, together

import recsim_tf

_REINFORCE = "interest_evolution/reinforce.gin"
_STEPS_OF_ITERATION = 256 * 100  # by the users and steps of its file


@judge("rejax, PPO")
def by_rejax(settings: Settings) -> Verdict:
    steps = 2 * 512 * 128 if settings.quick else 4_000_000
    return _verdict(settings, "rejax", num_users=512, name="rejax", steps=steps)


@judge("PureJaxRL, `dqn.py`")
def _by_purejaxrl_dqn(settings: Settings) -> Verdict:
    return _by_purejaxrl(settings, "dqn.py", num_users=10)


@judge("PureJaxRL, `ppo.py`")
def _by_purejaxrl_ppo(settings: Settings) -> Verdict:
    return _by_purejaxrl(settings, "ppo.py", num_users=4)


by_purejaxrl = together(_by_purejaxrl_dqn, _by_purejaxrl_ppo)


def _by_purejaxrl(settings: Settings, script: str, num_users: int) -> Verdict:
    """The verdict of a script of PureJaxRL, whose configuration has that number of users."""
    if settings.purejaxrl is None:
        raise ImportError("registries do not have it, --purejaxrl_repo=FOLDER has it")
    program = settings.purejaxrl / script
    # Its configuration says how long it trains, also where the run is quick.
    return _verdict(
        settings, "purejaxrl", num_users, name=f"purejaxrl_{program.stem}", program=program
    )


def _verdict(
    settings: Settings, trainer: str, num_users: int, name: str, **arguments: Any
) -> Verdict:
    """The verdict of a trainer, which learns slates of one document of ten.

    `name` is the part of the names of its figures that says which trainer it is.
    """
    with tempfile.TemporaryDirectory() as folder:
        simulator = recsim_tf.make("InterestEvolution-v1", slate_size=1, num_candidates=10)
        exported = simulator.export_environment(Path(folder) / "exported", num_users)
        result, line = processes.run_peer(
            trainer,
            "jax_python",
            settings.jax_python,
            "jax_trainers.py",
            trainer=trainer,
            environment=exported,
            sessions=64 if settings.quick else 2048,
            **arguments,
        )
        if result is None:
            raise ImportError(line)
        random, reinforce = _reinforce(Path(folder) / "reinforce", result["steps"], settings.quick)
    said = (
        f"a return of {_number(**result)} after {result['steps']:,} steps; REINFORCE"
        f" {_number(**reinforce)}, random {_number(**random)}"
    )
    figures = {
        f"judges.{name}_return": result["mean_return"],
        f"judges.{name}_reinforce_return": reinforce["mean_return"],
    }
    least = reinforce["mean_return"]
    faults = [] if settings.quick or result["mean_return"] >= least else [f"below {least:.1f}"]
    return Verdict(said, figures, faults, version=result["version"])


def _reinforce(root_dir: Path, steps: int, quick: bool) -> tuple[dict[str, Any], dict[str, Any]]:
    """The results of the random policy, and of our REINFORCE after at least so many steps."""
    iterations = -(-steps // _STEPS_OF_ITERATION)
    bindings = (
        "interest_evolution.slate_size=1",
        f"train.num_iterations={iterations}",
        f"CosineDecay.decay_steps={iterations}",
        f"train.eval_interval={iterations}",
        f"train.log_interval={iterations}",
        f"train.checkpoint_interval={iterations}",
        *(["Evaluation.num_users=64"] if quick else []),
    )
    command = [sys.executable, "-m", "recsim_tf.command_line.cli", "train"]
    command += [f"--root_dir={root_dir}", f"--gin_file={_REINFORCE}"]
    command += [f"--gin_bindings={binding}" for binding in bindings]
    process = subprocess.run(command, env=processes.environment({}), capture_output=True, text=True)
    if process.returncode:
        raise RuntimeError(f"{_REINFORCE}:\n{process.stderr[-2000:]}")
    policies = json.loads((root_dir / "results.json").read_text())["policies"]
    return policies[0], policies[-1]


def _number(mean_return: float, standard_error: float, **_: Any) -> str:
    """A return and its standard error, for a person."""
    return f"{mean_return:.1f} ± {standard_error:.1f}"
