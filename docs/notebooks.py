# SPDX-License-Identifier: Apache-2.0
"""Runs three of the examples as notebooks: `make notebooks`, or `python docs/notebooks.py`.

What goes to standard error, as progress bars, is left out.
"""

import shutil
from pathlib import Path

import jupytext
import nbformat
from nbconvert.preprocessors import ExecutePreprocessor

EXAMPLES = Path(__file__).parent.parent / "examples"
NAMES = ("train_slate_q", "own_environment", "log_to_model")


def run(name: str) -> None:
    """Writes the notebook of an example, with its outputs, beside it."""
    notebook = jupytext.read(EXAMPLES / f"{name}.py")
    notebook.metadata["kernelspec"] = {"name": "python3", "display_name": "Python 3"}
    # A run that is there would go on.
    shutil.rmtree(EXAMPLES / "runs" / "examples" / name, ignore_errors=True)
    ExecutePreprocessor(timeout=600).preprocess(notebook, {"metadata": {"path": str(EXAMPLES)}})
    for number, cell in enumerate(notebook.cells):
        # Else each is new in every run.
        cell.id = f"{name}-{number}"
        cell.metadata.pop("execution", None)
        if cell.cell_type == "code":
            cell.outputs = [output for output in cell.outputs if output.get("name") != "stderr"]
    nbformat.write(notebook, EXAMPLES / f"{name}.ipynb")


if __name__ == "__main__":
    for name in NAMES:
        run(name)
