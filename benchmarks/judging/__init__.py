"""Judges: checkers, learners and test files of other projects."""
