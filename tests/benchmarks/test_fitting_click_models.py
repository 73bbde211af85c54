# SPDX-License-Identifier: Apache-2.0
import numpy as np
import pandas as pd
import pytest
from fits import click_models

from recsim_tf.logs import read_result_pages
from tests.benchmarks.runs import QUICK, quick_run

NAMES = {"gctr", "rctr", "dctr", "pbm", "cm", "dcm", "ccm", "dbn", "sdbn", "ubm"}


@pytest.fixture
def pages(tmp_path):
    """Five hundred pages of four documents of two queries; the upper ones are clicked oftener."""
    generator = np.random.default_rng(0)
    clicked = generator.uniform(size=[500, 4]) < [0.5, 0.3, 0.2, 0.1]
    frame = pd.DataFrame(
        {
            "page": range(500),
            "query": [f"q{row % 2}" for row in range(500)],
            "documents": [list(generator.permutation(6)[:4]) for _ in range(500)],
            "clicked_positions": [list(np.flatnonzero(row)) for row in clicked],
        }
    )
    path = tmp_path / "pages.parquet"
    frame.to_parquet(path)
    return path


def test_a_quick_run_fits_and_scores_all_ten_models(tmp_path, pages):
    content, printed = quick_run(
        tmp_path, "fitting.py", "click_models", f"--path={pages}", f"--test={pages}"
    )
    found, models = content["figures"], content["details"]["click_models"]
    seconds = {"click_models.seconds.ubm", "click_models.seconds.dbn"}
    assert set(found) == {f"click_models.{name}" for name in NAMES} | seconds
    assert all((value < 0) == (name not in seconds) for name, value in found.items())
    assert "ubm >= pbm >= dctr >= rctr >= gctr in training" in printed
    assert "0 of the pages to score show a pair" in printed
    assert str(pages) not in str(content)
    # A quick run takes one page of a hundred.
    clicked = read_result_pages(pages).log.take(range(0, 500, 100)).response[:, 0]
    # A logistic prior of a logit is that of one click and one page without, for a rate.
    for name, clicks, number in (
        ("gctr", clicked.sum(keepdims=True), clicked.size),
        ("rctr", clicked.sum(axis=0), len(clicked)),
    ):
        rate = (clicks + 1) / (number + 2)
        nats = np.where(clicked == 1, np.log(rate), np.log1p(-rate)).mean()
        assert found[f"click_models.{name}"] == pytest.approx(nats, abs=1e-3)
    # The chain rule: whatever the model, the clicks given those above them make up the page.
    for name in NAMES - {"cm"}:
        perplexity = np.exp(-found[f"click_models.{name}"])
        assert models[name]["conditional"][1] == pytest.approx(perplexity, rel=1e-4)
    for name in ("gctr", "rctr", "dctr"):  # Whose clicks are independent.
        assert models[name]["perplexity"] == pytest.approx(models[name]["conditional"], rel=1e-4)


def test_pairs_that_no_training_page_shows_are_counted(pages):
    log = read_result_pages(pages).log
    shown = click_models.times_shown(log, 12)
    assert shown.sum() == log.documents.size
    assert shown[12] == 0, "the last one is for pairs that are not known"


def test_a_missing_path_is_named():
    with pytest.raises(SystemExit, match="path must name a Parquet file of result pages"):
        click_models.click_models(QUICK)
