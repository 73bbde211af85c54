"""Damage to JSON files."""

import copy
import json
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from campaign.badfiles import damage

_NO_JSON = {
    "nothing": b"",
    "zero bytes": bytes(64),
    "text": b"not JSON\n",
    "another encoding": b'{"name": "\xe9"}\n',
    "brackets in brackets": b"[" * 100_000,
    "null": b"null\n",
    "a number": b"12\n",
    "a list": b"[]\n",
    "a string": b'"text"\n',
    "an empty object": b"{}\n",
}
_WRONG: tuple[Any, ...] = ("text", [], {}, True, None, 2.5)


def damaged(
    content: Any, paths: Sequence[tuple], num_cuts: int, also: Mapping[tuple, type] | None = None
) -> Iterator[tuple[str, bytes]]:
    """A JSON file that is damaged or holds something else.

    Args:
      content: what the whole file holds.
      paths: keys and positions that lead to each part that must be there, and must be of its type.
      num_cuts: places to cut the file at.
      also: another type that the part at a path may have.
    """
    text = (json.dumps(content, indent=2) + "\n").encode()
    yield from _NO_JSON.items()
    # Without its last line break it is whole.
    yield from damage.cuts(text[:-2], num_cuts)
    for path in paths:
        name = ".".join(map(str, path))
        *outer, last = path
        if isinstance(last, str):
            other = copy.deepcopy(content)
            del _part(other, outer)[last]
            yield f"{name} removed", json.dumps(other).encode()
        right = _part(content, path)
        for value in _WRONG:
            is_number = isinstance(right, float) and isinstance(value, float)
            if is_number or type(value) in (type(right), (also or {}).get(path)):
                continue
            other = copy.deepcopy(content)
            _part(other, outer)[last] = value
            yield f"{name} is {value!r}", json.dumps(other).encode()


def _part(content: Any, path: Sequence) -> Any:
    for key in path:
        content = content[key]
    return content
