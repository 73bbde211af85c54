"""Are wrong propensities caught, and what share of a policy's slates was never logged?"""

import numpy as np
import tensorflow as tf
from off_policy.worlds import SLATE_SIZE, WORLDS, affine
from sections import Section, Settings, section

from recsim_tf import logs, ope
from recsim_tf.core.distributions import PlackettLuce
from recsim_tf.logs.densities import missing_support
from recsim_tf.ope.estimators import Estimator
from recsim_tf.ope.sample import gather
from recsim_tf.policies import PlackettLucePolicy, random_policy

_SIZE, _NUM_LOGS, _NUM_BEST = 1000, 100, 5


def measure(settings: Settings) -> Section:
    number, size = (4, 100) if settings.quick else (_NUM_LOGS, _SIZE)
    world, target = WORLDS["multinomial"], affine(3.0)
    trajectory = world.rollout(affine(1.0), number * size, 1, settings.seed)
    claimed = {
        "uniform": random_policy(world),
        "sharper": affine(1.3),
        "false_alarms": affine(1.0),
    }
    figures = {}
    for name, logging in claimed.items():
        log = logs.from_trajectory(trajectory, world, logging=logging)
        weights = gather(target, log, [Estimator()]).read["slate"].reshape([number, size, 1])
        caught = [
            bool(ope.WeightDiagnostics.of(part).warning_of_wrong_propensities()) for part in weights
        ]
        figures[f"checks.wrong_propensities.{name}"] = float(np.mean(caught))
    few = world.rollout(_best_only(), number * size, 1, settings.seed + 1)
    log = logs.from_trajectory(few, world, logging=_best_only())
    mean = gather(target, log, [Estimator()]).weights(Estimator())
    drawn = missing_support(target, _best_only(), log, settings.seed)
    figures["checks.missing_support.by_draws"] = drawn
    figures["checks.missing_support.by_weights"] = 1 - mean.mean
    figures["checks.missing_support.errors_apart"] = abs(1 - mean.mean - drawn) / mean.mean_error
    bars = {
        "checks.wrong_propensities.uniform": (0.95, 1.0),
        "checks.wrong_propensities.sharper": (0.95, 1.0),
        "checks.wrong_propensities.false_alarms": (0.0, 0.03),
        "checks.missing_support.errors_apart": (0.0, 4.0),
    }
    rows = [
        (f"propensities of {number} logs of {size:,} taken for", "caught"),
        *(
            (words, f"{figures[f'checks.wrong_propensities.{name}']:.2f}")
            for name, words in (
                ("uniform", "those of random slates"),
                ("sharper", "those of a policy 1.3 times as sharp"),
                ("false_alarms", "what they are"),
            )
        ),
        ("slates that were never logged, by draws", f"{drawn:.4f}"),
        ("by the mean weight", f"{1 - mean.mean:.4f} ± {mean.mean_error:.4f}"),
    ]
    return section(settings, "Checks of propensities", rows, figures, bars)


def _best_only() -> PlackettLucePolicy:
    """Shows three of the five candidates that users like best."""

    def distribution(seen) -> PlackettLuce:
        logits = tf.linalg.matvec(seen.documents, seen.user)
        least = tf.math.top_k(logits, _NUM_BEST).values[:, -1:]
        return PlackettLuce(logits, SLATE_SIZE, mask=logits >= least)

    return PlackettLucePolicy(distribution)
