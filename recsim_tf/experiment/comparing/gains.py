# SPDX-License-Identifier: Apache-2.0
"""Gains of policies over a reference, and how many users would see them."""

import math
from collections.abc import Iterable, Sequence
from typing import NamedTuple

import numpy as np
import tensorflow_probability as tfp

from recsim_tf.experiment.comparing.environments import MISSING, Environment
from recsim_tf.experiment.comparing.finished import Returns, mean_of_users
from recsim_tf.support.errors import UsageError, instead
from recsim_tf.support.means import Mean

# Of an A/B test: the probability to see a gain that is there, and to see one that is not.
POWER, LEVEL = 0.8, 0.05


class Gain(NamedTuple):
    """The difference of two mean returns."""

    difference: Mean
    is_paired: bool  # whether it is the mean of the differences of each user
    percent: float | None  # of the size of the reference's return; None where that is zero
    users: int | None  # of each group of an A/B test that would see it; None if it is not seen

    @property
    def is_seen(self) -> bool:
        """True if the 95% interval leaves out zero."""
        return _is_seen(self.difference)


def gain(returns: Returns, reference: Returns) -> Gain:
    """The gain over a reference. Where both have the same users, it is paired: what a user brings
    to both returns is in neither's favour, and not in the error.
    """
    is_paired = returns.has_users_of(reference)
    if is_paired:
        # Worlds of both sizes lie in those of this one.
        size = math.lcm(returns.users_per_world, reference.users_per_world)
        difference = mean_of_users(returns.values - reference.values, size)
    else:
        difference = returns.mean().minus(reference.mean())
    base = abs(reference.mean().value)
    return Gain(
        difference=difference,
        is_paired=is_paired,
        percent=100 * difference.value / base if base else None,
        users=_test_users(returns, reference, difference) if _is_seen(difference) else None,
    )


def _is_seen(difference: Mean) -> bool:
    low, high = difference.interval()
    return low > 0 or high < 0


def _test_users(returns: Returns, reference: Returns, difference: Mean) -> int:
    """The users of each group of an A/B test, in which no user meets both policies: n such that a
    two-sided test of means sees the difference with the probability `POWER`,
    n = 2 (z_0.975 + z_0.8)^2 variance / difference^2, with the mean of both variances. It is that
    of large samples, in which means are normal.
    """
    normal = tfp.distributions.Normal(np.float64(0), np.float64(1))
    quantiles = float(normal.quantile(1 - LEVEL / 2) + normal.quantile(POWER))
    # Of a single user; where users share worlds, larger by as much as that makes means less sure.
    variances = [
        policy.mean().standard_error ** 2 * len(policy.values) for policy in (returns, reference)
    ]
    users = quantiles**2 * sum(variances) / difference.value**2
    return max(math.ceil(users), 2)


class Comparison(NamedTuple):
    """Policies beside a reference."""

    policies: dict[str, Returns]  # by the names that readers see; the best first
    reference: str
    gains: dict[str, Gain]  # over the reference, of all others

    @property
    def environments(self) -> dict[str, Environment]:
        """The environments by the names of the runs, the reference's first."""
        reference = self.policies[self.reference]
        return {
            run: returns.environment
            for returns in (reference, *self.policies.values())
            for run in returns.runs
        }

    def differences(self) -> dict[str, dict[str, str]]:
        """The parts in which environments differ from the reference's, by name and run."""
        environments = self.environments
        first = next(iter(environments.values()))
        names = {name for each in environments.values() for name in first.differences(each)}
        return {
            name: {run: each.parts.get(name, MISSING) for run, each in environments.items()}
            for name in sorted(names)
        }

    def gain_of_best(self, over: str) -> Gain:
        """The gain of the policy with the highest mean return over another."""
        return gain(next(iter(self.policies.values())), self.policies[over])


def compare(runs: Sequence[Sequence[Returns]], baseline: str | None = None) -> Comparison:
    """Compares the policies of runs. Those that are equal are one. Where several have the same
    name, the names of their runs are added.

    Args:
      runs: the policies of each.
      baseline: the name of the reference; by default it is the agent of the first run, or its first
        policy if it trained none.

    Raises:
      UsageError: if there is a single policy, or none of that name.
    """
    policies = _named(_merged(returns for run in runs for returns in run))
    if len(policies) < 2:
        raise UsageError(f"RUN must be two runs, or one of several policies: {', '.join(policies)}")
    if baseline is None:
        first = next((returns for returns in runs[0] if returns.is_agent), runs[0][0])
        baseline = next(name for name, returns in policies.items() if returns.equals(first))
    elif baseline not in policies:
        raise UsageError(
            f"--baseline must be a policy of the runs, got {baseline!r};"
            f" {instead(baseline, list(policies))}"
        )
    best_first = sorted(policies, key=lambda name: -policies[name].mean().value)
    reference = policies[baseline]
    return Comparison(
        policies={name: policies[name] for name in best_first},
        reference=baseline,
        gains={name: gain(policies[name], reference) for name in best_first if name != baseline},
    )


def _merged(policies: Iterable[Returns]) -> list[Returns]:
    """The policies that differ; equal ones are one, with all their runs."""
    merged: list[Returns] = []
    for returns in policies:
        for index, earlier in enumerate(merged):
            if returns.equals(earlier):
                merged[index] = earlier._replace(
                    runs=earlier.runs + returns.runs, is_agent=earlier.is_agent or returns.is_agent
                )
                break
        else:
            merged.append(returns)
    return merged


def _named(policies: Sequence[Returns]) -> dict[str, Returns]:
    names = [returns.policy for returns in policies]
    return {
        name if names.count(name) == 1 else f"{name} ({', '.join(returns.runs)})": returns
        for name, returns in zip(names, policies, strict=True)
    }
