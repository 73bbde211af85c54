# SPDX-License-Identifier: Apache-2.0
"""The tables of measurements in README and docs, which `write_tables.py` writes.

A table has a label and a key for each row, and a text for each column. In the texts `@` stands for
the key of the row, and `{...}` for a figure:

    {PATH}                       a leaf of a result file, "speed_peers/figures/iev_vs_jax", with
                                 three significant digits, or with all digits before the point
    {PATH:.1f}                   with a format of Python
    {PATH / 1e6}                 divided
    {median PATH}                of all leaves that the path names, in which `*` is any part; also
                                 their "mean", the "error" of it, and the "largest" magnitude

A column whose text begins with "?" is empty in rows whose leaf is missing.
"""

from tables.fitting import FITTING
from tables.learning import LEARNING
from tables.ope import OPE
from tables.speed import SPEED
from tables.table import Table

# By the name that stands in the comment of a page.
TABLES: dict[str, Table] = SPEED | FITTING | OPE | LEARNING
