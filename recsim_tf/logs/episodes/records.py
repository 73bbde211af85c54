# SPDX-License-Identifier: Apache-2.0
"""Conversion of sessions to records, which are `tf.train.SequenceExample`s, and back."""

from collections.abc import Iterable
from typing import Any

import numpy as np
import tensorflow as tf
import tree
from google.protobuf.message import DecodeError  # type: ignore[import-untyped]

from recsim_tf.logs.episodes.session import Session, is_context, name_of

IS_LAST = "is_last"
_STORED = {"bytes_list": tf.float64, "float_list": tf.float32, "int64_list": tf.int64}


def _kind(dtype: tf.DType) -> str:
    """The field of `tf.train.Feature` that holds values of a dtype exactly."""
    if dtype == tf.float64:
        return "bytes_list"
    if dtype.is_floating:
        return "float_list"
    if dtype.is_bool or (dtype.is_integer and dtype != tf.uint64):
        return "int64_list"
    raise ValueError(
        f"a log must have floats, booleans and signed integers of up to 64 bits, got {dtype.name}"
    )


def example_of(named: dict[str, np.ndarray], user: int, length: int) -> tf.train.SequenceExample:
    """The record of one session.

    Args:
      named: arrays [T, B, ...] by name of feature; features of the context are [B, ...].
      user: position of the session on the users' axis.
      length: number of steps of the session.
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
        lists = [tf.train.BytesList(value=[row.astype("<f8").tobytes()]) for row in rows]
    elif kind == "float_list":
        lists = [tf.train.FloatList(value=row) for row in rows.astype(np.float32).tolist()]
    else:
        lists = [tf.train.Int64List(value=row) for row in rows.astype(np.int64).tolist()]
    return [tf.train.Feature(**{kind: values}) for values in lists]


def stored_spec(spec: Session) -> Session:
    """The spec of sessions as they are stored: float32, float64 and int64."""
    return tf.nest.map_structure(
        lambda leaf: tf.TensorSpec(leaf.shape, _STORED[_kind(leaf.dtype)]), spec
    )


def check_form(serialized: bytes, spec: Session) -> bool:
    """Checks that a record is a session of a spec. Its values are not checked.

    Returns:
      Whether the record is marked as the last one.

    Raises:
      ValueError: if a feature is missing, unknown or of another size or dtype.
    """
    try:
        example = tf.train.SequenceExample.FromString(serialized)
    except DecodeError as error:
        raise ValueError("not a tf.train.SequenceExample") from error
    context, lists = example.context.feature, example.feature_lists.feature_list
    leaves = {name_of(path): leaf for path, leaf in tree.flatten_with_path(spec)}
    for name, leaf in leaves.items():
        if name not in (context if is_context(name) else lists):
            raise ValueError(f"feature {name} is missing: not a session of this simulator")
        features = [context[name]] if is_context(name) else lists[name].feature
        problem = _mismatch(features, leaf)
        if problem:
            raise ValueError(f"feature {name} {problem}: not a session of this simulator")
        num_steps = len(lists["reward"].feature)
        if not is_context(name) and len(features) != num_steps:
            raise ValueError(
                f"feature {name} has {len(features)} steps, but reward has {num_steps}"
            )
    unknown = sorted({*context, *lists} - {*leaves, IS_LAST})
    if unknown:
        raise ValueError(f"feature {unknown[0]} is unknown: not a session of this simulator")
    if not lists["reward"].feature:
        raise ValueError("feature reward must have at least one step, got 0")
    mark = list(context[IS_LAST].int64_list.value) if IS_LAST in context else [0]
    if mark not in ([0], [1]):
        raise ValueError(f"feature {IS_LAST} must be 0 or 1, got {mark}")
    return mark == [1]


def has_feature(path: str, name: str) -> bool:
    """True if the first record of a file has a feature list of that name."""
    first = next(iter(tf.data.TFRecordDataset(path).take(1).as_numpy_iterator()))
    try:
        return name in tf.train.SequenceExample.FromString(first).feature_lists.feature_list
    except DecodeError:
        return False


def _mismatch(features: Iterable[tf.train.Feature], leaf: tf.TensorSpec) -> str:
    """A description of the first feature that is not a tensor of the spec, or ""."""
    kind, size = _kind(leaf.dtype), leaf.shape.num_elements()
    for feature in features:
        stored = feature.WhichOneof("kind")
        if stored != kind:
            return f"must be a {kind} for {leaf.dtype.name}, got {stored or 'nothing'}"
        values = getattr(feature, kind).value
        wanted, unit = size, "values"
        if kind == "bytes_list":
            if len(values) != 1:
                return f"must have 1 string of bytes, got {len(values)}"
            values, wanted, unit = values[0], 8 * size, "bytes"
        if len(values) != wanted:
            shape = leaf.shape.as_list()
            return f"must have {wanted} {unit} for the shape {shape}, got {len(values)}"
    return ""


def parse(serialized: tf.Tensor, spec: Session) -> Session:
    """The session of a record that has the form of a spec."""
    context: dict[str, Any] = {}
    lists: dict[str, Any] = {}
    for path, leaf in tree.flatten_with_path(spec):
        kind, name, size = _kind(leaf.dtype), name_of(path), leaf.shape.num_elements()
        # TensorFlow's parser divides by the size, so features without values are left out.
        if not size:
            continue
        shape, dtype = ([], tf.string) if kind == "bytes_list" else ([size], _STORED[kind])
        if is_context(name):
            context[name] = tf.io.FixedLenFeature(shape, dtype)
        else:
            lists[name] = tf.io.FixedLenSequenceFeature(shape, dtype)
    from_context, from_lists = tf.io.parse_single_sequence_example(serialized, context, lists)
    num_steps = tf.shape(from_lists["reward"])[0]

    def decode(path: tuple, leaf: tf.Tensor):
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
