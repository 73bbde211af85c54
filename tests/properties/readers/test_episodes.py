"""Readers of episode files."""

import math

import numpy as np
import pytest
import tensorflow as tf
from hypothesis import strategies as st

import recsim_tf
from recsim_tf.logs import episodes, from_episodes, from_trajectory, stream_episodes
from recsim_tf.policies import random_policy
from tests.properties.readers.reading import read_or_none, reads
from tests.properties.readers.references import episodes as references
from tests.properties.readers.references.cells import found_or_none


@pytest.fixture(scope="module")
def recorded(folder):
    """A simulator, and the records of a file of its sessions."""
    simulator = recsim_tf.interest_exploration(slate_size=2, num_candidates=4, max_steps=4)
    path = folder / "log.tfrecord"
    episodes.write(path, simulator, simulator.rollout(random_policy(simulator), 3, 4, 0))
    return simulator, [record.numpy() for record in tf.data.TFRecordDataset(str(path))]


VALUES = {
    "float_list": (0.5, -1.0, math.nan, math.inf, 1e-42, 3e38),
    "int64_list": (0, 1, 2, 3, -1, -7, 77, 2**40),
    "bytes_list": (b"", b"x"),
}


def damaged_episodes(draw, records: list[bytes]) -> list[bytes]:
    """Records, some of which are missing or twice, or hold another value, or one more or less."""
    kind = draw(st.sampled_from(("value", "value", "value", "none", "removed", "order", "unknown")))
    if kind == "removed":
        gone = draw(st.integers(0, len(records) - 1))
        return records[:gone] + records[gone + 1 :]
    if kind == "order":
        return draw(st.permutations(records))
    index = draw(st.integers(0, len(records) - 1))
    example = tf.train.SequenceExample.FromString(records[index])
    lists = example.feature_lists.feature_list
    if kind == "unknown":
        lists["x\x1b[2J"].feature.add().int64_list.value.append(1)
    if kind == "value":
        name = draw(st.sampled_from(sorted(lists)))
        feature = draw(st.sampled_from(list(lists[name].feature)))
        values = getattr(feature, feature.WhichOneof("kind")).value
        if not values:
            return records
        change = draw(st.sampled_from(("one more", "one less", "another", "another", "another")))
        if change == "one more":
            values.append(values[-1])
        elif change == "one less":
            values.pop()
        else:
            place = draw(st.integers(0, len(values) - 1))
            values[place] = draw(st.sampled_from(VALUES[feature.WhichOneof("kind")]))
    return [*records[:index], example.SerializeToString(), *records[index + 1 :]]


# TensorFlow takes a quarter of a second to open the file of an example some five times.
@reads(episodes.read, from_episodes, from_trajectory, stream_episodes, share=0.1)
def test_episodes_are_read_as_they_are(folder, recorded, data):
    simulator, records = recorded
    path = folder / "damaged.tfrecord"
    records = damaged_episodes(data.draw, records)
    with tf.io.TFRecordWriter(str(path)) as writer:
        for record in records:
            writer.write(record)
    expected = found_or_none(lambda: references.sessions(records, recorded[1][0]))
    found = read_or_none(lambda: episodes.read(path, simulator), expected, path.name)
    if found is None:
        return
    assert found.num_sessions == len(records)
    found_logs = [from_trajectory(found.trajectory())]
    # What agents saw is compiled for each log, and pieces are parsed twice, which takes long.
    if data.draw(st.integers(0, 19)) == 0:
        found_logs.append(from_episodes(path, simulator))
        pieces = list(stream_episodes(path, simulator, 1).pieces())
        assert [int(piece.length[0]) for piece in pieces] == found_logs[0].length.tolist()
    for log in found_logs:
        assert log.length.tolist() == [len(features["reward"]) for features in expected]
        for session, features in enumerate(expected):
            steps = range(len(features["reward"]))
            slates = [[position >= 0 for position in slate] for slate in features["slate"]]
            assert [log.shown[session, step].tolist() for step in steps] == slates
            choices = [[int(log.response[session, step])] for step in steps]
            assert choices == features["draws/response"]
            assert log.slate[session, : len(steps)].tolist() == features["slate"]
            earned = log.reward[session, : len(steps)].sum(axis=1)
            # Rewards by position add up to them, but for a rounding.
            np.testing.assert_allclose(earned, np.ravel(features["reward"]), 1e-4, 1e-4)
