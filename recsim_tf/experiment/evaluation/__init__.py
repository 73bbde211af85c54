"""Evaluation of policies: sessions of fresh users, measures of them, comparisons of values."""
