# SPDX-License-Identifier: Apache-2.0
"""Exact input/output cases taken from RecSim 0.2.4, in double precision."""

import json
import pathlib

import pytest

_PATH = pathlib.Path(__file__).parent / "data" / "recsim_golden.json"


def cases(*groups: str) -> list:
    """The records of the given groups as pytest parameters, each a dict with `group`, `inputs` and
    `outputs`.
    """
    records = json.loads(_PATH.read_text())["records"]
    found = [
        pytest.param(record, id=record["name"]) for record in records if record["group"] in groups
    ]
    assert {parameter.values[0]["group"] for parameter in found} == set(groups)
    return found
