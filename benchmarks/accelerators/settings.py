# SPDX-License-Identifier: Apache-2.0
"""What the sections of the accelerators' benchmark are asked for."""

import subprocess
from pathlib import Path
from typing import NamedTuple

from accelerators import learners

# Programs by name: of environments, of a fit, and of agents in training.
PROGRAMS = (
    *("rollout", "log_prob", "fit"),
    *(f"{agent}_{role}" for agent in learners.AGENTS for role in learners.ROLES),
)
TARGETS = ("tpu", "cuda")
# What `make accelerators` creates.
MADE = Path(__file__).parents[2] / ".venv-accelerators"


class Settings(NamedTuple):
    """The settings of a run."""

    quick: bool
    output: str | None = None  # folder of an export
    environments: tuple[str, ...] = ()
    users: tuple[int, ...] = ()  # numbers of users; empty for those of the section
    programs: tuple[str, ...] = PROGRAMS
    targets: tuple[str, ...] = TARGETS
    jax_python: str | None = None
    files: tuple[Path, ...] = ()  # programs that others wrote, for the compilers

    def interpreter(self) -> str:
        """The interpreter of --jax_python, or the one that `make accelerators` created.

        Raises:
          SystemExit: if it does not have JAX.
        """
        python = self.jax_python or str(MADE / "bin" / "python")
        try:
            subprocess.run([python, "-c", "import jax"], capture_output=True, check=True)
        except (OSError, subprocess.CalledProcessError) as error:
            raise SystemExit(
                f"--jax_python must be an interpreter that has JAX, got {python};"
                " `make accelerators` creates one"
            ) from error
        return python
