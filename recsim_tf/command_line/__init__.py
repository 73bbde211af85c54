# SPDX-License-Identifier: Apache-2.0
"""The command `recsim-tf` and its options."""
