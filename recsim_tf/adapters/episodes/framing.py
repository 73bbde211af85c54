"""Records of a TFRecord file: TensorFlow reads them, after their lengths have met the file's."""

import contextlib
import struct
from collections.abc import Iterator

import tensorflow as tf

_DAMAGED = "the file is damaged or cut short here, or is no TFRecord file"
# Before a record its length and the checksum of the length, after it the checksum of its bytes.
_HEADER, _FOOTER = struct.Struct("<QI"), 4


def records(path: str) -> Iterator[tuple[bytes, str]]:
    """The records of a file as (record, ""); if they end in damage, the last item is (b"", what is
    wrong).

    Raises:
      OSError: if the file cannot be read.
    """
    num_whole, damage = _count(path)
    dataset = tf.data.TFRecordDataset(path).take(num_whole)
    try:
        with file_errors(path):
            yield from ((serialized, "") for serialized in dataset.as_numpy_iterator())
    except tf.errors.DataLossError:
        damage = _DAMAGED
    if damage:
        yield b"", damage


def _count(path: str) -> tuple[int, str]:
    """The number of records whose bytes are in the file, and what is wrong after them, or "".

    TensorFlow makes room for as many bytes as a length claims before it reads them.
    """
    count = 0
    with file_errors(path), tf.io.gfile.GFile(path, "rb") as file:
        left = size = file.size()
        while left:
            header = file.read(_HEADER.size)
            if len(header) < _HEADER.size:
                return count, _DAMAGED
            length, _ = _HEADER.unpack(header)
            left -= _HEADER.size + _FOOTER + length
            if left < 0:
                return count, (
                    f"{_DAMAGED}: a record must end in the file of {size} bytes, got one of"
                    f" {length} bytes"
                )
            file.seek(size - left)
            count += 1
    return count, ""


@contextlib.contextmanager
def file_errors(path: str) -> Iterator[None]:
    """Turns TensorFlow's errors of files into Python's; damage, which is none, passes."""
    try:
        yield
    except tf.errors.DataLossError:
        raise
    except tf.errors.OpError as error:
        raise OSError(f"cannot read {path}: {error.message}") from error
