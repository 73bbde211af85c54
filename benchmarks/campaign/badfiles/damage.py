"""Damage to bytes: what may happen to any file."""

import struct
from collections.abc import Iterator

from google.protobuf.descriptor import FieldDescriptor

_POLYNOMIAL = 0x82F63B78
_TABLE = []
for _byte in range(256):
    for _ in range(8):
        _byte = _byte >> 1 ^ (_POLYNOMIAL if _byte & 1 else 0)
    _TABLE.append(_byte)


def spread(count: int, end: int) -> list[int]:
    """Up to `count` different whole numbers in [0, end), evenly spread."""
    return sorted({number * end // count for number in range(count)}) if end else []


def cuts(content: bytes, count: int) -> Iterator[tuple[str, bytes]]:
    """The content cut at `count` places."""
    for length in spread(count, len(content)):
        yield f"cut after {length} of {len(content)} bytes", content[:length]


def flips(content: bytes, positions: list[int]) -> Iterator[tuple[str, bytes]]:
    """The content with one bit flipped in each of the bytes."""
    for position in positions:
        changed = bytearray(content)
        changed[position] ^= 1 << position % 8
        yield f"bit {position % 8} of byte {position} flipped", bytes(changed)


def framed(content: bytes, length: int | None = None) -> bytes:
    """A TFRecord with valid checksums.

    Args:
      content: the record.
      length: what it claims; None for the truth.
    """
    header = struct.pack("<Q", len(content) if length is None else length)
    return header + _masked(header) + content + _masked(content)


def _masked(content: bytes) -> bytes:
    crc = 0xFFFFFFFF
    for byte in content:
        crc = crc >> 8 ^ _TABLE[(crc ^ byte) & 0xFF]
    crc ^= 0xFFFFFFFF
    return struct.pack("<I", ((crc >> 15 | crc << 17) + 0xA282EAD8) & 0xFFFFFFFF)


def structure(content: bytes, descriptor) -> list[int]:
    """Positions of the bytes of a message that are no values: tags, lengths and names.

    Args:
      content: the message.
      descriptor: of its type.
    """
    found, position = [], 0
    while position < len(content):
        start = position
        tag, position = _varint(content, position)
        field = descriptor.fields_by_number[tag >> 3]
        length, position = _varint(content, position)
        found += range(start, position)
        end = position + length
        inner = content[position:end]
        if field.type == FieldDescriptor.TYPE_MESSAGE:
            found += [position + place for place in structure(inner, field.message_type)]
        elif field.type == FieldDescriptor.TYPE_STRING:
            found += range(position, end)
        position = end
    return found


def _varint(content: bytes, position: int) -> tuple[int, int]:
    value = shift = 0
    while True:
        byte = content[position]
        value |= (byte & 0x7F) << shift
        position, shift = position + 1, shift + 7
        if byte < 0x80:
            return value, position
