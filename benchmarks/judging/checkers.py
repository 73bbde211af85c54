# SPDX-License-Identifier: Apache-2.0
"""The checkers of environments of Gymnasium and of Stable-Baselines3."""

import warnings

import gymnasium
from judging.verdicts import Settings, Verdict, attempts, judge

import recsim_tf.adapters.gymnasium
from recsim_tf import registered

_FORMS = ({}, {"flatten": True}, {"flatten": "dict"})


@judge("Gymnasium check_env", "gymnasium")
def by_gymnasium(settings: Settings) -> Verdict:
    from gymnasium.utils.env_checker import check_env

    return _checked(settings, "gymnasium", lambda environment: check_env(environment.unwrapped))


@judge("Stable-Baselines3 check_env", "stable-baselines3")
def by_stable_baselines3(settings: Settings) -> Verdict:
    from stable_baselines3.common.env_checker import check_env

    return _checked(settings, "sb3", check_env)


def _checked(settings: Settings, figure: str, check) -> Verdict:
    """The verdict of a checker on all registered environments in all forms."""
    recsim_tf.adapters.gymnasium.register_environments()

    def attempt(name: str) -> None:
        for form in _FORMS:
            with warnings.catch_warnings():
                # Warnings are of taste, such as wide bounds.
                warnings.simplefilter("ignore")
                check(gymnasium.make(f"recsim_tf/{name}", **form))

    names = registered()[: 1 if settings.quick else None]
    passed, faults = attempts(names, attempt)
    said = f"{passed} of {len(names)} environments pass, nested, flat and as dicts of vectors"
    return Verdict(said, {f"judges.{figure}": passed}, faults)
