# SPDX-License-Identifier: Apache-2.0
"""Checkpoints of a fit and TensorBoard's curves."""

import dataclasses
import functools
import json
import os
import warnings
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import tensorflow as tf

from recsim_tf.core.base.arguments import Count, configurable
from recsim_tf.support import checkpoints as files
from recsim_tf.support.files import read_json, storing, write_text
from recsim_tf.support.stopping import Stop, StoppedError

_WHAT = "fit.json"
# The part of a checkpoint.
_SEARCH = "search"
_ADVICE = "remove it to go on with the fit that the folder's configuration describes"


@configurable(module="recsim_tf", denylist=["folder", "stop"])
@dataclasses.dataclass(frozen=True)
class Checkpoints:
    """The folder to which a fit writes checkpoints and TensorBoard's curves. A fit that was stopped
    goes on from its last checkpoint, and ends with the same numbers as if it had not been.

    Args:
      folder: the folder of checkpoints/ and tensorboard/; None to write nothing.
      interval: steps of the search, evaluations or passes, between checkpoints, at least 1.
      stop: the result of `recsim_tf.support.stopping.noting_signals`. When a signal comes, the
        search saves a checkpoint and raises a StoppedError.
    """

    folder: str | os.PathLike | None = None
    interval: Count = 10
    stop: Stop | None = None

    @property
    def path(self) -> Path | None:
        return None if self.folder is None else Path(self.folder)

    def begin(self, what: dict[str, Any]) -> None:
        """Makes the folder, for a fit that is described by JSON. Raises a ValueError if the folder
        holds another fit; nothing is changed then.
        """
        if self.path is None:
            return
        described = self.path / _WHAT
        text = json.dumps(what, indent=2, sort_keys=True) + "\n"
        if described.is_file():
            before: dict[str, Any] = read_json(described, dict, _ADVICE)
            now = json.loads(text)
            changed = [
                name for name in sorted({*before, *now}) if before.get(name) != now.get(name)
            ]
            if changed:
                raise ValueError(
                    f"folder {self.path} holds another fit, which differs in"
                    f" {', '.join(changed)}: choose another folder"
                )
        self.path.mkdir(parents=True, exist_ok=True)
        write_text(described, text)


@dataclasses.dataclass
class Progress:
    """The state of a search, as JSON can hold it."""

    objective: float = -np.inf  # at the best values
    best_step: int = 0
    finished: bool = False
    converged: bool = False
    # whether it ended since the held-out likelihood rose no more
    stopped_early: bool = False
    # whether it stopped at a value that is not finite
    diverged: bool = False
    # one row an evaluation or a pass: "step", and means per step "log_likelihood", "held_out"
    history: list[dict[str, float]] = dataclasses.field(default_factory=list)

    def finish(
        self, converged: bool = False, stopped_early: bool = False, diverged: bool = False
    ) -> None:
        self.finished = True
        self.converged, self.stopped_early, self.diverged = converged, stopped_early, diverged


class SearchState:
    """The content of a checkpoint: the variables, the best of their values, and its progress.
    If the folder has a checkpoint of the search, it is restored.

    Args:
      checkpoints: the place where they are written; a damaged one raises a ValueError.
      variables: the variables that are searched over; a search begins at their values.
      **tracked: other objects that are checkpointed, such as an optimizer of Keras.
    """

    # float64 [P], the units of the search at its end, where it has any
    units: Any = None

    def __init__(self, checkpoints: Checkpoints, variables: Sequence[tf.Variable], **tracked: Any):
        self.progress = Progress()
        self._path = checkpoints.path
        self._interval, self._stop = checkpoints.interval, checkpoints.stop or Stop()
        self._variables = list(variables)
        self._best = [tf.Variable(variable) for variable in variables]
        # A string, since its fields are of many kinds.
        self._record = tf.Variable("", name="record")
        self._checkpoint = tf.train.Checkpoint(
            variables=self._variables, best=self._best, record=self._record, **tracked
        )
        self._saved = 0
        if self._path is not None:
            self._checkpoints = self._path / "checkpoints"
            self._checkpoints.mkdir(parents=True, exist_ok=True)
            self._restore()

    def _restore(self) -> None:
        number = files.restore_newest(self._checkpoints, _SEARCH, self._checkpoint, False)
        if number is None:
            return
        self._saved = number
        # The process may have been killed before it removed what is old.
        if number == files.numbers(self._checkpoints)[-1]:
            files.trim(self._checkpoints, 1)
        try:
            self.progress = Progress(**json.loads(self._record.numpy()))
        except (ValueError, TypeError) as error:
            raise files.CorruptError(
                f"checkpoint {self._checkpoints / str(number)} is of another version of recsim_tf:"
                " choose another folder"
            ) from error

    def keep(self, objective: float, step: int) -> None:
        """Keeps the present values as the best ones."""
        for best, variable in zip(self._best, self._variables, strict=True):
            best.assign(variable)
        self.progress.objective, self.progress.best_step = float(objective), step

    def go_to_best(self) -> None:
        """Sets the variables to the best values."""
        for best, variable in zip(self._best, self._variables, strict=True):
            variable.assign(best)

    def add(self, row: dict[str, float]) -> None:
        """Adds a row to the history and to TensorBoard's curves."""
        self.progress.history.append(row)
        if self._path is not None:
            with storing(self._path), self._writer.as_default(step=row["step"]):
                for name, value in row.items():
                    if name != "step":
                        tf.summary.scalar(f"Fit/{name}", value)
                self._writer.flush()

    def diverge(self, what: str) -> None:
        """Ends the search where `what` is not finite, and warns."""
        warnings.warn(
            f"the fit diverged: the {what} is not finite; these are the last finite parameters",
            stacklevel=5,
        )
        self.progress.finish(diverged=True)

    def save(self, now: bool = False) -> None:
        """Writes a checkpoint where one is due, or now. Raises a StoppedError if a signal asked to
        stop, once it is written.
        """
        number, stop = len(self.progress.history), self._stop
        due = number - self._saved >= self._interval
        if (due or now or stop.signal) and self._path is not None:
            self._record.assign(json.dumps(dataclasses.asdict(self.progress)))
            files.save(self._checkpoints, number, {_SEARCH: self._checkpoint}, 1)
            self._saved = number
        if stop.signal and self._saved == number and not self.progress.finished:
            raise StoppedError(
                f"the fit stopped after step {number:,} of its search, with a checkpoint in"
                f" {self._path}",
                stop.signal,
            )

    @functools.cached_property
    def _writer(self) -> Any:
        return tf.summary.create_file_writer(
            str(self._path / "tensorboard")  # type: ignore[operator]
        )
