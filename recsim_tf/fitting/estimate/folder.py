"""What a fit writes down as it goes: TensorBoard's curves, and checkpoints to go on from."""

import json
import os
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import tensorflow as tf

_WHAT = "fit.json"


class SearchState:
    """All that a search needs to go on: the variables, the best of their values, and where it
    stands.

    Args:
      variables: that are searched over; a search begins at their values.
      optimizer: of Keras, or None.
    """

    def __init__(
        self,
        variables: Sequence[tf.Variable],
        optimizer: tf.keras.optimizers.Optimizer | None = None,
    ):
        self._variables = list(variables)
        self._best = [tf.Variable(variable) for variable in variables]
        # A string, since its fields are of many kinds.
        self._record = tf.Variable("", name="record")
        self.checkpoint = tf.train.Checkpoint(
            variables=self._variables, best=self._best, record=self._record
        )
        if optimizer is not None:
            self.checkpoint.optimizer = optimizer
        self.number = 0
        self.objective = -np.inf
        self.best_step = 0
        self.finished = self.converged = self.diverged = False
        self.history: list[dict[str, float]] = []

    def keep(self, objective: float, step: int) -> None:
        """Keeps the present values as the best ones."""
        for best, variable in zip(self._best, self._variables, strict=True):
            best.assign(variable)
        self.objective, self.best_step = float(objective), step

    def finish(self, converged: bool, diverged: bool) -> None:
        self.finished, self.converged, self.diverged = True, converged, diverged

    def best_values(self) -> list[np.ndarray]:
        return [variable.numpy() for variable in self._best]

    def write_record(self) -> None:
        fields = (
            "number",
            "objective",
            "best_step",
            "finished",
            "converged",
            "diverged",
            "history",
        )
        self._record.assign(json.dumps({name: getattr(self, name) for name in fields}))

    def read_record(self) -> None:
        for name, value in json.loads(self._record.numpy()).items():
            setattr(self, name, value)


class Journal:
    """The folder of a fit.

    Args:
      folder: for checkpoints/ and tensorboard/; None to write nothing down. If it has checkpoints
        of the same fit, that goes on.
      what: tells fits apart, as JSON.
      interval: steps between checkpoints.

    Raises:
      ValueError: if the folder holds another fit; nothing is changed then.
    """

    def __init__(self, folder: str | os.PathLike | None, what: dict[str, Any], interval: int):
        if interval < 1:
            raise ValueError(f"checkpoint_interval must be at least 1, got {interval}")
        self._interval = interval
        self._managers: dict[int, tf.train.CheckpointManager] = {}
        self._writers: dict[int, Any] = {}
        self._folder = None if folder is None else Path(folder)
        if self._folder is None:
            return
        described = self._folder / _WHAT
        text = json.dumps(what, indent=2, sort_keys=True) + "\n"
        if described.is_file():
            before = json.loads(described.read_text(encoding="utf-8"))
            changed = sorted(
                name
                for name in {*before, *json.loads(text)}
                if before.get(name) != json.loads(text).get(name)
            )
            if changed:
                raise ValueError(
                    f"folder {self._folder} holds another fit, which differs in"
                    f" {', '.join(changed)}: choose another folder"
                )
        self._folder.mkdir(parents=True, exist_ok=True)
        described.write_text(text, encoding="utf-8")

    def restore(self, start: int, state: SearchState) -> None:
        """Sets a search to its newest checkpoint, if there is one."""
        if self._folder is None:
            return
        self._managers[start] = tf.train.CheckpointManager(
            state.checkpoint, str(self._folder / "checkpoints" / f"start_{start}"), 1
        )
        latest = self._managers[start].latest_checkpoint
        if latest is None:
            return
        try:
            state.checkpoint.restore(latest).assert_existing_objects_matched()
            state.read_record()
        except Exception as error:  # A damaged file can raise anything.
            reason = str(error).splitlines()[0][:200]
            raise ValueError(
                f"checkpoint {latest} is damaged ({reason}): remove {self._folder / 'checkpoints'}"
                " to begin again"
            ) from error

    def save(
        self, start: int, state: SearchState, history: list[dict[str, float]], now: bool = False
    ) -> None:
        """Writes a checkpoint where one is due, or now."""
        if self._folder is not None and (now or len(history) % self._interval == 0):
            state.write_record()
            self._managers[start].save(checkpoint_number=len(history))

    def scalars(self, start: int, row: dict[str, float]) -> None:
        """A step of a search for TensorBoard: "step" and figures by name."""
        if self._folder is None:
            return
        if start not in self._writers:
            self._writers[start] = tf.summary.create_file_writer(
                str(self._folder / "tensorboard" / f"start_{start}")
            )
        with self._writers[start].as_default():
            for name, value in row.items():
                if name != "step":
                    tf.summary.scalar(f"Fit/{name}", value, step=row["step"])
        self._writers[start].flush()
