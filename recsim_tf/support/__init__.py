# SPDX-License-Identifier: Apache-2.0
"""Files, checkpoints, signals, errors, tables, pages and plots, for all other parts."""
