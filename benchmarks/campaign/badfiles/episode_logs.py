"""Damaged and impossible episode logs."""

import copy
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import tensorflow as tf
from campaign.badfiles import damage
from campaign.badfiles.cases import Case

import recsim_tf
from recsim_tf.adapters import episodes
from recsim_tf.policies.random import random_policy

_SIZES = {"slate_size": 2, "num_candidates": 4, "max_steps": 4}
_LENGTHS = (0, 1, 2**16, 2**31, 2**32 - 1, 2**33, 2**36, 2**40, 2**62, 2**63, 2**64 - 1)
_FLOATS = (np.nan, np.inf, -np.inf)


def cases(folder: Path) -> Iterator[tuple[Case, Any]]:
    """Each case, and the content of the log that was damaged."""
    for name in _SIMULATORS:
        whole = _log(folder, name).read_bytes()
        content = _read(folder, name, whole)
        for kind, what, changed in _changed(_log(folder, name), whole, name):
            yield (
                Case(
                    f"episode log: {kind}",
                    f"{name}: {what}",
                    lambda name=name, changed=changed: _read(folder, name, changed),
                    ("bad.tfrecord",),
                ),
                content,
            )


def _interest_exploration():
    return recsim_tf.interest_exploration(**_SIZES)


def _long_term_satisfaction():
    return recsim_tf.long_term_satisfaction(tutorial=True, dtype=tf.float64, **_SIZES)


_SIMULATORS = {
    "interest exploration": _interest_exploration,
    "long-term satisfaction, float64": _long_term_satisfaction,
}
_made: dict[str, recsim_tf.Simulator] = {}


def _simulator(name: str) -> recsim_tf.Simulator:
    if name not in _made:
        _made[name] = _SIMULATORS[name]()
    return _made[name]


def _log(folder: Path, name: str) -> Path:
    path = folder / f"{name}.tfrecord"
    if not path.exists():
        simulator = _simulator(name)
        trajectory = simulator.rollout(random_policy(simulator), 3, 4, 0)
        episodes.write(path, simulator, trajectory)
    return path


def _read(folder: Path, name: str, content: bytes) -> Any:
    path = folder / "bad.tfrecord"
    path.write_bytes(content)
    found = episodes.read(path, _simulator(name))
    sessions = [tf.nest.flatten(session) for session in found.dataset().as_numpy_iterator()]
    trajectory = found.trajectory()
    return sessions, [leaf.numpy() for leaf in tf.nest.flatten(trajectory)]


def _changed(path: Path, whole: bytes, name: str) -> Iterator[tuple[str, str, bytes]]:
    """Kind, what was done, and the bytes of the file."""
    records = list(tf.data.TFRecordDataset(str(path)).as_numpy_iterator())
    for what, content in damage.cuts(whole, 40):
        yield "cut", what, content
    for what, content in damage.flips(whole, damage.spread(60, len(whole))):
        yield "bit flipped", what, content
    for number in range(len(records)):
        for length in _LENGTHS:
            parts = [damage.framed(record) for record in records]
            parts[number] = damage.framed(records[number], length)
            yield "false length", f"record {number} claims {length}", b"".join(parts)

    def replaced(record: bytes) -> bytes:
        return b"".join(map(damage.framed, [record, *records[1:]]))

    positions = damage.structure(records[0], tf.train.SequenceExample.DESCRIPTOR)
    chosen = [positions[place] for place in damage.spread(80, len(positions))]
    for what, content in damage.flips(records[0], chosen):
        yield "bit flipped, valid checksum", what, replaced(content)
    for what, content in damage.cuts(records[0], 20):
        yield "record cut, valid checksum", what, replaced(content)
    example = tf.train.SequenceExample.FromString(records[0])
    for what, other in _other_features(example):
        yield "feature of another form", what, replaced(other.SerializeToString())
    for what, other in _other_values(example):
        yield "impossible value", what, replaced(other.SerializeToString())


def _features(example: tf.train.SequenceExample) -> Iterator[tuple[str, list[tf.train.Feature]]]:
    """The features by name, one for each step."""
    for name in sorted(example.context.feature):
        if name != "is_last":
            yield name, [example.context.feature[name]]
    for name in sorted(example.feature_lists.feature_list):
        yield name, list(example.feature_lists.feature_list[name].feature)


def _other_features(
    example: tf.train.SequenceExample,
) -> Iterator[tuple[str, tf.train.SequenceExample]]:
    """The record with a feature removed, renamed, or of another form."""
    for name, _ in _features(example):
        for what in ("removed", "renamed", "without values", "of another kind", "one value more"):
            other = copy.deepcopy(example)
            group = other.context.feature
            if name not in group:
                group = other.feature_lists.feature_list
            if what == "renamed":
                group[f"{name}_"].CopyFrom(group[name])
            if what in ("removed", "renamed"):
                del group[name]
                yield f"{name} {what}", other
                continue
            feature = dict(_features(other))[name][-1]
            kind = feature.WhichOneof("kind")
            values = list(getattr(feature, kind).value)
            if not values and what != "of another kind":
                continue
            if what == "without values":
                feature.Clear()
            elif what == "of another kind":
                feature.Clear()
                feature.bytes_list.value.append(b"text")
            else:
                getattr(feature, kind).value.append(values[0])
            yield f"{name} {what}", other
        if name in example.feature_lists.feature_list:
            other = copy.deepcopy(example)
            del other.feature_lists.feature_list[name].feature[-1]
            yield f"{name} one step less", other
    other = copy.deepcopy(example)
    other.context.feature["mood"].float_list.value.append(1.0)
    yield "a feature more", other
    for value in (2, -1):
        other = copy.deepcopy(example)
        other.context.feature["is_last"].int64_list.value[:] = [value]
        yield f"is_last is {value}", other
    other = copy.deepcopy(example)
    for features in other.feature_lists.feature_list.values():
        del features.feature[:]
    yield "no steps", other


def _other_values(
    example: tf.train.SequenceExample,
) -> Iterator[tuple[str, tf.train.SequenceExample]]:
    """The record with values that no simulator gives."""
    for name, features in _features(example):
        kind = features[0].WhichOneof("kind")
        drawn = name.startswith(("draws/", "initial/"))
        for value in _impossible(name, kind, drawn):
            for step in sorted({0, len(features) - 1}):
                other = copy.deepcopy(example)
                feature = dict(_features(other))[name][step]
                if kind == "bytes_list":
                    array = np.frombuffer(feature.bytes_list.value[0], "<f8").copy()
                    if not len(array):
                        continue
                    array[-1] = value
                    feature.bytes_list.value[:] = [array.tobytes()]
                else:
                    values = getattr(feature, kind).value
                    if not len(values):
                        continue
                    values[len(values) - 1] = value
                yield f"{name} is {value} at step {step}", other
    for terminal, truncated in ((1, 0), (0, 1), (1, 1)):
        other = copy.deepcopy(example)
        lists = other.feature_lists.feature_list
        lists["is_terminal"].feature[0].int64_list.value[:] = [terminal]
        lists["is_truncated"].feature[0].int64_list.value[:] = [truncated]
        yield f"is_terminal is {terminal} and is_truncated {truncated} at step 0", other


def _impossible(name: str, kind: str, drawn: bool) -> tuple:
    if kind != "int64_list":
        if not drawn or name.endswith("engagement"):  # It counts only where there was a click.
            return _FLOATS
        # What is log-normal may be huge, and is not negative.
        beyond = 1e38 if kind == "float_list" else 1e200
        return *_FLOATS, -1.0 if name.endswith(("quality", "affinity")) else beyond
    if name in ("is_terminal", "is_truncated"):
        return 2, -1, 2**40
    return -7, 77, 2**40
