# SPDX-License-Identifier: Apache-2.0
"""Settings of Hypothesis: the same examples in every run, few of them without
`--hypothesis-profile=smoke`.
"""

from hypothesis import HealthCheck, Phase, settings

# An example costs much, so that none is made smaller.
_COMMON = {
    "derandomize": True,
    "deadline": None,
    "suppress_health_check": list(HealthCheck),
    "phases": [Phase.generate],
}
settings.register_profile("test", max_examples=6, **_COMMON)
settings.register_profile("smoke", max_examples=30, **_COMMON)
if settings.get_current_profile_name() != "smoke":
    settings.load_profile("test")
