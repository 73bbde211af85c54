# SPDX-License-Identifier: Apache-2.0
"""Judges: checkers, learners and test files of other projects."""
