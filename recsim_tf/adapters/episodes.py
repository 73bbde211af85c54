"""Episode logs: TFRecord files of sessions, each a `tf.train.SequenceExample`, from which a trajectory comes back bit for bit.

The names of features are the paths of `Session`'s leaves, joined by "/"; FIELD stands for the path within a model's own nest and is left
out, with the slash, where the nest is one tensor. A feature holds a tensor without its axes of time and users, flattened in C order.

Context features, once a session:

| name | shape | meaning |
|---|---|---|
| initial/user/FIELD | any | the user's initial draws |
| initial/corpus/FIELD | any | the corpus's initial draws, where it has any |
| initial/candidates/FIELD | [N, ...] | the candidates of the first step, as drawn |
| initial/hidden/FIELD | [N, ...] | hidden attributes of persistent candidates, else absent |
| is_last | [], int64 | 1 in the last session that was written, else 0: tells that the file is whole |

Feature lists, one entry for each step in which the user was active:

| name | shape | meaning |
|---|---|---|
| user/FIELD | any | what agents see of the user, before the slate |
| documents/FIELD | [N, ...] | what agents see of the candidates, before the slate |
| slate | [K], int32 | positions among the candidates, -1 where a short slate is padded |
| draws/hidden/FIELD | [K, ...] | draws of the hidden attributes of the documents shown, where there are any |
| draws/response/FIELD | any | draws of the response |
| draws/innovation/FIELD | any | draws of the user's change, where there are any |
| draws/departure | [] | draw of the departure, absent where leaving is a rule |
| draws/candidates/FIELD | [N, ...] | draws of the next step's candidates, absent where candidates persist |
| response/FIELD | [K, ...] | that field of the response, also where agents do not see all of it |
| reward | [] | the step's reward |
| is_terminal | [], bool | the user left at this step |
| is_truncated | [], bool | the time limit ended the session at this step |

A session that was still going on when the rollout ended has neither flag. Dtypes are those of the simulator: float32 and shorter floats are
stored as `float_list`, float64 as one value of `bytes_list` (little-endian), integers and booleans as `int64_list`.
"""

import contextlib
import os
from collections.abc import Iterator
from typing import Any, NamedTuple

import numpy as np
import tensorflow as tf
import tree
from google.protobuf.message import DecodeError  # type: ignore[import-untyped]

from recsim_tf.core import nests, random
from recsim_tf.core.execution import compiled
from recsim_tf.core.simulator import Simulator
from recsim_tf.core.types import InitialDraws, Nest, StepDraws, Trajectory, Transition

_IS_LAST = "is_last"


class Session(NamedTuple):
    """One session of T steps: an element of a log."""

    initial: InitialDraws  # nests of [...]
    user: Nest  # nest of [T, ...], observed before the slate
    documents: Nest  # nest of [T, N, ...], observed before the slate
    slate: tf.Tensor  # int32 [T, K]
    draws: StepDraws  # nests of [T, ...]
    response: Nest  # nest of [T, K, ...]
    reward: tf.Tensor  # [T]
    is_terminal: tf.Tensor  # bool [T]
    is_truncated: tf.Tensor  # bool [T]


class ReadError(ValueError):
    """A record that is damaged, or not of the simulator's sessions.

    Args:
      path: the file.
      record: number of the record, from 0.
      reason: what is wrong with it.
      episodes: the `Episodes` before it, `record` sessions.
    """

    def __init__(self, path: str, record: int, reason: str, episodes: "Episodes"):
        super().__init__(f"{path}, record {record}: {reason}")
        self.path = path
        self.record = record
        self.episodes = episodes


class Writer:
    """Writes a log in pieces; the file appears whole when the context ends without an error, else not at all.

        with episodes.Writer(path, simulator) as writer:
            writer.add(trajectory)

    Args:
      path: the file; its folder is created if it does not exist.
      simulator: the simulator of the trajectories.

    Raises:
      FileExistsError: if the file exists, at once.
    """

    def __init__(self, path: str | os.PathLike, simulator: Simulator):
        self._path = os.fspath(path)
        refuse_existing(self._path)
        self._temporary = f"{self._path}.{os.getpid()}.new"
        self._replay = compiled(simulator.replay)

        def observe(states, step):
            observation = simulator.observe(nests.at_step(states, step))
            return observation.user, observation.documents

        self._observe = compiled(observe)
        self._records: tf.io.TFRecordWriter | None = None
        # The newest session waits for the next one: the last of all is marked.
        self._pending: tf.train.SequenceExample | None = None

    def __enter__(self) -> "Writer":
        with self._os_errors():
            tf.io.gfile.makedirs(os.path.dirname(self._path) or ".")
            self._records = tf.io.TFRecordWriter(self._temporary)
        return self

    def __exit__(self, error_type, error, traceback) -> None:
        assert self._records is not None
        try:
            with self._os_errors():
                try:
                    if error_type is None:
                        self._write_pending(is_last=True)
                finally:
                    self._records.close()
                if error_type is None:
                    refuse_existing(self._path)
                    tf.io.gfile.rename(self._temporary, self._path)
        finally:
            if tf.io.gfile.exists(self._temporary):
                tf.io.gfile.remove(self._temporary)

    def add(self, trajectory: Trajectory) -> None:
        """Adds the sessions of a trajectory.

        Args:
          trajectory: of a rollout with `auto_reset=False`, [T, B, ...].

        Raises:
          ValueError: for an auto-reset trajectory, whose rows hold several sessions, and for a dtype that has no place in a log.
        """
        if tf.nest.flatten(trajectory.newcomers):
            raise ValueError("trajectory must hold one session a row (auto_reset=False), got an auto-reset trajectory")
        lengths = tf.reduce_sum(tf.cast(trajectory.transitions.active, tf.int32), axis=0).numpy()
        sessions = self._sessions(trajectory, lengths.max())
        named = {_name(path): leaf for path, leaf in tree.flatten_with_path(sessions)}
        if len(named) != len(tree.flatten(sessions)):
            raise ValueError("the names of a model's fields must differ as paths, joined by '/'")
        with self._os_errors():
            for user, length in enumerate(lengths):
                self._write_pending(is_last=False)
                self._pending = _example(named, user, length)

    def _sessions(self, trajectory: Trajectory, num_steps: int) -> Session:
        """The first steps of all sessions as arrays, [T, B, ...]."""
        states = self._replay(trajectory)
        observed = [self._observe(states, tf.constant(step)) for step in range(num_steps)]
        user, documents = tf.nest.map_structure(lambda *steps: np.stack(steps), *observed)
        transitions = tf.nest.map_structure(lambda leaf: leaf.numpy(), trajectory.transitions)
        return Session(
            initial=tf.nest.map_structure(lambda leaf: leaf.numpy(), trajectory.initial),
            user=user,
            documents=documents,
            slate=transitions.slate,
            draws=transitions.draws,
            response=transitions.response,
            reward=transitions.reward,
            is_terminal=transitions.terminated,
            is_truncated=transitions.truncated,
        )

    def _write_pending(self, is_last: bool) -> None:
        if self._pending is None:
            if is_last:
                raise ValueError(f"a log needs a session, got none for {self._path}")
            return
        assert self._records is not None
        self._pending.context.feature[_IS_LAST].int64_list.value.append(int(is_last))
        self._records.write(self._pending.SerializeToString())

    @contextlib.contextmanager
    def _os_errors(self) -> Iterator[None]:
        """Turns TensorFlow's errors of files into Python's."""
        try:
            yield
        except tf.errors.OpError as error:
            raise OSError(f"cannot write {self._path}: {error.message}") from error


def write(path: str | os.PathLike, simulator: Simulator, trajectory: Trajectory) -> None:
    """Writes the sessions of a trajectory into a new file, one after the other, only the steps in which the user was active.

    Args:
      path: the file; its folder is created if it does not exist.
      simulator: the simulator of the trajectory.
      trajectory: of a rollout with `auto_reset=False`, [T, B, ...].

    Raises:
      FileExistsError: if the file exists.
      ValueError: for an auto-reset trajectory, and for a dtype that has no place in a log.
    """
    with Writer(path, simulator) as writer:
        writer.add(trajectory)


def refuse_existing(path: str | os.PathLike) -> None:
    """Raises a FileExistsError if there is a file of that name."""
    if tf.io.gfile.exists(os.fspath(path)):
        raise FileExistsError(f"episode log {os.fspath(path)} exists, name a new file")


class Episodes:
    """The sessions of a log; `read` makes it.

    Args:
      path: the file.
      simulator: the simulator.
      spec: a `Session` of `tf.TensorSpec` without the time axis.
      num_sessions: sessions to take from the start of the file.
    """

    def __init__(self, path: str, simulator: Simulator, spec: Session, num_sessions: int):
        self.path = path
        self.num_sessions = num_sessions
        self._simulator = simulator
        self._spec = spec

    def dataset(self) -> tf.data.Dataset:
        """A dataset of `Session` nests in the order of the file, each of its own length T, read from the file as it is iterated."""
        return self._parsed(self._spec)

    def trajectory(self) -> Trajectory:
        """The trajectory of all sessions, [T, B, ...] with T the longest session's length.

        On active steps it is the one that was written. Steps after the end of a shorter session are inactive, with reward zero and draws
        that the models could have made there, so that `log_prob` and its gradients are those of the original.

        Raises:
          ValueError: if there are no sessions.
        """
        if not self.num_sessions:
            raise ValueError(f"{self.path} has no sessions to make a trajectory of")
        # What was observed is recomputed from the draws when it is needed.
        spec = self._spec._replace(user=(), documents=())
        sessions = list(self._parsed(spec).as_numpy_iterator())
        lengths = np.array([len(session.reward) for session in sessions])
        initial = tf.nest.map_structure(lambda *rows: tf.stack(rows), *(session.initial for session in sessions))
        active = np.arange(lengths.max())[:, np.newaxis] < lengths
        rows = [session._replace(initial=()) for session in sessions]
        stacked = tf.nest.map_structure(lambda *leaves: _padded(leaves, lengths), *rows)
        transitions = Transition(
            slate=stacked.slate,
            draws=stacked.draws,
            response=stacked.response,
            reward=stacked.reward,
            active=active,
            terminated=stacked.is_terminal,
            truncated=stacked.is_truncated,
        )
        if not active.all():
            transitions = self._fill_inactive(initial, transitions, lengths)
        return Trajectory(initial, tf.nest.map_structure(tf.convert_to_tensor, transitions), ())

    def _parsed(self, spec: Session) -> tf.data.Dataset:
        return tf.data.TFRecordDataset(self.path).take(self.num_sessions).map(lambda serialized: _parse(serialized, spec))

    def _fill_inactive(self, initial: InitialDraws, transitions: Transition, lengths: np.ndarray) -> Transition:
        """Fills the inactive steps, zeros so far, with a step that the simulator makes after the end of each session.

        Zeros may lie outside of a distribution's support, where the gradient of a log-probability is NaN even if it does not count.
        """

        @compiled
        def step_after_the_end(initial, transitions, lengths):
            one_more = tf.nest.map_structure(lambda leaf: tf.concat([leaf, leaf[-1:]], axis=0), transitions)
            states = self._simulator.replay(Trajectory(initial, one_more, ()))
            ends = tf.stack([lengths, tf.range(self.num_sessions)], axis=1)
            state = tf.nest.map_structure(lambda leaf: tf.gather_nd(leaf, ends), states)
            return self._simulator.step(state, _first_positions(self._simulator, self.num_sessions), random.as_seed(0))[1]

        tensors = tf.nest.map_structure(tf.convert_to_tensor, transitions)
        filler = step_after_the_end(initial, tensors, tf.constant(lengths, tf.int32))

        def fill(leaf, filler_leaf):
            active = transitions.active.reshape(transitions.active.shape + (1,) * (leaf.ndim - 2))
            return np.where(active, leaf, filler_leaf.numpy())

        filled = tf.nest.map_structure(fill, transitions, filler)
        return transitions._replace(slate=filled.slate, draws=filled.draws, response=filled.response)


def read(path: str | os.PathLike, simulator: Simulator) -> Episodes:
    """Opens a log, and checks all of its records.

    Args:
      path: the file.
      simulator: a simulator like the one of the log: the same models, sizes and dtype. The values of its parameters may differ. Where a
        parameter is a tensor [B], the log must have B sessions.

    Raises:
      FileNotFoundError: if there is no such file.
      ReadError: for a file that is cut short or is no TFRecord file, and for a record of something else, with the feature that is missing,
        unknown or of another size or dtype; its `episodes` are those before the record.
    """
    path = os.fspath(path)
    if not tf.io.gfile.exists(path):
        raise FileNotFoundError(f"there is no episode log {path}")
    num_whole, damage = 0, ""
    for _, damage in _records(path):
        num_whole += not damage
    spec = session_spec(simulator, max(num_whole, 1))
    is_last = False
    for record, (serialized, damage) in enumerate(_records(path)):
        problem = damage
        if not problem:
            problem, is_last = _check(serialized, spec)
        if problem:
            raise ReadError(path, record, problem, Episodes(path, simulator, spec, record))
    if not is_last:
        raise ReadError(path, num_whole, "the file ends here, before its last session", Episodes(path, simulator, spec, num_whole))
    return Episodes(path, simulator, spec, num_whole)


def session_spec(simulator: Simulator, num_users: int = 1) -> Session:
    """The shapes and dtypes of a simulator's sessions: a `Session` of `tf.TensorSpec` without the time axis.

    Args:
      simulator: the simulator.
      num_users: B, where a parameter of the simulator is a tensor [B].
    """
    specs = []

    @compiled
    def trace(seed):
        slate = _first_positions(simulator, num_users)
        trajectory = simulator.rollout(lambda observation, policy_state, seed: (slate, policy_state), num_users, 1, seed)
        observation = simulator.observe(simulator.initial_state(trajectory.initial))
        initial, user, documents = _row_specs((trajectory.initial, observation.user, observation.documents), num_axes=1)
        transition = _row_specs(trajectory.transitions, num_axes=2)
        specs.append(
            Session(
                initial=initial,
                user=user,
                documents=documents,
                slate=transition.slate,
                draws=transition.draws,
                response=transition.response,
                reward=transition.reward,
                is_terminal=transition.terminated,
                is_truncated=transition.truncated,
            )
        )

    trace.get_concrete_function(tf.TensorSpec([2], tf.int32))
    return specs[0]


def _row_specs(nest: Nest, num_axes: int) -> Nest:
    return tf.nest.map_structure(lambda leaf: tf.TensorSpec(leaf.shape[num_axes:], leaf.dtype), nest)


def _first_positions(simulator: Simulator, num_users: int) -> tf.Tensor:
    return tf.tile(tf.range(simulator.slate_size)[tf.newaxis], [num_users, 1])


def _name(path: tuple) -> str:
    return "/".join(str(part) for part in path)


def _is_context(name: str) -> bool:
    return name.startswith("initial/") or name == "initial"


def _kind(dtype: tf.DType) -> str:
    """The field of `tf.train.Feature` that holds values of a dtype exactly."""
    if dtype == tf.float64:
        return "bytes_list"
    if dtype.is_floating:
        return "float_list"
    if dtype.is_bool or (dtype.is_integer and dtype != tf.uint64):
        return "int64_list"
    raise ValueError(f"a log holds floats, booleans and integers of up to 64 bits with a sign, got {dtype.name}")


# Sessions to records.


def _example(named: dict[str, np.ndarray], user: int, length: int) -> tf.train.SequenceExample:
    context, lists = {}, {}
    for name, leaf in named.items():
        if _is_context(name):
            context[name] = _features(leaf[user : user + 1])[0]
        else:
            lists[name] = tf.train.FeatureList(feature=_features(leaf[:length, user]))
    return tf.train.SequenceExample(context=tf.train.Features(feature=context), feature_lists=tf.train.FeatureLists(feature_list=lists))


def _features(rows: np.ndarray) -> list[tf.train.Feature]:
    """One feature for each row of [T, ...]."""
    kind = _kind(tf.as_dtype(rows.dtype))
    rows = rows.reshape(len(rows), int(np.prod(rows.shape[1:])))
    if kind == "bytes_list":
        return [tf.train.Feature(bytes_list=tf.train.BytesList(value=[row.astype("<f8").tobytes()])) for row in rows]
    if kind == "float_list":
        return [tf.train.Feature(float_list=tf.train.FloatList(value=row)) for row in rows.astype(np.float32).tolist()]
    return [tf.train.Feature(int64_list=tf.train.Int64List(value=row)) for row in rows.astype(np.int64).tolist()]


# Records to sessions.


def _records(path: str) -> Iterator[tuple[bytes, str]]:
    """The records of a file as (record, ""); if they end in damage, the last item is (b"", what is wrong)."""
    try:
        yield from ((serialized, "") for serialized in tf.data.TFRecordDataset(path).as_numpy_iterator())
    except tf.errors.DataLossError:
        yield b"", "the file is damaged or cut short here, or is no TFRecord file"


def _check(serialized: bytes, spec: Session) -> tuple[str, bool]:
    """What keeps a record from being a session of the spec, or "", and whether it is marked as the last session."""
    try:
        example = tf.train.SequenceExample.FromString(serialized)
    except DecodeError:
        return "not a tf.train.SequenceExample", False
    context, lists = example.context.feature, example.feature_lists.feature_list
    leaves = {_name(path): leaf for path, leaf in tree.flatten_with_path(spec)}
    for name, leaf in leaves.items():
        if name not in (context if _is_context(name) else lists):
            return f"feature {name} is missing: not a session of this simulator", False
        features = [context[name]] if _is_context(name) else lists[name].feature
        for feature in features:
            problem = _mismatch(feature, leaf)
            if problem:
                return f"feature {name} {problem}: not a session of this simulator", False
        if not _is_context(name) and len(features) != len(lists["reward"].feature):
            return f"feature {name} has {len(features)} steps, but reward has {len(lists['reward'].feature)}", False
    unknown = sorted({*context, *lists} - {*leaves, _IS_LAST})
    if unknown:
        return f"feature {unknown[0]} is unknown: not a session of this simulator", False
    return "", list(context[_IS_LAST].int64_list.value) == [1] if _IS_LAST in context else False


def _mismatch(feature: tf.train.Feature, leaf: tf.TensorSpec) -> str:
    kind, size = _kind(leaf.dtype), leaf.shape.num_elements()
    if feature.WhichOneof("kind") != kind:
        return f"must be a {kind} for {leaf.dtype.name}, got {feature.WhichOneof('kind') or 'nothing'}"
    values: Any = getattr(feature, kind).value
    if kind == "bytes_list":
        values = values[0] if len(values) == 1 else b""
        size *= 8
    if len(values) != size:
        unit = "bytes" if kind == "bytes_list" else "values"
        return f"must have {size} {unit} for the shape {leaf.shape.as_list()}, got {len(values)}"
    return ""


def _parse(serialized: tf.Tensor, spec: Session) -> Session:
    context: dict[str, Any] = {}
    lists: dict[str, Any] = {}
    for path, leaf in tree.flatten_with_path(spec):
        kind, name, size = _kind(leaf.dtype), _name(path), leaf.shape.num_elements()
        # TensorFlow's parser divides by the size.
        if not size:
            continue
        shape = [] if kind == "bytes_list" else [size]
        dtype = {"bytes_list": tf.string, "float_list": tf.float32, "int64_list": tf.int64}[kind]
        if _is_context(name):
            context[name] = tf.io.FixedLenFeature(shape, dtype)
        else:
            lists[name] = tf.io.FixedLenSequenceFeature(shape, dtype)
    from_context, from_lists = tf.io.parse_single_sequence_example(serialized, context, lists)
    num_steps = tf.shape(from_lists["reward"])[0]

    def decode(path, leaf):
        name = _name(path)
        axes = [] if _is_context(name) else [num_steps]
        if not leaf.shape.num_elements():
            value = tf.zeros([*axes, *leaf.shape], leaf.dtype)
        else:
            stored = from_context[name] if _is_context(name) else from_lists[name]
            if leaf.dtype == tf.float64:
                stored = tf.io.decode_raw(stored, tf.float64)
            value = tf.reshape(tf.cast(stored, leaf.dtype), [*axes, *leaf.shape])
        return tf.ensure_shape(value, [None] * len(axes) + leaf.shape.as_list())

    return tree.map_structure_with_path(decode, spec)


def _padded(rows: tuple[np.ndarray, ...], lengths: np.ndarray) -> np.ndarray:
    """Stacks arrays [T_b, ...] into [T, B, ...], with zeros after the end of each."""
    stacked = np.zeros((lengths.max(), len(rows), *rows[0].shape[1:]), rows[0].dtype)
    for user, row in enumerate(rows):
        stacked[: len(row), user] = row
    return stacked
