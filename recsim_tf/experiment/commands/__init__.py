# SPDX-License-Identifier: Apache-2.0
"""A file for each command."""
