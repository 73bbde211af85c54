# SPDX-License-Identifier: Apache-2.0
"""Makes the pages that the gallery shows: `python docs/gallery.py site/gallery`.

Commands of recsim-tf write them, in a minute or two. With `--pictures`, Chromium then draws them
into docs/images, for README and the gallery:

    python docs/gallery.py site/gallery --pictures
"""

import argparse
import shlex
import subprocess
import sys
import tempfile
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import NamedTuple

from PIL import Image

IMAGES = Path(__file__).parent / "images"


class Entry(NamedTuple):
    """A page, the commands that write it, and where they do."""

    name: str
    title: str
    words: str
    commands: str
    page: str


ENTRIES = (
    Entry(
        "session",
        "A session",
        "A policy that SlateQ learned, and a user who meets it: what was shown, what the user did, "
        "and what the policy thought of its alternatives. "
        "[Runs](docs/runs.md#look-at-sessions) says more.",
        r"""recsim-tf train --root_dir=quickstart --gin_file=quickstart.gin \
    --gin_bindings='experiment.num_users = 256' \
    --gin_bindings='Iteration.batch_size = 16' \
    --gin_bindings='CosineDecay.decay_steps = 100' \
    --gin_bindings='train.num_iterations = 100' \
    --gin_bindings='train.eval_users = 50' \
    --gin_bindings='Evaluation.num_users = 100'
recsim-tf sessions --root_dir=quickstart --user=3 --output=shown \
    --gin_bindings='Evaluation.num_users = 20' \
    --gin_bindings='Evaluation.max_steps = 60'""",
        "shown/sessions.html",
    ),
    Entry(
        "conversation",
        "A conversation",
        "A policy asks while it pays, and then recommends. "
        "[Conversations](docs/conversations.md) says by which belief.",
        r"""recsim-tf simulate --root_dir=ask --gin_file=conversation/ask.gin \
    --gin_bindings='simulate.policies = (@tuned/AskWhileItPays,)' \
    --gin_bindings='Evaluation.num_users = 20'
recsim-tf sessions --root_dir=ask --user=3 --output=shown""",
        "shown/sessions.html",
    ),
    Entry(
        "fit",
        "A fit",
        "Parameters of users, fitted to a log: intervals, the course of the search, calibration, "
        "and checks of what the fitted users would do. [Fitting](docs/fitting.md) says more.",
        r"""recsim-tf fit --root_dir=fit --gin_file=fitting/interest_evolution.gin \
    --gin_bindings='simulated_log.num_sessions = 200'""",
        "fit/report.html",
    ),
    Entry(
        "sweep",
        "A sweep",
        "Two learning rates of tabular Q-learning with two seeds each. "
        "[Sweeps](docs/runs.md#sweeps) says more.",
        r"""recsim-tf sweep --root_dir=sweep --sweep_file=sweeps/quickstart.gin \
    --gin_bindings='sweep.gin_files = ("interest_exploration/tabular_q.gin",)' \
    --gin_bindings='grid.choices = {"TabularUpdates.learning_rate": (0.0001, 0.01)}' \
    --gin_bindings='sweep.seeds = (0, 1)' \
    --gin_bindings='sweep.gin_bindings = ("train.num_iterations = 60",
        "train.eval_interval = 20", "train.log_interval = 20", "train.eval_users = 50",
        "Evaluation.num_users = 100")'""",
        "sweep/summary.html",
    ),
)


def page() -> str:
    """The gallery's own page, in Markdown."""
    parts = ["# Gallery", "Each picture opens the page that the commands below it write."]
    for entry in ENTRIES:
        picture = f"![The top of the page](docs/images/page_{entry.name}.png)"
        parts += [
            f"## {entry.title}\n\n{entry.words}",
            f'<a href="gallery/{entry.name}.html">{picture}</a>',
            f"```sh\n{entry.commands}\n```",
        ]
    return "\n\n".join(parts)


def write(entry: Entry, folder: Path) -> None:
    """Runs the commands of an entry, and writes its page into a folder."""
    with tempfile.TemporaryDirectory() as run:
        for command in entry.commands.split("recsim-tf ")[1:]:
            arguments = shlex.split(command.replace("\\\n", " "))
            done = subprocess.run(
                [sys.executable, "-m", "recsim_tf", *arguments],
                cwd=run,
                capture_output=True,
                text=True,
                check=False,
            )
            if done.returncode:
                sys.exit(f"recsim-tf {arguments[0]} failed:\n{done.stderr}")
        (folder / f"{entry.name}.html").write_bytes((Path(run) / entry.page).read_bytes())


def draw(entry: Entry, folder: Path) -> None:
    """Draws the top of an entry's page, in 128 colours."""
    image = IMAGES / f"page_{entry.name}.png"
    browser = ["chromium", "--headless", "--no-sandbox", "--hide-scrollbars"]
    address = (folder.resolve() / f"{entry.name}.html").as_uri()
    drawn = ["--window-size=1000,1100", f"--screenshot={image}", address]
    subprocess.run([*browser, *drawn], capture_output=True, check=True)
    Image.open(image).convert("RGB").quantize(128, Image.Quantize.FASTOCTREE).save(image)


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("folder", type=Path, help="for the pages")
    parser.add_argument("--pictures", action="store_true", help="draw them by Chromium")
    options = parser.parse_args()
    options.folder.mkdir(parents=True, exist_ok=True)
    with ThreadPoolExecutor(2) as threads:
        list(threads.map(lambda entry: write(entry, options.folder), ENTRIES))
    for each in ENTRIES if options.pictures else ():
        draw(each, options.folder)
