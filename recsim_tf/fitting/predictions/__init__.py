# SPDX-License-Identifier: Apache-2.0
"""Predictions of logged responses, given the earlier steps of each session."""
