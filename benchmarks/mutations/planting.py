"""The faults that cosmic-ray can plant into source files."""

import ast
import difflib
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

import parso
from cosmic_ray.ast import ast_nodes
from cosmic_ray.mutating import mutate_code
from cosmic_ray.operators.operator import Example, Operator
from cosmic_ray.plugins import get_operator

# Of those that replace an operator by each other one, the pairs that give what a person may write
# by mistake. The others mostly end in an exception, which any test sees.
_OPERATORS = (
    "AddNot",
    "ExceptionReplacer",
    "NumberReplacer",
    "ReplaceAndWithOr",
    "ReplaceOrWithAnd",
    "ReplaceBreakWithContinue",
    "ReplaceContinueWithBreak",
    "ReplaceFalseWithTrue",
    "ReplaceTrueWithFalse",
    "ZeroIterationForLoop",
    *(f"ReplaceUnaryOperator_Delete_{name}" for name in ("Invert", "Not", "USub")),
    *(
        f"ReplaceBinaryOperator_{pair}"
        for pair in (
            "Add_Sub",
            "Sub_Add",
            "Mul_Div",
            "Div_Mul",
            "FloorDiv_Mul",
            "Mod_FloorDiv",
            "Pow_Mul",
            "BitAnd_BitOr",
            "BitOr_BitAnd",
        )
    ),
    *(
        f"ReplaceComparisonOperator_{pair}"
        for pair in (
            "Lt_LtE",
            "LtE_Lt",
            "Gt_GtE",
            "GtE_Gt",
            "Eq_NotEq",
            "NotEq_Eq",
            "Is_IsNot",
            "IsNot_Is",
        )
    ),
)
# What a mutation changes there is no promise, or nothing at all.
_LEFT_OUT = (ast.Raise, ast.Assert, ast.Delete, ast.JoinedStr)


class LeaveOut(Operator):
    """Leaves a term out of a sum, or a factor out of a product."""

    def mutation_positions(self, node):
        if node.type in ("arith_expr", "term"):
            for sign in node.children[1::2]:
                if sign.value in ("+", "-", "*", "/"):
                    yield sign.start_pos, sign.get_next_sibling().end_pos

    def mutate(self, node, index):
        signs = [each for each in node.children[1::2] if each.value in ("+", "-", "*", "/")]
        place = node.children.index(signs[index])
        del node.children[place : place + 2]
        return node

    @classmethod
    def examples(cls):
        return (Example("a + b", "a"), Example("a * b / c", "a * b", occurrence=1))


class Mutant(NamedTuple):
    """A fault that can be planted."""

    path: str  # relative to the root
    line: int
    operator: str
    occurrence: int  # in the file

    def source(self, root: Path) -> str:
        """The text of the file with the fault."""
        text = mutate_code(
            (root / self.path).read_text(), _operator(self.operator), self.occurrence
        )
        assert text is not None
        return text

    def diff(self, root: Path) -> str:
        """The change, as "LINE -> LINE"."""
        before, after = (root / self.path).read_text(), self.source(root)
        changed = [
            line
            for line in difflib.ndiff(before.splitlines(), after.splitlines())
            if line[0] in "-+"
        ]
        old, new = (
            " ".join(line[2:].strip() for line in changed if line[0] == sign) for sign in "-+"
        )
        return f"{old}  ->  {new}"


def _operator(name: str) -> Operator:
    return LeaveOut() if name == LeaveOut.__name__ else get_operator(f"core/{name}")()


def mutants_of(path: str, root: Path) -> Iterator[Mutant]:
    """The faults of a file that may break a promise, in a fixed order.

    Those in annotations, decorators, f-strings, and statements that raise, assert or delete are
    left out: they change a word of a message, or nothing. So are `strict` of `zip`, which is an
    assertion, and `axis=1` in the place of `axis=-1`, which is the same axis of [B, K].

    Args:
      path: of the file, relative to the root.
    """
    text = (root / path).read_text()
    tree, left_out = parso.parse(text), list(_left_out(ast.parse(text)))
    nodes, lines = list(ast_nodes(tree)), text.splitlines()
    for name in (*_OPERATORS, LeaveOut.__name__):
        operator = _operator(name)
        positions = [each for node in nodes for each in operator.mutation_positions(node)]
        for occurrence, (start, _) in enumerate(positions):
            if not any(first <= start < last for first, last in left_out) and not (
                name.endswith("Delete_USub") and _is_last_axis(lines[start[0] - 1], start[1])
            ):
                yield Mutant(path, start[0], name, occurrence)


def _is_last_axis(line: str, column: int) -> bool:
    """Whether a minus is that of `axis=-1`."""
    return line[:column].endswith("axis=") and line[column:].startswith("-1")


def _left_out(tree: ast.AST) -> Iterator[tuple[tuple[int, int], tuple[int, int]]]:
    """Ranges of (line, column)."""
    for node in ast.walk(tree):
        is_strict = isinstance(node, ast.keyword) and node.arg == "strict"
        is_whole = is_strict or isinstance(node, _LEFT_OUT)
        parts = [node] if is_whole else getattr(node, "decorator_list", [])
        parts = [*parts, getattr(node, "annotation", None), getattr(node, "returns", None)]
        for part in filter(None, parts):
            yield (part.lineno, part.col_offset), (part.end_lineno, part.end_col_offset)
