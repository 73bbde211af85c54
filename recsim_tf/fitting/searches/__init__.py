# SPDX-License-Identifier: Apache-2.0
"""Searches for the maximum of a log-likelihood, which know no method."""
