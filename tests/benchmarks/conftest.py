# SPDX-License-Identifier: Apache-2.0
"""Scripts of `benchmarks` import what is beside them, also when a test imports them."""

import pathlib
import sys

sys.path.append(str(pathlib.Path(__file__).parents[2] / "benchmarks"))
