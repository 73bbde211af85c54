"""The section `agree`: exported programs under JAX on the CPU give TensorFlow's numbers."""

import json
import subprocess
import tempfile
from pathlib import Path

import processes
from accelerators import exporting
from accelerators.settings import Settings
from sections import Section, section

# TensorFlow simulates so many itself.
_USERS = {False: (1000,), True: (8,)}


def measure(settings: Settings) -> Section:
    """Exports programs, and runs them."""
    python = settings.interpreter()
    few = settings._replace(users=settings.users or _USERS[settings.quick])
    with tempfile.TemporaryDirectory() as folder:
        exporting.export(few, Path(folder))
        path = Path(folder) / "figures.json"
        process = subprocess.run(
            [python, str(Path(folder) / "run.py"), f"--json={path}", "--seconds=0"],
            env=processes.environment({"JAX_PLATFORMS": "cpu"}),
            capture_output=True,
            text=True,
        )
        if not path.exists():
            raise SystemExit(f"run.py failed under JAX:\n{process.stderr}")
        kinds = json.loads(path.read_text())["figures"]
    rows = [("program", "result")]
    for kind, named in kinds.items():
        rows += [
            (f"{kind} {name}", "; ".join(each["differences"]) or "as TensorFlow found it")
            for name, each in named.items()
        ]
    differing = sum(
        bool(each["differences"]) for named in kinds.values() for each in named.values()
    )
    figures = {"agree.programs": len(rows) - 1, "agree.differing": differing}
    title = "Results under JAX on the CPU"
    return section(settings, title, rows, figures, {"agree.differing": (0, 0)}, left=(0, 1))
