"""How fast interest evolution is simulated, and how much memory a user takes, against RecSim.

    python benchmarks/simulation.py --json=PATH [--recsim-python=PATH]

Random slates of 3 of 10 candidates, auto-reset sessions. Speed is user-steps per second of CPU time, over all threads, of calls that
follow a first one, which compiles. That holds up on a machine with other work; the wall rates do not. Every figure of a run is from that
run: processes of its own, pinned to one core or free to use all, and RecSim with its random agent on the same core, if
`--recsim-python` is an interpreter that has RecSim 0.2.4. Memory is the growth of a process's peak between two batch sizes.
"""

import json
import os
import platform
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from absl import app, flags

_FLAGS = flags.FLAGS
flags.DEFINE_string("json", None, "File for the figures.")
flags.DEFINE_string("recsim_python", None, "A Python interpreter that has RecSim 0.2.4; without it there is no comparison.")
flags.DEFINE_bool("quick", False, "A smoke run with small batches on one core; its figures mean nothing.")
flags.DEFINE_alias("recsim-python", "recsim_python")

_SLATE_SIZE, _NUM_CANDIDATES = 3, 10
_HERE = Path(__file__).parent
_MODES = {"graph": False, "xla": True}
_CORES = {False: ("one_core", "all_cores"), True: ("one_core",)}
_RECSIM_IS_MISSING = 3

_USERS = {False: (1, 32, 1024, 16384, 131072), True: (1, 32)}
_TIMING = {
    False: {"user_steps": 2**21, "min_steps": 128, "max_steps": 4096, "cpu_seconds": 3.0},
    True: {"user_steps": 64, "min_steps": 2, "max_steps": 4, "cpu_seconds": 0.01},
}
# Large enough that the simulation, not the compiler, sets the peak; long enough that sessions end and newcomers are drawn.
_MEMORY_USERS = {False: (131072, 524288), True: (64, 128)}
_MEMORY_STEPS = {False: 64, True: 2}
_MEMORY_MODES = {False: tuple(_MODES), True: ("graph",)}


def run_python(python: str, script: Path, arguments: Sequence[str], one_core: bool) -> subprocess.CompletedProcess:
    """Runs a script with an interpreter, pinned to a single core where the system can do that."""

    def pin():
        if one_core and hasattr(os, "sched_setaffinity"):
            os.sched_setaffinity(0, {min(os.sched_getaffinity(0))})

    environment = {**os.environ, "TF_CPP_MIN_LOG_LEVEL": "2"}
    return subprocess.run([python, str(script), *arguments], preexec_fn=pin, env=environment, capture_output=True, text=True)


def run_worker(users: Sequence[int], mode: str, one_core: bool, **timing) -> dict[str, Any]:
    """Measures batch sizes in a process of their own."""
    task = {"users": list(users), "xla": _MODES[mode], "one_core": one_core, **timing}
    task.update(slate_size=_SLATE_SIZE, num_candidates=_NUM_CANDIDATES)
    process = run_python(sys.executable, _HERE / "simulation_worker.py", [json.dumps(task)], one_core)
    if process.returncode:
        raise RuntimeError(f"the measuring process failed:\n{process.stderr}")
    return json.loads(process.stdout.splitlines()[-1])


def measure_recsim(python: str | None, quick: bool) -> tuple[dict[str, Any] | None, str]:
    """RecSim's figures, or None, and a line that says which."""
    if python is None:
        return None, "RecSim: skipped, no --recsim-python"
    arguments = [f"--slate_size={_SLATE_SIZE}", f"--num_candidates={_NUM_CANDIDATES}", f"--seconds={0.1 if quick else 10}"]
    process = run_python(python, _HERE / "peers" / "recsim_interest_evolution.py", arguments, one_core=True)
    if process.returncode == _RECSIM_IS_MISSING:
        return None, f"RecSim: skipped, that interpreter cannot import it ({process.stderr.splitlines()[-1]})"
    if process.returncode:
        raise RuntimeError(f"RecSim failed:\n{process.stderr}")
    figures = json.loads(process.stdout.splitlines()[-1])
    return figures, f"RecSim {figures['recsim']}, Python {figures['python']}: {figures['steps_per_cpu_second']:,.0f} steps per CPU second"


def measure_memory(mode: str, quick: bool) -> float:
    """KiB of peak memory that one more user takes."""
    small, large = _MEMORY_USERS[quick]
    steps = _MEMORY_STEPS[quick]
    timing = {"user_steps": 0, "min_steps": steps, "max_steps": steps, "cpu_seconds": 0.0}
    # TensorFlow's own memory is in both peaks, and goes with the difference.
    peaks = [run_worker([users], mode, one_core=True, **timing)["peak_memory_kib"] for users in (small, large)]
    return (peaks[1] - peaks[0]) / (large - small)


def benchmark(quick: bool, recsim_python: str | None) -> dict[str, Any]:
    """Runs everything; returns the result that goes into the JSON file, its figures by name."""
    result: dict[str, Any] = {"benchmark": "simulation", "quick": quick, "figures": {}, "details": {}}
    figures, details = result["figures"], result["details"]
    load_before = os.getloadavg()[0]
    recsim, result["recsim"] = measure_recsim(recsim_python, quick)
    if recsim:
        details["recsim"] = recsim
        figures["recsim/steps_per_cpu_second"] = recsim["steps_per_cpu_second"]
    for cores in _CORES[quick]:
        for mode in _MODES:
            worker = run_worker(_USERS[quick], mode, cores == "one_core", **_TIMING[quick])
            details[f"{cores}/{mode}"] = worker["rates"]
            for users, rates in worker["rates"].items():
                for unit in ("cpu", "wall"):
                    figures[f"{cores}/{mode}/{users}/user_steps_per_{unit}_second"] = rates[f"user_steps_per_{unit}_second"]
                if recsim and cores == "one_core":
                    ratio = rates["user_steps_per_cpu_second"] / recsim["steps_per_cpu_second"]
                    figures[f"{cores}/{mode}/{users}/times_recsim"] = ratio
    for mode in _MEMORY_MODES[quick]:
        figures[f"memory/{mode}/kib_per_user"] = measure_memory(mode, quick)
    cores_here = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count()
    result["machine"] = {
        "device": worker["device"],
        "cores": cores_here,
        "processor": platform.machine(),
        "python": platform.python_version(),
        "tensorflow": worker["tensorflow"],
        "load_average": [load_before, os.getloadavg()[0]],
    }
    return result


def table(result: dict[str, Any]) -> str:
    """The result for a person."""
    figures, machine, quick = result["figures"], result["machine"], result["quick"]
    lines = [
        f"Interest evolution, random slates of {_SLATE_SIZE} of {_NUM_CANDIDATES}, auto-reset; millions of user-steps a second",
        f"{machine['device']}, {machine['cores']} cores ({machine['processor']}), TensorFlow {machine['tensorflow']}",
        "",
        f"{'cores':<10} {'mode':<6} {'users':>8} {'a CPU second':>13} {'a wall second':>14} {'x RecSim':>9}",
    ]
    for cores in _CORES[quick]:
        for mode in _MODES:
            for users in _USERS[quick]:
                name = f"{cores}/{mode}/{users}"
                cpu, wall = (figures[f"{name}/user_steps_per_{unit}_second"] / 1e6 for unit in ("cpu", "wall"))
                ratio = figures.get(f"{name}/times_recsim")
                shown_ratio = "" if ratio is None else f"{ratio:,.1f}"
                lines.append(f"{cores.replace('_', ' '):<10} {mode:<6} {users:>8,} {cpu:>13.3f} {wall:>14.3f} {shown_ratio:>9}".rstrip())
    memory = ", ".join(f"{figures[f'memory/{mode}/kib_per_user']:.2f} ({mode})" for mode in _MEMORY_MODES[quick])
    lines += ["", f"KiB of memory a user: {memory}", result["recsim"]]
    before, after = machine["load_average"]
    lines.append(
        f"Load average {before:.1f} before, {after:.1f} after; this run alone makes 1 to {machine['cores']}. CPU seconds count all threads."
    )
    lines.append("Other work on the machine lowers the wall rates, above all those on all cores, and the CPU rates a little.")
    if quick:
        lines.append("A smoke run: these figures mean nothing.")
    return "\n".join(lines)


def main(argv: Sequence[str]) -> None:
    if len(argv) > 1:
        raise app.UsageError(f"unexpected arguments: {' '.join(argv[1:])}")
    result = benchmark(_FLAGS.quick, _FLAGS.recsim_python)
    command = ["python benchmarks/simulation.py", "--json=PATH"]
    command += ["--recsim-python=PYTHON"] if _FLAGS.recsim_python else []
    command += ["--quick"] if _FLAGS.quick else []
    result = {"command": " ".join(command), **result}
    print(table(result))
    if _FLAGS.json:
        Path(_FLAGS.json).write_text(json.dumps(result, indent=2) + "\n")


if __name__ == "__main__":
    app.run(main)
