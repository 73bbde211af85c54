"""Sessions to records, each a `tf.train.SequenceExample`, and back."""

from typing import Any

import numpy as np
import tensorflow as tf
import tree
from google.protobuf.message import DecodeError  # type: ignore[import-untyped]

from recsim_tf.adapters.episodes.session import Session

IS_LAST = "is_last"


def name_of(path: tuple) -> str:
    """The name of the feature of a leaf of `Session`."""
    return "/".join(str(part) for part in path)


def is_context(name: str) -> bool:
    """Whether a feature is held once a session, not once a step."""
    return name.startswith("initial/") or name == "initial"


def _kind(dtype: tf.DType) -> str:
    """The field of `tf.train.Feature` that holds values of a dtype exactly."""
    if dtype == tf.float64:
        return "bytes_list"
    if dtype.is_floating:
        return "float_list"
    if dtype.is_bool or (dtype.is_integer and dtype != tf.uint64):
        return "int64_list"
    raise ValueError(
        f"a log holds floats, booleans and integers of up to 64 bits with a sign, got {dtype.name}"
    )


def example_of(named: dict[str, np.ndarray], user: int, length: int) -> tf.train.SequenceExample:
    """The record of one session.

    Args:
      named: arrays [T, B, ...] by name of feature, [B, ...] for those of the context.
      user: position of the session on the users' axis.
      length: number of its steps.
    """
    context, lists = {}, {}
    for name, leaf in named.items():
        if is_context(name):
            context[name] = _features(leaf[user : user + 1])[0]
        else:
            lists[name] = tf.train.FeatureList(feature=_features(leaf[:length, user]))
    return tf.train.SequenceExample(
        context=tf.train.Features(feature=context),
        feature_lists=tf.train.FeatureLists(feature_list=lists),
    )


def _features(rows: np.ndarray) -> list[tf.train.Feature]:
    """One feature for each row of [T, ...]."""
    kind = _kind(tf.as_dtype(rows.dtype))
    rows = rows.reshape(len(rows), int(np.prod(rows.shape[1:])))
    if kind == "bytes_list":
        return [
            tf.train.Feature(bytes_list=tf.train.BytesList(value=[row.astype("<f8").tobytes()]))
            for row in rows
        ]
    if kind == "float_list":
        return [
            tf.train.Feature(float_list=tf.train.FloatList(value=row))
            for row in rows.astype(np.float32).tolist()
        ]
    return [
        tf.train.Feature(int64_list=tf.train.Int64List(value=row))
        for row in rows.astype(np.int64).tolist()
    ]


def check(serialized: bytes, spec: Session) -> tuple[str, bool]:
    """What keeps a record from being a session of the spec, or "", and whether it is marked as the
    last session.
    """
    try:
        example = tf.train.SequenceExample.FromString(serialized)
    except DecodeError:
        return "not a tf.train.SequenceExample", False
    context, lists = example.context.feature, example.feature_lists.feature_list
    leaves = {name_of(path): leaf for path, leaf in tree.flatten_with_path(spec)}
    for name, leaf in leaves.items():
        if name not in (context if is_context(name) else lists):
            return f"feature {name} is missing: not a session of this simulator", False
        features = [context[name]] if is_context(name) else lists[name].feature
        for feature in features:
            problem = _mismatch(feature, leaf)
            if problem:
                return f"feature {name} {problem}: not a session of this simulator", False
        if not is_context(name) and len(features) != len(lists["reward"].feature):
            return (
                (
                    f"feature {name} has {len(features)} steps, but reward has"
                    f" {len(lists['reward'].feature)}"
                ),
                False,
            )
    unknown = sorted({*context, *lists} - {*leaves, IS_LAST})
    if unknown:
        return f"feature {unknown[0]} is unknown: not a session of this simulator", False
    return "", list(context[IS_LAST].int64_list.value) == [1] if IS_LAST in context else False


def _mismatch(feature: tf.train.Feature, leaf: tf.TensorSpec) -> str:
    kind, size = _kind(leaf.dtype), leaf.shape.num_elements()
    if feature.WhichOneof("kind") != kind:
        return (
            f"must be a {kind} for {leaf.dtype.name}, got {feature.WhichOneof('kind') or 'nothing'}"
        )
    values: Any = feature.float_list.value or feature.int64_list.value
    if kind == "bytes_list":
        values = b"".join(feature.bytes_list.value)
        size *= 8
    if len(values) != size:
        unit = "bytes" if kind == "bytes_list" else "values"
        return f"must have {size} {unit} for the shape {leaf.shape.as_list()}, got {len(values)}"
    return ""


def parse(serialized: tf.Tensor, spec: Session) -> Session:
    """The session of a record that has been checked."""
    context: dict[str, Any] = {}
    lists: dict[str, Any] = {}
    for path, leaf in tree.flatten_with_path(spec):
        kind, name, size = _kind(leaf.dtype), name_of(path), leaf.shape.num_elements()
        # TensorFlow's parser divides by the size.
        if not size:
            continue
        shape = [] if kind == "bytes_list" else [size]
        dtype = {"bytes_list": tf.string, "float_list": tf.float32, "int64_list": tf.int64}[kind]
        if is_context(name):
            context[name] = tf.io.FixedLenFeature(shape, dtype)
        else:
            lists[name] = tf.io.FixedLenSequenceFeature(shape, dtype)
    from_context, from_lists = tf.io.parse_single_sequence_example(serialized, context, lists)
    num_steps = tf.shape(from_lists["reward"])[0]

    def decode(path, leaf):
        name = name_of(path)
        axes = [] if is_context(name) else [num_steps]
        if not leaf.shape.num_elements():
            value = tf.zeros([*axes, *leaf.shape], leaf.dtype)
        else:
            stored = from_context[name] if is_context(name) else from_lists[name]
            if leaf.dtype == tf.float64:
                stored = tf.io.decode_raw(stored, tf.float64)
            value = tf.reshape(tf.cast(stored, leaf.dtype), [*axes, *leaf.shape])
        return tf.ensure_shape(value, [None] * len(axes) + leaf.shape.as_list())

    return tree.map_structure_with_path(decode, spec)
