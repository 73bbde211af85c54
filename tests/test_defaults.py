# SPDX-License-Identifier: Apache-2.0
"""Values that arguments have by default, and ranks and ranges of parameters. Results of users rest
on them, so a change of one belongs into the changelog.
"""

import dataclasses
import inspect
import math

import recsim_tf
from recsim_tf import belief, choice, dynamics, policies
from recsim_tf.core.base.parameters import Model

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
    "paths": {"seed": 0},
    "Boosting": {"cap": 1.2},
    "ClickBandit": {"algorithm": "ucb1", "optimism_scaling": 1.0},
    "ClusterBandit": {"algorithm": "ucb1", "optimism_scaling": 1.0},
    "OraclePolicy": {"reward_per_budget": 1.3},
    "Trending": {"exploration": 1.0, "prior_clicks": 1.0, "prior_impressions": 10.0},
    "clickbait_policy": {"target": 1.0},
    "softmax_policy": {"sharpness": 1.0},
}
# The number of axes, and the range in words; of parameters that may be anything, None.
_ANY, _PROBABILITY, _LOGITS, _SCALE = None, "in [0, 1]", "at least -inf", "at least 0"
_CASCADE = {"score_scaling": (0, _SCALE), "attention_prob": (0, _PROBABILITY)}
PARAMETERS = {
    "ClickChain": {"tau": (1, _PROBABILITY)},
    "DependentClicks": {"continue_after_click": (1, _PROBABILITY)},
    "DynamicBayesian": {"gamma": (0, _PROBABILITY)},
    "ExponentialCascade": _CASCADE,
    "MultinomialLogit": {"no_click_mass": (0, _LOGITS)},
    "MultinomialProportional": {"min_normalizer": (0, _ANY), "no_click_mass": (0, _ANY)},
    "MultipleClickCascade": {
        "continue_after_no_click": (0, _PROBABILITY),
        "continue_after_click": (0, _PROBABILITY),
        "continue_after_purchase": (0, _PROBABILITY),
    },
    "PlackettLuce": {"no_click_mass": (0, _LOGITS)},
    "PositionBased": {"examination": (1, _PROBABILITY)},
    "ProportionalCascade": {**_CASCADE, "min_normalizer": (0, _ANY)},
    "UserBrowsing": {"examination": (2, _PROBABILITY)},
    "FromTable": {"table": (2, _ANY), "logits": (1, _LOGITS)},
    "LinearGaussian": {
        "transition": (2, _ANY),
        "gain": (2, _ANY),
        "noise": (2, _ANY),
        "initial_loc": (1, _ANY),
        "initial_scale": (2, _ANY),
    },
    "MarkovChain": {"logits": (3, _LOGITS), "initial_logits": (1, _LOGITS)},
    "Boosting": {"cap": (0, _SCALE)},
    "ClickBandit": {"optimism_scaling": (0, _SCALE)},
    "ClusterBandit": {"optimism_scaling": (0, _SCALE)},
    "OraclePolicy": {"reward_per_budget": (0, _ANY)},
    "Trending": {
        "exploration": (0, _SCALE),
        "prior_clicks": (0, "above 0"),
        "prior_impressions": (0, "above 0"),
    },
}
_MODULES = (recsim_tf, belief, choice, dynamics, policies)
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
    for module in _MODULES:
        for name in module.__all__:
            value = getattr(module, name)
            if callable(value) and value.__module__.startswith(ROOMS) and _defaults(value):
                found[name] = _defaults(value)
    assert found == DEFAULTS


def test_ranks_and_ranges_of_parameters_stay_as_they_are():
    found: dict[str, dict] = {}
    for name, model in ((name, getattr(each, name)) for each in _MODULES for name in each.__all__):
        if not (isinstance(model, type) and issubclass(model, Model)):
            continue
        if inspect.isabstract(model) or not dataclasses.is_dataclass(model):
            continue
        for field in dataclasses.fields(model):
            if spec := field.metadata.get("parameter"):
                words = (
                    spec.range.described() if any(end is not None for end in spec.range) else None
                )
                found.setdefault(name, {})[field.name] = (spec.rank, words)
    assert found == PARAMETERS
