"""What processes listen at, as Linux lists it."""

import ipaddress
import os
import socket
import sys
from collections.abc import Iterable
from pathlib import Path
from typing import NamedTuple

_LISTENS = "0A"


class Listener(NamedTuple):
    """A socket that listens."""

    pid: int
    command: str
    address: str
    port: int

    @property
    def is_open(self) -> bool:
        """Whether it listens beyond this machine."""
        address = ipaddress.ip_address(self.address)
        mapped = getattr(address, "ipv4_mapped", None)
        return not (mapped or address).is_loopback


def is_available() -> bool:
    """Whether this system lists the sockets of processes."""
    return sys.platform == "linux"


def descendants(pid: int) -> list[int]:
    """A process and all that it has started, as far as they have not outlived their parents."""
    children: dict[int, list[int]] = {}
    for path in Path("/proc").glob("[0-9]*/stat"):
        try:
            # The name of a program may have spaces and brackets.
            parent = int(path.read_text().rpartition(")")[2].split()[1])
        except (OSError, ValueError):
            continue
        children.setdefault(parent, []).append(int(path.parent.name))
    found = [pid]
    for each in found:
        found.extend(children.get(each, []))
    return found


def listeners(pids: Iterable[int]) -> list[Listener]:
    """The listening sockets of processes."""
    by_inode = _listening()
    found = set()
    for pid in pids:
        for descriptor in Path(f"/proc/{pid}/fd").glob("*"):
            try:
                target = os.readlink(descriptor)
                command = Path(f"/proc/{pid}/cmdline").read_bytes().replace(b"\0", b" ").decode()
            except OSError:  # It has ended.
                continue
            address = by_inode.get(target.removeprefix("socket:[").removesuffix("]"))
            if address is not None:
                found.add(Listener(pid, command.strip(), *address))
    return sorted(found)


def _listening() -> dict[str, tuple[str, int]]:
    found = {}
    for name, family in (("tcp", socket.AF_INET), ("tcp6", socket.AF_INET6)):
        path = Path("/proc/net") / name
        for line in path.read_text().splitlines()[1:] if path.exists() else []:
            fields = line.split()
            if fields[3] == _LISTENS:
                address, _, port = fields[1].partition(":")
                # Words of 4 bytes in the order of this machine.
                words = bytes.fromhex(address)
                ordered = b"".join(
                    words[i : i + 4][:: -1 if sys.byteorder == "little" else 1]
                    for i in range(0, len(words), 4)
                )
                found[fields[9]] = socket.inet_ntop(family, ordered), int(port, 16)
    return found
