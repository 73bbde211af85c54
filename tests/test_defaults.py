"""Values that arguments have by default. Results of users rest on them, so a change of one belongs
into the changelog.
"""

import inspect
import math

import recsim_tf
from recsim_tf import belief, choice, dynamics, policies

# Of numbers and words; those that are None or False need no line.
DEFAULTS = {
    "Simulator": {"slate_size": 3, "num_candidates": 10, "resample_documents": True},
    "parameter": {"rank": 0},
    "GaussianBelief": {"num_particles": 128, "seed": 0},
    "CascadeChoice": {"score_scaling": 0.05, "attention_prob": 0.65},
    "ExponentialCascade": {"score_scaling": 0.05, "attention_prob": 0.65},
    "MultinomialLogit": {"no_click_mass": -math.inf},
    "MultinomialProportional": {"min_normalizer": -1.0, "no_click_mass": 1.0},
    "MultipleClickCascade": {
        "continue_after_no_click": 1.0,
        "continue_after_click": 1.0,
        "continue_after_purchase": 0.0,
    },
    "PlackettLuce": {"num_choices": 1, "no_click_mass": -math.inf},
    "PositionBased": {"examination": 1.0},
    "UserBrowsing": {"examination": 1.0},
    "DependentClicks": {"continue_after_click": 1.0},
    "DynamicBayesian": {"gamma": 1.0},
    "ProportionalCascade": {"score_scaling": 0.05, "attention_prob": 0.65, "min_normalizer": -1.0},
    "FromTable": {"logits": 0.0},
    "LinearGaussian": {"transition": 1.0, "initial_loc": 0.0},
    "MarkovChain": {"initial_logits": 0.0},
    "clustered_logits": {"cluster_logits": 0.0},
    "paths": {"seed": 0},
    "Boosting": {"cap": 1.2},
    "ClickBandit": {"algorithm": "ucb1", "optimism_scaling": 1.0},
    "ClusterBandit": {"algorithm": "ucb1", "optimism_scaling": 1.0},
    "OraclePolicy": {"reward_per_budget": 1.3},
    "Trending": {"exploration": 1.0, "prior_clicks": 1.0, "prior_impressions": 10.0},
    "clickbait_policy": {"target": 1.0},
}
ROOMS = tuple(f"recsim_tf.{room}." for room in ("core", "choice", "belief", "dynamics", "policies"))


def _defaults(function):
    """By argument; those that are neither None nor False."""
    defaults = {
        name: parameter.default
        for name, parameter in inspect.signature(function).parameters.items()
        if isinstance(parameter.default, bool | int | float | str)
    }
    return {
        name: value for name, value in defaults.items() if name != "name" and value is not False
    }


def test_defaults_stay_as_they_are():
    found = {}
    for module in (recsim_tf, belief, choice, dynamics, policies):
        for name in module.__all__:
            value = getattr(module, name)
            if callable(value) and value.__module__.startswith(ROOMS) and _defaults(value):
                found[name] = _defaults(value)
    assert found == DEFAULTS
