"""Maximum likelihood and maximum a posteriori estimates of a simulator's parameters from logged
sessions.
"""

import os
from collections.abc import Mapping
from typing import NamedTuple

import gin
import numpy as np

from recsim_tf.core import random
from recsim_tf.core.ranges import Range
from recsim_tf.core.simulator import Simulator
from recsim_tf.core.types import Nest
from recsim_tf.core.validation import check_at_least
from recsim_tf.fitting.estimate.chains import ChainLikelihood
from recsim_tf.fitting.estimate.estimates import ParameterEstimate, estimates
from recsim_tf.fitting.estimate.folder import FitFolder, SearchState
from recsim_tf.fitting.estimate.information import ScoresOrCurvature, Uncertainty
from recsim_tf.fitting.estimate.lbfgs import LBFGS
from recsim_tf.fitting.estimate.search import Problem, Search
from recsim_tf.fitting.likelihood.likelihood import LogLikelihood
from recsim_tf.fitting.logs.session_log import Sessions
from recsim_tf.fitting.parameters.fitted_simulator import FittedSimulator
from recsim_tf.fitting.parameters.parameter import Parameter, as_numbers
from recsim_tf.support.errors import one_line
from recsim_tf.support.stopping import Stop

# Standard deviation of all starts but the first, in the unconstrained parameters.
_START_SPREAD = 0.5
_AUTOMATIC = ScoresOrCurvature()


class FitResult(NamedTuple):
    """What a fit found."""

    simulator: Simulator  # with the estimates as numbers
    estimates: dict[str, ParameterEstimate]
    # of the training sessions, sum; an estimate of the lower bound where posteriors are fitted
    log_likelihood: float
    held_out_log_likelihood: float | None  # of the held-out sessions, mean over their steps
    # of the best start, one row a step of the search: "step", and means per step of a session
    # "log_likelihood", "held_out"
    history: list[dict[str, float]]
    converged: bool
    # whether it ended since the held-out likelihood rose no more; the best pass counts
    stopped_early: bool
    # whether it stopped at a value that is not finite; the estimates are the last finite ones
    diverged: bool
    # bool arrays in the shapes of those parameters of which the log says nothing, alone or together
    # with others; the values of these elements are where the search came to, without an error
    not_identified: dict[str, np.ndarray]
    confidence: float  # of the intervals
    search: Search
    # nest of [S, ...]: posterior locations of the users' initial draws, where the log lacks them
    initial_draws: Nest = ()

    def __repr__(self) -> str:
        """One line, without tables and the simulator."""
        found = [
            f"{name} {list(shape)}" if (shape := np.shape(one.value)) else f"{name}={one.value:.5g}"
            for name, one in self.estimates.items()
        ]
        return f"FitResult({', '.join(found)}; {self.ending})"

    @property
    def ending(self) -> str:
        """How the search ended, in words."""
        if self.diverged:
            return "diverged; the estimates are the last finite ones"
        if self.stopped_early:
            return "stopped early, when the held-out likelihood rose no more"
        return "converged" if self.converged else "did not converge"


@gin.configurable(module="recsim_tf", denylist=["folder", "stop"])
def fit(
    simulator: Simulator,
    parameters: Mapping[str, Parameter],
    log: Sessions,
    search: Search | None = None,
    uncertainty: Uncertainty | None = _AUTOMATIC,
    held_out: float | Sessions | None = None,
    num_particles: int | None = None,
    num_draws: int | None = None,
    num_starts: int = 1,
    confidence: float = 0.95,
    jit_compile: bool = False,
    seed: int = 0,
    progress: bool = True,
    folder: str | os.PathLike | None = None,
    checkpoint_interval: int = 10,
    stop: Stop | None = None,
) -> FitResult:
    """Fits parameters of a simulator's models to logged sessions by maximum likelihood, or maximum
    a posteriori where they have priors.

    The fit maximises the log-probability of everything that the users drew,
    `Simulator.log_prob(...).user`; slates and documents are given. Standard errors come from the
    observed information. Intervals are symmetric in the unconstrained parameter, or in the value
    where a bijector maps whole vectors. A parameter of which the log says nothing, alone or
    together with others, has no standard error and is named in `FitResult.not_identified`.

    Where parameters have mean-field posteriors, or the log lacks the users' initial draws, the fit
    is variational inference: it maximises a lower bound on the log of the evidence. Only
    `Minibatches` can do that. A posterior gives its parameter's standard error and interval.

    Args:
      simulator: the models, with the values of all parameters that are not fitted.
      parameters: by name, as {"users.choice_model.no_click_mass": Parameter(support="positive")}.
      log: the sessions, with everything that the user model draws, in memory or in pieces. If its
        initial draws are (), each session gets a mean-field posterior of them, whose prior is the
        model's own distribution of initial draws; or `num_draws` sum them out. If only a class is
        missing, as the type of a user, it is summed out instead.
      search: `LBFGS(...)`, `Minibatches(...)`, or `MonteCarloEM(...)`, which draws what the log
        lacks by chains for each session; None for `LBFGS()`.
      uncertainty: where standard errors come from: `Scores()`, `Curvature()`, or by default
        `ScoresOrCurvature()`, which takes scores where they are known; None for no standard errors.
      held_out: part of the sessions that is kept apart, in (0, 1); or other sessions; or None.
        `Minibatches` stops early by their likelihood, and only by that. With `MonteCarloEM` it is
        estimated by annealed importance, and no parameter may have a value for each session.
      num_particles: None where the log has the users' innovations. Else they are latent, and two
        particle filters of so many particles each sum them out, see `marginal_log_prob`. The
        likelihood is then an estimate, whose noise is new in every minibatch; `jit_compile` helps.
        `Scores` are not known then.
      num_draws: None, or how many draws sum out initial draws that the log lacks, instead of
        posteriors: the likelihood is then estimated by importance sampling, and not bounded. Memory
        grows with it, and with the batch size of the search. With few draws the estimate is too
        low, and standard errors are of the estimate's noise as much as of the parameters: take more
        until they stay, or `uncertainty=None`.
      num_starts: searches, the first from the parameters' starts, others from random places around
        them; the best one counts.
      confidence: of the intervals, in (0, 1).
      jit_compile: whether to compile with XLA.
      seed: of minibatches, starts and held-out sessions.
      progress: whether to show a progress bar.
      folder: for TensorBoard's curves and checkpoints; a fit that was stopped goes on from there.
        None to write nothing.
      checkpoint_interval: steps of the search, evaluations or passes, between checkpoints.
      stop: of `recsim_tf.support.stopping.noting_signals`; where a signal comes, the search saves a
        checkpoint and raises a StoppedError.

    Raises:
      ValueError: for an argument out of range, a log that lacks what the models draw, a search or
        an uncertainty that does not go with the likelihood, a parameter on which the likelihood
        does not depend, or a start where the log-likelihood is not finite.
    """
    search = LBFGS() if search is None else search
    if not isinstance(search, Search):
        raise ValueError(f"search must be LBFGS(), Minibatches() or MonteCarloEM(), got {search!r}")
    if not isinstance(uncertainty, Uncertainty | None):
        raise ValueError(f"uncertainty must be Scores(), Curvature() or None, got {uncertainty!r}")
    check_at_least(1, num_starts=num_starts, checkpoint_interval=checkpoint_interval)
    for name, number in {"num_particles": num_particles, "num_draws": num_draws}.items():
        if number is not None:
            check_at_least(1, **{name: number})
    Range(above=0, below=1).check_number("confidence", confidence)
    random.as_seed(seed)
    train, other = log, None
    if isinstance(held_out, Sessions):
        other = held_out
    elif held_out is not None:
        train, other = log.split(held_out, seed)
    if other is not None and search.by_session:
        check_not_by_session(simulator, parameters)
    check_starts(simulator, parameters, train.num_sessions if search.by_session else None)
    fitted = FittedSimulator(simulator, parameters)
    check_supports(fitted)
    options = (jit_compile, seed, num_particles, num_draws)
    likelihood = search.likelihood(fitted, train, *options)
    if likelihood.initial_posterior is not None and other is not None:
        raise ValueError(
            "held_out must be None where the log lacks the users' initial draws: they would have to"
            " be fitted too"
        )
    search.check(likelihood)
    if uncertainty is not None:
        uncertainty.check(likelihood)
    check_parameters_act(likelihood)
    problem = Problem(
        likelihood,
        None if other is None else search.likelihood(fitted, other, *options),
        FitFolder(folder, _described(search, likelihood, seed), checkpoint_interval, stop),
        seed,
        progress,
    )
    best = _best_search(search, problem, num_starts)
    best.go_to_best()
    information = None
    if uncertainty is not None and not (likelihood.is_bound or best.progress.diverged):
        information = uncertainty.information(likelihood)
    found = estimates(fitted, information, confidence)
    values = {name: one.value for name, one in found.by_name.items()}
    try:
        fitted_simulator = simulator.with_parameters(as_numbers(values))
    except ValueError as error:
        raise ValueError(
            f"the search ended where the models do not allow it, {one_line(error)}: give the"
            f" parameter a support that keeps it within; the estimates are {values}"
        ) from error
    initial_draws: Nest = ()
    if isinstance(likelihood, ChainLikelihood):
        initial_draws = likelihood.initial_draws()
    elif likelihood.initial_posterior is not None:
        prior = fitted_simulator.users.initial_draws(likelihood.num_sessions)
        initial_draws = likelihood.initial_posterior.center(
            prior.experimental_default_event_space_bijector()
        )
    return FitResult(
        simulator=fitted_simulator,
        estimates=found.by_name,
        log_likelihood=likelihood.value(),
        held_out_log_likelihood=(
            None
            if problem.held_out is None
            else problem.held_out.value() / problem.held_out.num_steps
        ),
        history=best.progress.history,
        converged=best.progress.converged,
        stopped_early=best.progress.stopped_early,
        diverged=best.progress.diverged,
        not_identified=found.not_identified,
        confidence=confidence,
        search=search,
        initial_draws=initial_draws,
    )


def _described(search: Search, likelihood: LogLikelihood, seed: int) -> dict:
    """What tells fits apart."""
    values = likelihood.fitted.values()
    return {
        **search.described(),
        "parameters": {name: list(np.shape(value)) for name, value in values.items()},
        "sessions": likelihood.num_sessions,
        "steps": likelihood.num_steps,
        "seed": seed,
        "batch_size": likelihood.batch_size,
    }


def _best_search(search: Search, problem: Problem, num_starts: int) -> SearchState:
    """The best of several searches, from the present values of the variables and around them."""
    generator = np.random.default_rng(problem.seed)
    likelihood = problem.likelihood
    first, num_points = [x.numpy() for x in likelihood.variables], len(likelihood.fitted.parameters)
    found = []
    for start in range(num_starts):
        for index, (variable, value) in enumerate(zip(likelihood.variables, first, strict=True)):
            spread = _START_SPREAD if start and index < num_points else 0.0
            variable.assign(value + spread * generator.standard_normal(value.shape))
        found.append(search.run(problem, start))
    return max(found, key=lambda state: state.progress.objective)


def check_starts(
    simulator: Simulator, parameters: Mapping[str, Parameter], num_sessions: int | None = None
) -> None:
    """Raises a ValueError for a start that has more axes than its parameter, or no number;
    `num_sessions` is that of the log, where a parameter may have a start for each of them.
    """
    for name, one in parameters.items():
        if one.start is None:
            continue
        shape, rank = np.shape(one.start), simulator.parameter_spec(name).rank
        if len(shape) == rank + 1 and shape[0] == num_sessions:
            continue
        if len(shape) > rank or 0 in shape:
            raise ValueError(
                f"the start of {name} must be a number or have {rank} axes, got the shape"
                f" {list(shape)}"
            )


def check_not_by_session(simulator: Simulator, parameters: Mapping[str, Parameter]) -> None:
    """Raises a ValueError for parameters with a value for each session, which other sessions do not
    have.
    """
    by_session = [
        name
        for name, one in parameters.items()
        if one.start is not None and np.ndim(one.start) == simulator.parameter_spec(name).rank + 1
    ]
    if by_session:
        raise ValueError(
            "held_out must be None where a parameter has a value for each session, got those of"
            f" {', '.join(by_session)}"
        )


def check_supports(fitted: FittedSimulator) -> None:
    """Raises a ValueError for probabilities that a search would lead off the simplex."""
    for name, one in fitted.parameters.items():
        spec = fitted.simulator.parameter_spec(name)
        if spec.are_probabilities and not one.bijector.forward_min_event_ndims:
            raise ValueError(
                f"{name} holds probabilities that sum to one: its support must be a bijector to"
                f" them, as tfp.bijectors.SoftmaxCentered(), got {one.bijector.name}"
            )


def check_parameters_act(likelihood: LogLikelihood) -> None:
    """Raises a ValueError that names all parameters on which the likelihood does not depend."""
    _, gradients = likelihood.total()
    gradient_of = zip(likelihood.fitted.parameters, gradients, strict=False)
    idle = [name for name, gradient in gradient_of if not np.any(gradient)]
    if idle:
        raise ValueError(
            f"{', '.join(idle)} {'does' if len(idle) == 1 else 'do'} not act on the likelihood of"
            " this log, so cannot be fitted: the gradient is zero. A parameter that acts through a"
            " rule of departure alone needs a hazard, as a departure_temperature"
        )
