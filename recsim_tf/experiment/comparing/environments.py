# SPDX-License-Identifier: Apache-2.0
"""The environment of a run, which its folder has as environment.json: what users meet, and what
their draws depend on.
"""

import hashlib
import json
from collections.abc import Iterator
from typing import Any, NamedTuple

import numpy as np

from recsim_tf.core.simulator import Simulator
from recsim_tf.evaluation.evaluation import Evaluation
from recsim_tf.fitting.saving.encoding import Encoder

FILE = "environment.json"
MISSING = "missing"
# Larger arrays are told by their digests.
_FEW_NUMBERS = 20


class Environment(NamedTuple):
    """The environment of an evaluation, and its seed."""

    parts: dict[str, str]  # values by names, such as "users.time_budget"
    seed: Any
    draws: Any = None  # what else the draws of users depend on

    def differences(self, other: "Environment") -> dict[str, tuple[str, str]]:
        """The values of both by the name of each part that both have and in which they differ. A
        part that one lacks follows from another class of a model.
        """
        return {
            name: (value, other.parts[name])
            for name, value in self.parts.items()
            if other.parts.get(name, value) != value
        }

    def is_like(self, other: "Environment") -> bool:
        """True if the users of both are the same ones: user u of both draws the same."""
        return self == other

    def with_seed(self, seed: int | None) -> "Environment":
        """The environment with another seed, if one is given."""
        return self if seed is None else self._replace(seed=seed)


def content_of(simulator: Simulator, evaluation: Evaluation, folder: str) -> dict[str, Any]:
    """The content of environment.json. A simulator with a part that cannot be written, such as a
    function of a notebook, is like that of no other folder.
    """
    encoder = Encoder()
    try:
        encoded = encoder.encode("simulator", simulator)
        parts = dict(_parts("simulator", encoded, encoder.arrays))
    except ValueError as error:
        parts = {"simulator": f"that of {folder}, since {error}"}
    parts["Evaluation.max_steps"] = str(evaluation.max_steps)
    if evaluation.fitted is not None:
        parts["Evaluation.fitted"] = evaluation.fitted.description
    draws = [evaluation.division_for(simulator).num_replicas, evaluation.jit_compile]
    return {"parts": parts, "seed": evaluation.seed, "draws": draws}


def _parts(name: str, encoded: Any, arrays: dict[str, np.ndarray]) -> Iterator[tuple[str, str]]:
    """The classes of models, and the values of their fields, by names as `parameters` has them."""
    if isinstance(encoded, dict) and "class" in encoded:
        yield name, encoded["class"]
        for field, value in encoded["fields"].items():
            inner = f"{name}.{field}".removeprefix("simulator.")
            yield from _parts(inner, value, arrays)
    else:
        yield name, json.dumps(_plain(encoded, arrays))


def _plain(encoded: Any, arrays: dict[str, np.ndarray]) -> Any:
    """A value with its arrays, or the digests of large ones."""
    match encoded:
        case {"array": name}:
            array = arrays[name]
            digest = hashlib.sha256(np.ascontiguousarray(array).data).hexdigest()[:12]
            large = f"{array.dtype.name} {list(array.shape)}, sha256 {digest}"
            return array.tolist() if array.size <= _FEW_NUMBERS else large
        case {"tuple": several} | {"list": several}:
            return [_plain(each, arrays) for each in several]
        case dict():
            return {key: _plain(value, arrays) for key, value in encoded.items()}
    return encoded
