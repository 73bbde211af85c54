# SPDX-License-Identifier: Apache-2.0
"""The code of README and of docs/ runs as printed.

The blocks of a page run in order in one folder, by the language that they name:

    python  one session for the page; a block that begins with `# name.py` is that file instead
    gin     is parsed; one that begins with `# name.gin` is that file
    bash    runs; commands of recsim-tf get the bindings of `_SHORTER`, which make them short
    sh      needs a network or other machines: its recsim-tf commands are only parsed
    yaml    is a part of a workflow: its recsim-tf commands are only parsed
    text    is no code
"""

import os
import pathlib
import re
import shlex
import subprocess
import sys

import pytest

from recsim_tf.command_line import options
from recsim_tf.experiment import config
from recsim_tf.experiment.sweeps import run

# Names of sweeps in gin; `import` has given the others.
run.ray.register_schedulers()

_ROOT = pathlib.Path(__file__).parent.parent
PAGES = (
    "README.md",
    "CONTRIBUTING.md",
    "examples/README.md",
    *(f"docs/{p.name}" for p in sorted(_ROOT.glob("docs/*.md"))),
    *(f"docs/reports/{p.name}" for p in sorted(_ROOT.glob("docs/reports/*.md"))),
)
# The pages in the order in which README lists them.
ORDER = (
    *("start", "environments", "own_environment", "policies", "training", "agents"),
    *("runs", "fitting"),
    *("own_log", "log_to_decision", "validation", "ope", "conversations", "worlds", "gymnasium"),
    *("coming_from_recsim", "faults", "glossary", "architecture", "releasing"),
)
_LANGUAGES = ("python", "gin", "bash", "sh", "yaml")
_BLOCK = re.compile(r"^```(.*)\n((?:.*\n)*?)```$", re.MULTILINE)
_FILE = re.compile(r"# ([\w/]+\.(?:py|gin))\n")
_LINK = re.compile(r"\]\(([^)\s]+)\)")
_HEADING = re.compile(r"^#+ (.*)$", re.MULTILINE)

_TRIAL = (
    "train.num_iterations = 2",
    "train.eval_users = 10",
    "experiment.num_users = 16",
    "Iteration.batch_size = 4",
    "Evaluation.num_users = 20",
)
_SHORTER = {
    "train": _TRIAL,
    "evaluate": ("Evaluation.num_users = 20",),
    "sessions": ("Evaluation.num_users = 20",),
    "simulate": (
        "Evaluation.num_users = 20",
        "ecosystem.users_per_world = 10",
        "news.users_per_world = 10",
    ),
    "fit": (
        "simulated_log.num_sessions = 50",
        "run_fit.posterior = None",
        "LBFGS.max_iterations = 3",
    ),
    "ope": ("run_ope.num_sessions = 50", "run_ope.num_simulated = 50", "run_ope.num_truth = 50"),
    "sweep": (f"sweep.gin_bindings = {_TRIAL}", "sweep.seeds = (0,)"),
}


def _blocks(page: str) -> list[tuple[str, str]]:
    return _BLOCK.findall((_ROOT / page).read_text(encoding="utf-8"))


def _prose(page: str) -> str:
    return _BLOCK.sub("", (_ROOT / page).read_text(encoding="utf-8"))


def _anchors(path: pathlib.Path) -> set[str]:
    """The anchors of a page's headings, as GitHub makes them."""
    headings = _HEADING.findall(_prose(str(path.resolve().relative_to(_ROOT))))
    plain = (re.sub(r"\[([^\]]*)\]\([^)]*\)", r"\1", heading).lower() for heading in headings)
    return {re.sub(r"[^\w\- ]", "", heading).replace(" ", "-") for heading in plain}


def _run(arguments: list[str], folder: pathlib.Path, **environment: str) -> str:
    """What a command prints, which runs in a folder as on a user's machine."""
    inherited = {name: value for name, value in os.environ.items() if name != "TF_USE_LEGACY_KERAS"}
    path = f"{folder / 'bin'}{os.pathsep}{os.environ['PATH']}"
    done = subprocess.run(
        arguments,
        cwd=folder,
        env={**inherited, "PATH": path, "PYTHONPATH": str(_ROOT), **environment},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, f"{arguments}\n{done.stdout}\n{done.stderr}"
    return done.stdout


def _shorter_command(folder: pathlib.Path) -> None:
    """Puts into `folder / "bin"` this Python, and a `recsim-tf` with the bindings of `_SHORTER`."""
    lines = ["#!/bin/bash", 'case "$1" in']
    for command, bindings in _SHORTER.items():
        options = shlex.join(f"--gin_bindings={binding}" for binding in bindings)
        lines.append(f'{command}) set -- "$@" {options};;')
    lines += ["esac", f'exec {sys.executable} -m recsim_tf "$@"']
    script = folder / "bin" / "recsim-tf"
    script.parent.mkdir()
    script.write_text("\n".join(lines))
    script.chmod(0o755)
    python = folder / "bin" / "python"
    python.write_text(f'#!/bin/bash\nexec {sys.executable} "$@"\n')
    python.chmod(0o755)


def _run_page(page: str, folder: pathlib.Path, languages=_LANGUAGES) -> str:
    """Runs the blocks of a page; returns what its Python prints."""
    _shorter_command(folder)
    session = []
    for language, code in _blocks(page):
        file = _FILE.match(code)
        if language not in languages:
            continue
        if file is not None:
            (folder / file.group(1)).write_text(code)
        elif language == "python":
            session.append(code)
        if language == "gin":
            _parse(code, folder)
        elif language == "bash":
            _run(["bash", "-euo", "pipefail", "-c", code], folder)
        elif language in ("sh", "yaml"):
            _check_commands(code)
    (folder / "session_of_the_page.py").write_text("\n".join(session))
    return _run([sys.executable, "session_of_the_page.py"], folder) if session else ""


def _parse(code: str, folder: pathlib.Path) -> None:
    if "import " in code:  # Of a module of the page, which a command of the page imports.
        return
    (folder / "block.gin").write_text(code)
    config.load([str(folder / "block.gin")], [])


def _check_commands(code: str) -> None:
    for line in code.replace("\\\n", " ").splitlines():
        command = line.strip().partition(" || ")[0]
        if command.startswith("recsim-tf "):
            options.parse(shlex.split(command, comments=True)[1:])


@pytest.mark.parametrize("page", PAGES)
def test_every_block_names_a_language_that_a_test_runs(page):
    assert {language for language, _ in _blocks(page)} <= {*_LANGUAGES, "text"}
    indented = re.findall(r"(?:^|\n)\n( {4,}\S.*)", _prose(page))
    assert not indented, "an indented block names no language"


def test_readme_lists_the_pages_in_their_order():
    listed = re.findall(r"^\d+\. \[.*?\]\(docs/(\w+)\.md\)", _prose("README.md"), re.MULTILINE)
    assert tuple(listed) == ORDER
    assert {path.stem for path in _ROOT.glob("docs/*.md")} == set(ORDER)


@pytest.mark.parametrize("page", [f"docs/{name}.md" for name in ORDER])
def test_a_page_says_first_what_its_reader_can_do(page):
    text = (_ROOT / page).read_text(encoding="utf-8")
    assert text.split("\n\n")[1].startswith("After this page you ")


def test_the_documents_have_at_most_thirty_two_thousand_words():
    pages = ("README.md", *(f"docs/{name}.md" for name in ORDER))
    assert sum(len((_ROOT / page).read_text(encoding="utf-8").split()) for page in pages) <= 32_000


@pytest.mark.parametrize("page", [*PAGES, "CHANGELOG.md"])
def test_every_link_leads_to_a_file_and_a_heading(page):
    broken = []
    for link in _LINK.findall(_prose(page)):
        if link.startswith("https://"):
            continue
        file, _, heading = link.partition("#")
        target = (_ROOT / page).parent / file if file else _ROOT / page
        if not target.exists() or (heading and heading not in _anchors(target)):
            broken.append(link)
    assert not broken


@pytest.mark.slow
def test_readme_fits_its_new_environment(tmp_path):
    printed = _run_page("README.md", tmp_path, ["python"])
    (pickiness,) = re.findall(r"^([\d.]+) ± 0\.\d+$", printed, re.MULTILINE)
    assert abs(float(pickiness) - 5.0) < 0.5, "the fit finds the value that README simulates with"


@pytest.mark.slow
@pytest.mark.parametrize("page", PAGES)
def test_a_page_runs_as_printed(page, tmp_path):
    _run_page(page, tmp_path)
