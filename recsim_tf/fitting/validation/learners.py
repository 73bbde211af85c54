# SPDX-License-Identifier: Apache-2.0
"""The classifiers of scikit-learn that guess and tell apart; it is imported when first needed."""

import importlib
from typing import Any


def require() -> None:
    """Raises an ImportError of one line if scikit-learn is not installed."""
    _module("metrics")


def logistic_regression() -> Any:
    """A logistic regression of columns in units of their standard deviations."""
    regression = _module("linear_model").LogisticRegression(max_iter=1000)
    scaler = _module("preprocessing").StandardScaler()
    return _module("pipeline").make_pipeline(scaler, regression)


def boosting(seed: int) -> Any:
    """Boosted trees, which stop when they do no better on a tenth of the rows."""
    return _module("ensemble").HistGradientBoostingClassifier(
        learning_rate=0.05, max_iter=300, early_stopping=True, random_state=seed
    )


def predicted(model: Any, rows: Any, labels: Any, others: Any) -> Any:
    """The probabilities [M] of label 1 of other rows [M, F], by a model that learns from rows [N,
    F] and labels [N].
    """
    # For so few rows, threads wait for each other longer than they work.
    with importlib.import_module("threadpoolctl").threadpool_limits(1, user_api="openmp"):
        return model.fit(rows, labels).predict_proba(others)[:, 1]


def area_under_curve(labels: Any, scores: Any) -> float:
    """The probability that a row of label 1 has a higher score than one of label 0."""
    return float(_module("metrics").roc_auc_score(labels, scores))


def _module(name: str) -> Any:
    """A module of scikit-learn; an ImportError of one line if it is not installed."""
    try:
        return importlib.import_module(f"sklearn.{name}")
    except ImportError as missing:
        raise ImportError(
            "fitting.validate needs scikit-learn: install recsim-tf[fitting]"
        ) from missing
