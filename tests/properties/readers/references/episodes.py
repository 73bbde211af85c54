"""Records of episode files."""

import math

import tensorflow as tf

from tests.properties.readers.references.cells import require

# Ranges of features of interest exploration with four candidates of two topics; others are those
# of int32.
RANGES = {"slate": (-1, 3), "documents/cluster_id": (0, 1), "is_terminal": (0, 1)}
RANGES["is_truncated"] = (0, 1)


def sessions(serialized: list[bytes], whole_record: bytes) -> list[dict[str, list[list]]]:
    """The values of each step by feature, of records of interest exploration like a whole one."""
    shape = _features(whole_record)[0]
    sizes = {name: len(steps[0]) for name, steps in shape.items()}
    found = []
    require(serialized)
    for index, record in enumerate(serialized):
        features, is_last = _features(record)
        require(is_last == (index == len(serialized) - 1) and set(features) == set(sizes))
        length = len(features["reward"])
        for name, steps in features.items():
            low, high = RANGES.get(name, (-(2**31), 2**31 - 1))
            require(len(steps) == length and all(len(step) == sizes[name] for step in steps))
            for value in (value for step in steps for value in step):
                require(math.isfinite(value) and (isinstance(value, float) or low <= value <= high))
        ends = [features["is_terminal"], features["is_truncated"]]
        require(not any(end[0] for of in ends for end in of[:-1]))
        require(not (ends[0][-1][0] and ends[1][-1][0]))
        found.append(features)
    return found


def _features(record: bytes) -> tuple[dict[str, list[list]], bool]:
    """The values of each step by feature, and whether the record is the last one."""
    example = tf.train.SequenceExample.FromString(record)
    features = {
        name: [list(getattr(each, each.WhichOneof("kind")).value) for each in steps.feature]
        for name, steps in example.feature_lists.feature_list.items()
    }
    return features, example.context.feature["is_last"].int64_list.value[0] == 1
