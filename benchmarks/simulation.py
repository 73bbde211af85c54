"""How fast the environments are simulated, and how much memory a user takes, against RecSim.

    python benchmarks/simulation.py --json=PATH [--recsim-python=PATH] [--environment=InterestEvolution-v1]

Random slates of 3 of 10 candidates in interest evolution and 2 of 10 in the others, auto-reset sessions. Speed is user-steps per second of
CPU time, over all threads, of calls that follow a first one, which compiles. That holds up on a machine with other work; the wall rates do
not. Every figure of a run is from that run: processes of its own, pinned to one core or free to use all, and RecSim with its random
agent on the same core, if `--recsim-python` is an interpreter that has RecSim 0.2.4. Memory is the growth of a process's peak between two
batch sizes.
"""

import os
from collections.abc import Sequence
from typing import Any

import processes
from absl import app, flags

_FLAGS = flags.FLAGS
_SLATE_SIZES = {"InterestEvolution-v1": 3, "InterestExploration-v1": 2, "LongTermSatisfaction-v1": 2}
_NUM_CANDIDATES = 10

flags.DEFINE_string("json", None, "File for the figures.")
flags.DEFINE_string("recsim_python", None, "A Python interpreter that has RecSim 0.2.4; without it there is no comparison.")
flags.DEFINE_bool("quick", False, "A smoke run with small batches on one core; its figures mean nothing.")
flags.DEFINE_multi_enum("environment", list(_SLATE_SIZES), list(_SLATE_SIZES), "What is simulated; may be repeated.")
flags.DEFINE_alias("recsim-python", "recsim_python")

_MODES = {"graph": False, "xla": True}
_CORES = {False: ("one_core", "all_cores"), True: ("one_core",)}

_USERS = {False: (1, 32, 1024, 16384, 131072), True: (1, 32)}
_TIMING = {
    False: {"user_steps": 2**21, "min_steps": 128, "max_steps": 4096, "cpu_seconds": 3.0},
    True: {"user_steps": 64, "min_steps": 2, "max_steps": 4, "cpu_seconds": 0.01},
}
# Large enough that the simulation, not the compiler, sets the peak; long enough that sessions end and newcomers are drawn.
_MEMORY_USERS = {False: (131072, 524288), True: (64, 128)}
_MEMORY_STEPS = {False: 64, True: 2}
_MEMORY_MODES = {False: tuple(_MODES), True: ("graph",)}


def run_worker(environment: str, users: Sequence[int], mode: str, one_core: bool, **timing) -> dict[str, Any]:
    """Measures batch sizes in a process of their own."""
    task = {"environment": environment, "users": list(users), "xla": _MODES[mode], "one_core": one_core, **timing}
    task.update(slate_size=_SLATE_SIZES[environment], num_candidates=_NUM_CANDIDATES)
    return processes.run_worker("simulation_worker.py", task, one_core)


def measure_memory(environment: str, mode: str, quick: bool) -> float:
    """KiB of peak memory that one more user takes."""
    small, large = _MEMORY_USERS[quick]
    steps = _MEMORY_STEPS[quick]
    timing = {"user_steps": 0, "min_steps": steps, "max_steps": steps, "cpu_seconds": 0.0}
    # TensorFlow's own memory is in both peaks, and goes with the difference.
    peaks = [run_worker(environment, [users], mode, one_core=True, **timing)["peak_memory_kib"] for users in (small, large)]
    return (peaks[1] - peaks[0]) / (large - small)


def benchmark(environments: Sequence[str], quick: bool, recsim_python: str | None) -> dict[str, Any]:
    """Runs everything; returns the result that goes into the JSON file, its figures by name."""
    result: dict[str, Any] = {"benchmark": "simulation", "quick": quick, "environments": list(environments), "figures": {}, "details": {}}
    result["recsim"] = {}
    figures, details = result["figures"], result["details"]
    load_before = os.getloadavg()[0]
    for environment in environments:
        recsim, result["recsim"][environment] = processes.run_recsim(
            recsim_python,
            "recsim_simulation.py",
            environment=environment,
            slate_size=_SLATE_SIZES[environment],
            num_candidates=_NUM_CANDIDATES,
            seconds=0.1 if quick else 10,
        )
        if recsim:
            details[f"{environment}/recsim"] = recsim
            figures[f"{environment}/recsim/steps_per_cpu_second"] = recsim["steps_per_cpu_second"]
        for cores in _CORES[quick]:
            for mode in _MODES:
                worker = run_worker(environment, _USERS[quick], mode, cores == "one_core", **_TIMING[quick])
                details[f"{environment}/{cores}/{mode}"] = worker["rates"]
                for users, rates in worker["rates"].items():
                    name = f"{environment}/{cores}/{mode}/{users}"
                    for unit in ("cpu", "wall"):
                        figures[f"{name}/user_steps_per_{unit}_second"] = rates[f"user_steps_per_{unit}_second"]
                    if recsim and cores == "one_core":
                        figures[f"{name}/times_recsim"] = rates["user_steps_per_cpu_second"] / recsim["steps_per_cpu_second"]
        for mode in _MEMORY_MODES[quick]:
            figures[f"{environment}/memory/{mode}/kib_per_user"] = measure_memory(environment, mode, quick)
    result["machine"] = processes.machine(worker, load_before)
    return result


def table(result: dict[str, Any]) -> str:
    """The result for a person."""
    lines = [processes.machine_line(result["machine"])]
    for environment in result["environments"]:
        lines += ["", *_environment_lines(environment, result)]
    return "\n".join([*lines, "", *processes.load_lines(result["machine"], result["quick"])])


def _environment_lines(environment: str, result: dict[str, Any]) -> list[str]:
    figures, quick = result["figures"], result["quick"]
    slates = f"random slates of {_SLATE_SIZES[environment]} of {_NUM_CANDIDATES}"
    lines = [
        f"{environment}, {slates}, auto-reset; millions of user-steps a second",
        f"{'cores':<10} {'mode':<6} {'users':>8} {'a CPU second':>13} {'a wall second':>14} {'x RecSim':>9}",
    ]
    for cores in _CORES[quick]:
        for mode in _MODES:
            for users in _USERS[quick]:
                name = f"{environment}/{cores}/{mode}/{users}"
                cpu, wall = (figures[f"{name}/user_steps_per_{unit}_second"] / 1e6 for unit in ("cpu", "wall"))
                ratio = figures.get(f"{name}/times_recsim")
                shown_ratio = "" if ratio is None else f"{ratio:,.1f}"
                lines.append(f"{cores.replace('_', ' '):<10} {mode:<6} {users:>8,} {cpu:>13.3f} {wall:>14.3f} {shown_ratio:>9}".rstrip())
    memory = ", ".join(f"{figures[f'{environment}/memory/{mode}/kib_per_user']:.2f} ({mode})" for mode in _MEMORY_MODES[quick])
    return [*lines, f"KiB of memory a user: {memory}", result["recsim"][environment]]


def main(argv: Sequence[str]) -> None:
    if len(argv) > 1:
        raise app.UsageError(f"unexpected arguments: {' '.join(argv[1:])}")
    environments = list(dict.fromkeys(_FLAGS.environment))
    result = benchmark(environments, _FLAGS.quick, _FLAGS.recsim_python)
    command = ["python benchmarks/simulation.py", "--json=PATH"]
    command += ["--recsim-python=PYTHON"] if _FLAGS.recsim_python else []
    command += [f"--environment={environment}" for environment in environments] if len(environments) < len(_SLATE_SIZES) else []
    command += ["--quick"] if _FLAGS.quick else []
    print(table(result))
    processes.write(_FLAGS.json, command, result)


if __name__ == "__main__":
    app.run(main)
