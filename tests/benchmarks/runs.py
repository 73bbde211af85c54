"""Quick runs of benchmarks, in processes of their own."""

import json
from pathlib import Path
from typing import Any

from tests.processes import run_python


def quick_run(folder: Path, script: str, *arguments: str) -> tuple[dict[str, Any], str]:
    """What a quick run of a script of `benchmarks` writes, as JSON, and what it prints."""
    path = folder / "figures.json"
    process = run_python(f"benchmarks/{script}", *arguments, "--quick", f"--json={path}")
    assert process.returncode == 0, process.stderr
    return json.loads(path.read_text()), process.stdout
