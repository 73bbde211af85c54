import numpy as np
import pytest

from benchmarks.topk_reinforce import CASES, learned_policy
from tests.benchmarks.runs import quick_run


@pytest.mark.parametrize("name", CASES)
def test_each_policy_converges_to_what_its_correction_maximises(name):
    simulation, corrections, limit = CASES[name]
    np.testing.assert_allclose(learned_policy(simulation, corrections, 5_000), limit, atol=2e-3)


def test_without_correction_the_policy_prefers_what_the_behaviour_shows_and_with_it_the_best_item():
    policies = [
        learned_policy(*CASES[name][:2], 5_000)
        for name in ("one item/uncorrected", "one item/off-policy")
    ]
    rewards = CASES["one item/uncorrected"][0].rewards
    uncorrected, corrected = (policy @ rewards for policy in policies)
    np.testing.assert_allclose(uncorrected, 5.5, atol=0.01)
    assert corrected > 9.99


def test_only_the_top_k_correction_keeps_the_second_item():
    standard, top_k = (
        learned_policy(*CASES[f"two items/{name}"][:2], 5_000)
        for name in ("off-policy", "off-policy, top-K")
    )
    assert standard[1] < 1e-3
    assert top_k[1] > 0.45
    assert top_k[2:].max() < 1e-3


def test_a_quick_run_prints_and_writes_every_policy(tmp_path):
    content, printed = quick_run(tmp_path, "topk_reinforce.py")
    assert list(content["figures"]) == list(CASES)
    for figure in content["figures"].values():
        assert sum(figure["probabilities"]) == pytest.approx(1.0)
        assert figure["largest_difference"] < 2e-3
    assert "off-policy, top-K" in printed
