"""Plants faults one at a time in copies of the tree, and runs the tests that may see them."""

import compileall
import concurrent.futures
import contextlib
import json
import os
import py_compile
import queue
import shutil
import signal
import subprocess
import sys
import tempfile
import threading
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import NamedTuple

import processes
from campaign.fork_server import Command
from mutations.planting import Mutant
from mutations.seeing import Sight, nearness
from tqdm import tqdm

# A stage hangs after as many times the time that its tests take without a fault, and some seconds.
_PATIENCE, _PATIENCE_SECONDS = 5.0, 60.0
_FAILED = "failed: "
# As of tests/conftest.py, before TensorFlow is imported. Threads that libraries start then do not
# live on in a fork.
_VARIABLES = {
    "CUDA_VISIBLE_DEVICES": "",
    "TF_USE_LEGACY_KERAS": "1",
    "OMP_NUM_THREADS": "1",
    "OPENBLAS_NUM_THREADS": "1",
    "ARROW_DEFAULT_MEMORY_POOL": "system",
    "TF_CPP_MIN_LOG_LEVEL": "3",
    "TQDM_DISABLE": "1",
}


class Outcome(NamedTuple):
    """What became of a mutant."""

    mutant: Mutant
    diff: str
    # "failed", "hung", "survived"; or "unclear" where the test that failed does without a fault too
    ending: str
    failing: str  # the test that failed, or "": the product could not be imported, or none failed
    ran: int  # tests that were asked
    able: int  # tests that run the line


class Tree:
    """A copy of the tree, and a server that runs its tests.

    Args:
      root: of the copy.
    """

    def __init__(self, root: Path):
        self._root, self._output = root, root.with_suffix(".log")
        path = os.pathsep.join([str(root), str(Path(__file__).parents[1])])
        self._server = subprocess.Popen(
            [sys.executable, "-W", "ignore", "-m", "mutations.server"],
            cwd=root,
            env=processes.environment({**_VARIABLES, "PYTHONPATH": path}),
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
            text=True,
        )

    def close(self) -> None:
        """Ends the server."""
        self._server.communicate()

    @contextlib.contextmanager
    def planted(self, mutant: Mutant) -> Iterator[None]:
        """Inside, the tree has a fault."""
        file = self._root / mutant.path
        before = file.read_text()
        try:
            file.write_text(mutant.source(self._root))
            yield
        finally:
            file.write_text(before)

    def run(
        self, tests: Sequence[str], seconds: float, option: str = "--exitfirst"
    ) -> tuple[str, list[str]]:
        """How tests end, and which of them failed.

        Args:
          tests: in their order.
          seconds: after which they hang.
          option: of pytest.

        Returns:
          "survived", "failed" or "hung", and the names.
        """
        server, hung = self._server, threading.Event()
        assert server.stdin is not None
        assert server.stdout is not None
        command = Command([option, *tests], {}, str(self._output))
        server.stdin.write(json.dumps(command._asdict()) + "\n")
        server.stdin.flush()
        pid = int(server.stdout.readline())

        def end():
            hung.set()
            os.killpg(pid, signal.SIGKILL)

        timer = threading.Timer(seconds, end)
        timer.start()
        code = int(server.stdout.readline())
        timer.cancel()
        # Processes that the tests have started.
        with contextlib.suppress(ProcessLookupError):
            os.killpg(pid, signal.SIGKILL)
        lines = self._output.read_text(errors="replace").splitlines()
        failed = [line[len(_FAILED) :] for line in lines if line.startswith(_FAILED)]
        return "hung" if hung.is_set() else "failed" if code else "survived", failed

    def try_out(self, mutant: Mutant, sight: Sight, seconds: float) -> Outcome:
        """Runs the tests that may see a mutant, until one fails.

        Args:
          mutant: to plant.
          sight: says which tests those are.
          seconds: that they take without a fault, at most.
        """
        able = sight.tests_of(mutant.path, mutant.line)
        asked, left = [], seconds
        for test in able:
            if not asked or sight.seconds[test] <= left:
                asked.append(test)
                left -= sight.seconds[test]
        asked = sight.by_file(mutant.path, asked)
        # To import the tests of other rooms takes time, and those of the room see most.
        stages = [
            [test for test in asked if bool(nearness(mutant.path, test.partition("::")[0])) == near]
            for near in (True, False)
        ]
        ending, failed = "survived", []
        with self.planted(mutant):
            for stage in filter(None, stages):
                needed = sum(sight.seconds[test] for test in stage)
                ending, failed = self.run(stage, _PATIENCE_SECONDS + _PATIENCE * needed)
                if ending != "survived":
                    break
        failing = "".join(failed[:1])
        return Outcome(mutant, mutant.diff(self._root), ending, failing, len(asked), len(able))


def copy_tree(source: Path, target: Path) -> None:
    """Copies the files of a Git work tree that Git does not ignore, and compiles them so that a
    change is seen whatever the clock says.
    """
    listed = subprocess.run(
        ["git", "ls-files", "-z", "--cached", "--others", "--exclude-standard"],
        cwd=source,
        check=True,
        capture_output=True,
        text=True,
    ).stdout
    for name in filter(None, listed.split("\0")):
        if os.path.lexists(source / name):
            (target / name).parent.mkdir(parents=True, exist_ok=True)
            shutil.copy2(source / name, target / name, follow_symlinks=False)
    for folder in ("recsim_tf", "agents"):
        compileall.compile_dir(
            target / folder,
            quiet=1,
            invalidation_mode=py_compile.PycInvalidationMode.CHECKED_HASH,
        )


def run_all(
    mutants: Sequence[Mutant], source: Path, sight: Sight, seconds: float, jobs: int
) -> list[Outcome]:
    """The outcomes of mutants, with a bar on standard error.

    Args:
      mutants: to plant.
      source: a tree of `copy_tree`.
      sight: of its tests.
      seconds: see `Tree.try_out`.
      jobs: mutants at a time.
    """
    free: queue.Queue[Tree] = queue.Queue()

    def run(mutant: Mutant) -> Outcome:
        tree = free.get()
        try:
            return tree.try_out(mutant, sight, seconds)
        finally:
            free.put(tree)

    with tempfile.TemporaryDirectory() as folder:
        for number in range(jobs):
            root = Path(folder).resolve() / f"tree{number}"
            shutil.copytree(source, root, symlinks=True)
            free.put(Tree(root))
        try:
            # Before hours are spent: do tests pass here at all?
            _failing(free, sight, [min(sight.seconds, key=sight.seconds.__getitem__)])
            with concurrent.futures.ThreadPoolExecutor(jobs) as pool:
                found = pool.map(run, mutants)
                outcomes = list(tqdm(found, "mutants", len(mutants), dynamic_ncols=True))
            failing = _failing(free, sight, [each.failing for each in outcomes])
            return [
                each._replace(ending="unclear") if each.failing in failing else each
                for each in outcomes
            ]
        finally:
            while not free.empty():
                free.get().close()


def _failing(free: queue.Queue[Tree], sight: Sight, tests: Sequence[str]) -> list[str]:
    """Those of some tests that fail without a fault; "" is no test.

    Raises:
      RuntimeError: if they do not run.
    """
    asked = list(dict.fromkeys(filter(None, tests)))
    if not asked:
        return []
    seconds = _PATIENCE_SECONDS + _PATIENCE * sum(sight.seconds[test] for test in asked)
    tree = free.get()
    ending, failed = tree.run(asked, seconds, f"--maxfail={len(asked) + 1}")
    free.put(tree)
    if ending != "survived" and not failed:
        raise RuntimeError(f"tests do not run without a fault: {', '.join(asked[:3])}")
    return failed
