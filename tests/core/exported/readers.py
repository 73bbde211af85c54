# SPDX-License-Identifier: Apache-2.0
"""Readers of exported environments."""

import importlib.util

NUM_USERS = 4


def read_exported(folder, name="environment"):
    """A module of an exported folder."""
    spec = importlib.util.spec_from_file_location(f"exported_{name}", folder / f"{name}.py")
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module
