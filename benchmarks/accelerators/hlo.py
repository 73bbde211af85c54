# SPDX-License-Identifier: Apache-2.0
"""Figures of the optimised HLO of a program: what its compiler estimates of the step of its loop.

The step is the body of the loop, outside other loops, that has the most instructions. An inner loop
counts as often as it repeats, where the compiler knows that, and else once.
"""

import re
from math import prod
from typing import NamedTuple

# What a device does nothing for.
_FREE = {"parameter", "constant", "tuple", "get-tuple-element", "bitcast", "after-all"}
_CALLS = {"while", "conditional", "call"}
_CALLED = re.compile(
    r"(?:body|to_apply|\w+_computation)=%?([\w.\-]+)|branch_computations=\{(.*?)\}"
)
_ARRAY = re.compile(r"(\w+?)(\d+)?\[([\d,]*)\](?:\{([\d,]*)(?::T\(([\d,]+)\))?)?")
_TRIPS = re.compile(r'"known_trip_count":\{"n":"(\d+)"\}')
_CYCLES = re.compile(r'"estimated_cycles":"(\d+)"')
_MICROSECONDS = re.compile(r'"exec_time_us":([\d.e+\-]+)')
# Kernels that write at most so many bytes have next to nothing to do: they take one thread, or few.
_TINY = 256
# Smaller arrays than this are no traffic.
_BULK = 4096


class Instruction(NamedTuple):
    """A line of a computation."""

    operation: str
    type: str
    line: str


class Figures(NamedTuple):
    """Sums over the instructions of a step."""

    instructions: float = 0  # that a device runs; on a GPU each is a kernel or a copy
    tiny: float = 0  # those that write at most 256 bytes
    cycles: float = 0  # of fusions, where the TPU's compiler estimates them
    microseconds: float = 0  # of kernels, by XLA's model of a GPU
    # that are written, without small arrays; a copy counts where it starts and where it ends
    megabytes: float = 0
    padded_megabytes: float = 0  # the same with the padding of a TPU's tiles

    def plus(self, figures: "Figures", times: int = 1) -> "Figures":
        return Figures(*(mine + times * each for mine, each in zip(self, figures, strict=True)))


def step_figures(text: str, with_branches: bool) -> Figures:
    """The figures of the step of a program; of all its instructions where it has no loop.

    Args:
      text: the optimised HLO.
      with_branches: whether a conditional counts as its longest branch, and not as an instruction.
        A rollout has one that is rarely taken, for the noise of newcomers.
    """
    computations, entry = parse(text)
    bodies = [
        _of_computation(computations, name, with_branches)
        for instruction in computations[entry]
        if instruction.operation == "while"
        for name in _called(instruction)
    ]
    if not bodies:
        return _of_computation(computations, entry, with_branches)
    return max(bodies, key=lambda body: body.instructions)


def parse(text: str) -> tuple[dict[str, list[Instruction]], str]:
    """The computations of a module by name, and the name of the first one to run."""
    computations: dict[str, list[Instruction]] = {}
    entry = name = ""
    for line in text.splitlines():
        head = re.match(r"(ENTRY )?%?([\w.\-]+) \(.*\{$", line)
        if head:
            name = head.group(2)
            computations[name] = []
            entry = name if head.group(1) else entry
        elif " = " in line and line.startswith("  "):
            kind, rest = _split(line.partition(" = ")[2])
            computations[name].append(Instruction(rest.partition("(")[0], kind, line))
    return computations, entry


def _split(definition: str) -> tuple[str, str]:
    """The type of an instruction, which may be a tuple of types, and what follows it."""
    depth = 0
    for place, letter in enumerate(definition):
        depth += (letter in "({") - (letter in ")}")
        if letter == " " and not depth:
            return definition[:place], definition[place + 1 :]
    return definition, ""


def _of_computation(
    computations: dict[str, list[Instruction]], name: str, with_branches: bool
) -> Figures:
    figures = Figures()
    for instruction in computations[name]:
        if instruction.operation in _CALLS and (
            with_branches or instruction.operation != "conditional"
        ):
            called = _called(instruction)
            parts = [_of_computation(computations, each, with_branches) for each in called]
            trips = _TRIPS.search(instruction.line)
            longest = max(parts, key=lambda part: part.instructions)
            figures = figures.plus(longest, int(trips.group(1)) if trips else 1)
        elif instruction.operation not in _FREE:
            figures = figures.plus(_of_instruction(instruction))
    return figures


def _called(instruction: Instruction) -> list[str]:
    """The computations that an instruction runs."""
    names = [
        name.strip(" %")
        for alone, several in _CALLED.findall(instruction.line)
        for name in (several.split(",") if several else [alone])
    ]
    return names


def _of_instruction(instruction: Instruction) -> Figures:
    arrays = [_sizes(*array) for array in _ARRAY.findall(instruction.type)]
    bulk = [(real, padded) for real, padded in arrays if real >= _BULK]
    cycles = _CYCLES.search(instruction.line)
    microseconds = _MICROSECONDS.search(instruction.line)
    return Figures(
        1,
        sum(real for real, _ in arrays) <= _TINY,
        int(cycles.group(1)) if cycles else 0,
        float(microseconds.group(1)) if microseconds else 0,
        sum(real for real, _ in bulk) / 1e6,
        sum(padded for _, padded in bulk) / 1e6,
    )


def _sizes(kind: str, bits: str, shape: str, order: str, tile: str) -> tuple[int, int]:
    """Bytes of an array as it is, and with the padding of its last axes to whole tiles."""
    sizes = [int(size) for size in shape.split(",") if size]
    # The minor axis is the first of the order.
    padded = [sizes[int(axis)] for axis in reversed(order.split(",")) if axis]
    for place, length in enumerate(reversed(tile.split(",") if tile else []), start=1):
        if place <= len(padded):
            padded[-place] = -(-padded[-place] // int(length)) * int(length)
    width = max(int(bits or 8) // 8, 1)
    return width * prod(sizes), width * prod(padded)
