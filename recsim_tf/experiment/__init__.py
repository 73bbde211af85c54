# SPDX-License-Identifier: Apache-2.0
"""Training, evaluation and simulation as runs in a folder. It needs `recsim-tf[agents]`."""
