import recsim_tf
from tests.benchmarks.runs import quick_section


def test_every_environment_is_simulated_with_finite_numbers():
    figures, details = quick_section("campaign.soak.measure")
    assert list(details["environments"]) == recsim_tf.registered()
    assert figures["soak.not_finite"] == 0
    for each in details["environments"].values():
        assert each["user_steps"] >= 10**5
        assert each["resident_bytes"][-1] > 0
