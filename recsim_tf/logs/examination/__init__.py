# SPDX-License-Identifier: Apache-2.0
"""Examination of a log before a policy is judged from it."""
