"""Models and run folders of strangers, and the ports that local commands open.

A hostile folder is met by `load_model` or `recsim-tf evaluate`, in a process that has recsim_tf
loaded as a caller has it. Its code must not run, it must be told in one line, and the memory must
stay. The sockets are those of all processes of a command while it trains.
"""

import importlib.util
import json
import signal
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

from campaign import hostile, sockets
from campaign.common import Settings
from processes import environment
from sections import Section

_WORKER = Path(__file__).with_name("trust_worker.py")
_TINY = Path(__file__).parents[2] / "tests" / "data" / "tiny.gin"
# A sample of a quick run takes each so many-th case.
_EVERY = 6
# Growth of the largest memory that a case may cause, in bytes: those that build an agent before
# they are refused take up to 170 MB.
_MOST_GROWTH = 300e6
_SECONDS = 120.0


def measure(settings: Settings) -> Section:
    """Meets hostile folders, and looks at the sockets of local commands."""
    with tempfile.TemporaryDirectory() as root:
        found = [
            {"kind": kind, **case}
            for kind in ("models", "runs")
            for case in _meet(kind, Path(root, kind), settings.quick)
        ]
        listening = _listening(Path(root), settings.quick)
    ran = [case for case in found if case["ran"]]
    untold = [case for case in found if not case["told"] or "\n" in case["told"]]
    large = [case for case in found if case["grown"] > _MOST_GROWTH]
    opened = [each for all_of in listening.values() for each in all_of or [] if each["open"]]
    figures = {
        "trust.models": len(found),
        "trust.ran": len(ran),
        "trust.untold": len(untold),
        "trust.large": len(large),
        "trust.largest_growth_mb": max(case["grown"] for case in found) / 1e6,
        "trust.sockets": sum(len(each or []) for each in listening.values()),
        "trust.open_sockets": len(opened),
    }
    details = {"cases": found, "listening": listening}
    return Section(figures, details, _lines(figures, found, listening))


def _meet(kind: str, root: Path, quick: bool) -> list[dict[str, Any]]:
    names = list(getattr(hostile, kind)())
    names = names[::_EVERY] if quick else names
    found: list[dict[str, Any]] = []
    while len(found) < len(names):
        left = names[len(found) :]
        process = subprocess.run(
            # Without the worker's folder, whose `numbers` is not Python's.
            [sys.executable, "-P", str(_WORKER), kind, str(root / str(len(found))), *left],
            env=environment({}),
            capture_output=True,
            text=True,
        )
        lines = [json.loads(line) for line in process.stdout.splitlines() if line[:1] == "{"]
        found += lines
        if len(lines) < len(left):  # The next case has ended the process.
            last = (process.stderr.splitlines() or [""])[-1]
            if not lines and not found and "Error" in last:
                raise RuntimeError(f"the process that meets hostile folders failed:\n{last}")
            name = names[len(found)]
            found.append({"name": name, "told": f"\nended: {last}", "ran": True, "grown": 0})
    return found


def _listening(root: Path, quick: bool) -> dict[str, list[dict[str, Any]] | None]:
    """The listening sockets of local commands; None for one that was not looked at."""
    if not sockets.is_available():
        return {"no /proc on this system": None}
    train = [f"--gin_file={_TINY}", "--gin_bindings=train.num_iterations = 100000"]
    sweep = root / "sweep.gin"
    sweep.write_text(
        f"sweep.gin_files = ({str(_TINY)!r},)\nsweep.trials = @listed()\nlisted.trials = ({{}},)\n"
        "sweep.gin_bindings = ('train.num_iterations = 100000',)\n"
    )
    commands = {"train": ["train", *train]}
    if not quick:
        commands["sweep"] = ["sweep", f"--sweep_file={sweep}"]
        commands["sweep --engine=ray"] = [*commands["sweep"], "--engine=ray"]
    return {
        name: None
        if "ray" in name and importlib.util.find_spec("ray") is None
        else _sockets_of([*command, f"--root_dir={root / name.replace(' ', '')}"])
        for name, command in commands.items()
    }


def _sockets_of(command: list[str]) -> list[dict[str, Any]]:
    folder = Path(command[-1].partition("=")[2])
    process = subprocess.Popen(
        [sys.executable, "-m", "recsim_tf", *command],
        env=environment({}),
        stdout=subprocess.DEVNULL,
        stderr=subprocess.PIPE,
        text=True,
    )
    deadline = time.monotonic() + _SECONDS
    while not list(folder.rglob("metrics.jsonl")):
        if process.poll() is not None or time.monotonic() > deadline:
            process.kill()
            raise RuntimeError(f"{command} did not train:\n{process.communicate()[1]}")
        time.sleep(0.2)
    found = [
        {**each._asdict(), "command": each.command[:80], "open": each.is_open}
        for each in sockets.listeners(sockets.descendants(process.pid))
    ]
    process.send_signal(signal.SIGTERM)
    process.communicate()
    return found


def _lines(figures, found, listening) -> list[str]:
    lines = ["Strangers' models and runs", "", f"{'':36} {'cases':>6} {'ran':>5} {'untold':>7}"]
    for kind, title in (("models", "saved models, by load_model"), ("runs", "runs, by evaluate")):
        cases = [case for case in found if case["kind"] == kind]
        ran = sum(case["ran"] for case in cases)
        untold = sum(not case["told"] or "\n" in case["told"] for case in cases)
        lines.append(f"{title:36} {len(cases):6} {ran:5} {untold:7}")
    for case in found:
        faults = [
            *(["its code ran"] if case["ran"] else []),
            *(["not told in one line"] if not case["told"] or "\n" in case["told"] else []),
            *([f"{case['grown'] / 1e6:,.0f} MB"] if case["grown"] > _MOST_GROWTH else []),
        ]
        if faults:
            lines.append(f"  {case['kind']}: {case['name']}: {', '.join(faults)}: {case['told']!r}")
    lines.append(f"The memory grew by at most {figures['trust.largest_growth_mb']:,.1f} MB.")
    lines += ["", "Sockets that listen", ""]
    for name, sockets_of in listening.items():
        if sockets_of is None:
            lines.append(f"{name}: not looked at, it is not installed")
            continue
        opened = [each for each in sockets_of if each["open"]]
        lines.append(f"{name}: {len(sockets_of)}, {len(opened)} of them beyond this machine")
        lines += [f"  {each['address']}:{each['port']} {each['command']}" for each in opened]
    lines.append("Not counted: devices.strategy = 'multi_worker', which needs a private network.")
    return lines
