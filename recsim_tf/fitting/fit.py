# SPDX-License-Identifier: Apache-2.0
"""Maximum likelihood and maximum a posteriori estimates of a simulator's parameters."""

import dataclasses
import warnings
from collections.abc import Mapping
from typing import Any, NamedTuple

import numpy as np

from recsim_tf.core import random
from recsim_tf.core.base.arguments import Count, checked, configurable
from recsim_tf.core.base.ranges import shown
from recsim_tf.core.base.types import Nest
from recsim_tf.core.base.validation import check_eager
from recsim_tf.core.simulator import Simulator
from recsim_tf.fitting.estimates import (
    Estimates,
    ParameterEstimate,
    draw_values,
    error_in_standard_errors,
    estimate_rows,
    estimates,
    named_elements,
    number_rows,
)
from recsim_tf.fitting.methods.default import default_method
from recsim_tf.fitting.methods.draws import FEWEST_EFFECTIVE_DRAWS
from recsim_tf.fitting.methods.method import Method
from recsim_tf.fitting.methods.session_method import SessionsObjective
from recsim_tf.fitting.parameters.fitted_simulator import FittedSimulator
from recsim_tf.fitting.parameters.parameter import Parameter
from recsim_tf.fitting.searches.edges import at_edge, joined, restart_from_boundary
from recsim_tf.fitting.searches.folder import Checkpoints
from recsim_tf.fitting.searches.objective import Objective
from recsim_tf.fitting.searches.search import Problem, Search
from recsim_tf.logs.arguments import log_of
from recsim_tf.logs.fingerprints import fingerprint, union
from recsim_tf.logs.log import Log, Sessions, digest_of
from recsim_tf.support.errors import one_line
from recsim_tf.support.summaries import table_html
from recsim_tf.support.tables import frame, number

_CONFIDENCE = 0.95  # of a fit without `uncertainty`
# Of estimates by draws, in their standard errors, as four times as many draws see it.
_LARGEST_ERROR = 0.2


class FitResult(NamedTuple):
    """The result of a fit."""

    simulator: Simulator  # with the estimates as numbers
    estimates: dict[str, ParameterEstimate]
    # of the training sessions, sum, under draws that the search did not have; an estimate of the
    # lower bound where posteriors are fitted
    log_likelihood: float
    held_out_log_likelihood: float | None  # of the held-out sessions, mean over their steps
    # one row a step of the search: "step", and means per step "log_likelihood", "held_out"
    history: list[dict[str, float]]
    converged: bool
    # whether it ended since the held-out likelihood rose no more; the best pass counts
    stopped_early: bool
    # whether it stopped at a value that is not finite; the estimates are the last finite ones
    diverged: bool
    # bool arrays in the shapes of those parameters of which the log says nothing, alone or together
    # with others; the values of these elements are where the search came to, without an error
    not_identified: dict[str, np.ndarray]
    # bool arrays in the shapes of those parameters that ended at the edge of their support
    at_edge: dict[str, np.ndarray]
    # float64 [P, P], of the unconstrained parameters, one after the other as in `parameters`; of
    # mean-field posteriors the diagonal [P]; NaN where it was not asked for, or where the log says
    # nothing
    covariance: np.ndarray
    parameters: dict[str, Parameter]  # that were fitted, without fixed ones
    confidence: float  # of the intervals
    method: Method  # with its search
    # nest of [S, ...]: posterior locations of the users' initial draws, where the log lacks them
    initial_draws: Nest = ()
    latents: str = ""  # a sentence that says what was done with each draw that the log lacks
    # the part of `log_likelihood` that is the log-density of what the log has of its users before
    # they respond: initial draws, such as columns of users, and innovations, such as contexts; NaN
    # where a parameter has a value for each session, so that it is not told apart
    known_log_density: float = 0.0
    held_out_known_log_density: float | None = None  # mean over the steps, as what it is a part of
    # as `log_likelihood`, of the draws that all steps of the search had; None where they had none
    climbed_log_likelihood: float | None = None
    # of the median session, see `Draws`; None where no initial draws are summed out by draws
    effective_draws: float | None = None

    def __repr__(self) -> str:
        """One line, without tables and the simulator."""
        values = [
            f"{name} {list(shape)}"
            if (shape := np.shape(estimate.value))
            else f"{name}={estimate.value:.5g}"
            for name, estimate in self.estimates.items()
        ]
        parts = [", ".join(values), self.ending, *filter(None, [self.of_draws, self.of_errors])]
        return f"FitResult({'; '.join(parts)})"

    def _repr_html_(self) -> str:
        tables = zip(
            (f"Fit: {self.ending}; {self.confidence:.0%} intervals", "Large parameters"),
            estimate_rows(self.estimates, self.not_identified, self.at_edge),
            strict=True,
        )
        pages = [
            table_html(title, [{name: number(cell) for name, cell in row.items()} for row in rows])
            for title, rows in tables
        ]
        sentences = filter(None, [self.of_draws, self.of_errors])
        return "".join([*pages, *(f"<p>{sentence}</p>" for sentence in sentences)])

    def to_frame(self) -> Any:
        """A DataFrame with a row for each number of each parameter: its estimate, standard error
        and interval, whether the log says something of it, whether the search led it to the edge of
        its support, and a note that says why there is no standard error where there is none.

        Raises:
          ImportError: if pandas is not installed.
        """
        rows = number_rows(self.estimates, self.not_identified, self.at_edge)
        reason = "a bound, see MeanField" if self.is_bound else "not asked for"
        for row in rows:
            is_fixed = row["parameter"].partition("[")[0] not in self.parameters
            if np.isnan(row["standard error"]) and not row["note"]:
                row["note"] = "fixed" if is_fixed else reason
        return frame(rows)

    def values(self) -> dict[str, np.ndarray]:
        """The estimates alone, by name."""
        return {name: estimate.value for name, estimate in self.estimates.items()}

    @checked
    def draws(self, num_draws: Count, seed: int = 0) -> dict[str, np.ndarray]:
        """Draws [N, ...] of the parameters by name, from their normal distribution in the
        unconstrained space. Those of which the log says nothing have their estimates.

        Raises:
          ValueError: for a number below 1, or where the fit has no uncertainty.
        """
        if not self.has_uncertainty:
            raise ValueError("uncertainty must not be None in a fit of which draws are taken")
        return draw_values(self.parameters, self.values(), self.covariance, num_draws, seed)

    @property
    def search(self) -> Search:
        """The search of the method."""
        assert self.method.search is not None
        return self.method.search

    @property
    def has_uncertainty(self) -> bool:
        """Tells whether the covariance of any parameter is known."""
        return not np.isnan(self.covariance).all()

    @checked
    def drawn(self, num_draws: int, num_users: Count, seed: int = 0) -> Simulator:
        """The simulator with `draws` of the parameters, so that what is simulated has their
        uncertainty too.

        Args:
          num_draws: N, at least 1.
          num_users: b of each draw. User d b + u of the N b users has draw d.
          seed: an integer.

        Raises:
          ValueError: for a number out of range, where the fit has no uncertainty, or for a
            parameter of documents, which do not belong to single users.
        """
        if of_documents := [name for name in self.parameters if name.startswith("documents.")]:
            raise ValueError(f"draws must be of parameters of users, got {', '.join(of_documents)}")
        values = self.draws(num_draws, seed)
        rows = {name: np.repeat(each, num_users, axis=0) for name, each in values.items()}
        return self.simulator.with_parameters(rows).replaced(num_users=num_draws * num_users)

    @property
    def conditional_log_likelihood(self) -> float:
        """The log-likelihood of what the training users did, a sum: of responses and departures,
        given what the log has of the users before. It compares models that differ in the
        distribution of a column of users.
        """
        return self.log_likelihood - self.known_log_density

    @property
    def held_out_conditional_log_likelihood(self) -> float | None:
        """The same of the held-out sessions, the mean over their steps; None without them."""
        if self.held_out_log_likelihood is None:
            return None
        return self.held_out_log_likelihood - (self.held_out_known_log_density or 0.0)

    @property
    def of_draws(self) -> str:
        """A sentence or two about the noise of draws that sum something out; "" where nothing is
        summed out by draws.
        """
        sentences = []
        if self.climbed_log_likelihood is not None:
            gap = self.climbed_log_likelihood - self.log_likelihood
            sentences.append(
                f"The log-likelihood is {self.log_likelihood:,.1f} under fresh draws,"
                f" {abs(gap):,.1f} {'below' if gap >= 0 else 'above'} that of the draws that the"
                " search climbed."
            )
        if self.effective_draws is not None:
            advice = (
                f", fewer than {FEWEST_EFFECTIVE_DRAWS}: give Draws() more draws"
                if self.has_few_draws
                else ""
            )
            sentences.append(
                f"The median session has {self.effective_draws:,.1f} effective draws{advice}."
            )
        return " ".join(sentences)

    @property
    def is_bound(self) -> bool:
        """Tells whether sessions have posteriors, so that the likelihood is a lower bound."""
        return bool(getattr(self.method, "has_posteriors", False))

    @property
    def of_errors(self) -> str:
        """A sentence or two about parameters without a standard error; "" where there is none."""
        sentences = []
        if self.is_bound:
            sentences.append(
                "MeanField() maximises a bound: it gives no standard errors, cannot tell which"
                " parameters the log identifies, and spreads of hidden draws come out too small."
                " Draws() has none of these faults."
            )
        if edges := ", ".join(named_elements(self.at_edge)):
            sentences.append(
                f"No standard error or interval has a meaning at the edge of the support: {edges}."
                " Those of other parameters hold these fixed."
            )
        return " ".join(sentences)

    @property
    def has_few_draws(self) -> bool:
        """Tells whether the median session has fewer than 10 effective draws, see `Draws`."""
        return self.effective_draws is not None and self.effective_draws < FEWEST_EFFECTIVE_DRAWS

    @property
    def ending(self) -> str:
        """The end of the search in words."""
        if self.diverged:
            return "diverged; the estimates are the last finite ones"
        if self.stopped_early:
            return "stopped early, when the held-out likelihood rose no more"
        ending = "converged" if self.converged else "did not converge"
        edges = ", ".join(named_elements(self.at_edge))
        return f"{ending}; at the edge of the support: {edges}" if edges else ending


@configurable(module="recsim_tf", denylist=["checkpoints"])
def fit(
    simulator: Simulator,
    parameters: Mapping[str, Parameter],
    log: Sessions,
    *,
    method: Method | None = None,
    held_out: float | Sessions | None = None,
    seed: int = 0,
    checkpoints: Checkpoints | None = None,
) -> FitResult:
    """Fits parameters of a simulator's models to logged sessions by maximum likelihood, or maximum
    a posteriori where they have priors.

    The fit maximises the log-probability of all draws of the users,
    `Simulator.log_prob(...).user`; slates and documents are given. Standard errors come from the
    observed information. Intervals are symmetric in the unconstrained parameter, or in the value
    where a bijector maps whole vectors. A parameter of which the log says nothing, alone or
    together with others, has no standard error and is named in `FitResult.not_identified`.
    Where the search leads a parameter to the edge of its support, as a spread to zero, it begins
    once more, with this parameter elsewhere inside; the better end counts. A parameter that is at
    the edge then is named in `FitResult.at_edge`. No fit converges there, since the gradient
    vanishes at an edge wherever the maximum is, and the parameter has no standard error.

    Where parameters or sessions have mean-field posteriors, the fit is variational inference: it
    maximises a lower bound on the log of the evidence. A posterior gives its parameter's standard
    error and interval.

    Args:
      simulator: the models, with the values of all parameters that are not fitted.
      parameters: by name, as {"users.choice_model.no_click_mass": Parameter(support="positive")}.
      log: the sessions, in memory or in pieces, or the result of a reader; () stands for draws of
        users that it lacks.
      method: the treatment of these draws, with the search and the source of standard errors:
        `Exact()`, `Classes()`, `Draws()`, `MeanField()`, `Particles()` or `Chains()`, as
        Draws(500, search=LBFGS(), uncertainty=None). None for the method that suits the log:
        `Exact()` where it lacks nothing, `Classes()` where it lacks a class of users, `Draws()`
        where it lacks other initial draws, as many as make their noise small beside the standard
        errors, and `Particles()` where it lacks innovations; see `default_method`.
      held_out: part of the sessions that is kept apart, in (0, 1); or other sessions; or None.
        `Minibatches` stops early by their likelihood, and only by that. With `Chains()` it is
        estimated by annealed importance, and no parameter may have a value for each session.
      seed: of minibatches, draws, starts and held-out sessions, an integer.
      checkpoints: where curves and checkpoints are written; None to write nothing.

    Raises:
      ValueError: for an argument out of range, a log that lacks other draws than the method treats,
        a search or an uncertainty that does not go with the method, a parameter on which the
        likelihood does not depend, or a start where the log-likelihood is not finite.
    """
    check_eager("fit")
    log = log_of("log", log, Sessions, "a Log or a LogStream")
    random.as_seed(seed)
    is_default = method is None
    method = default_method(simulator, log) if method is None else method
    others: Sessions | None
    train = log
    if held_out is None or isinstance(held_out, Log | Sessions):
        others = held_out
    else:
        train, others = log.split(held_out, seed)
    fitted = FittedSimulator(simulator, parameters)
    _check_parameters(simulator, parameters, train, others, method.by_session)
    search = method.search_of(fitted)
    method = dataclasses.replace(method, search=search)
    objective = method.objective(fitted, train, seed)
    of_others = None if others is None else method.of_new_users.objective(fitted, others, seed)
    information_of = method.information_of(objective)
    _check_start(objective)
    problem = Problem(objective, of_others, checkpoints or Checkpoints(), seed)
    start = fitted.flat()
    if problem.checkpoints.path is not None:
        of_log = {
            "log": digest_of(train),
            "held_out": None if others is None else digest_of(others),
            "seed": seed,
            "batch_size": objective.batch_size,
        }
        problem.checkpoints.begin(
            {**search.described(), **described(method), **_described_start(fitted), **of_log}
        )
    uncertainty = method.uncertainty
    confidence = _CONFIDENCE if uncertainty is None else uncertainty.confidence
    history: list[dict[str, float]] = []
    while True:
        best = restart_from_boundary(problem, search)
        history = joined(history, best.progress.history)
        climbed = objective.climbed()
        objective.adapt()
        edges = at_edge(objective, start)
        information = None
        if information_of is not None and not best.progress.diverged:
            information = information_of()
        fit_estimates = estimates(fitted, information, confidence, edges)
        is_final = not is_default or best.progress.diverged
        enlarged = None if is_final else method.enlarged()
        if enlarged is None:
            break
        by_more_draws = enlarged.objective(fitted, train, seed)
        error = error_in_standard_errors(by_more_draws, fit_estimates.covariance)
        if error <= _LARGEST_ERROR:
            break
        method, objective = enlarged, by_more_draws
        information_of = method.information_of(objective)
        if others is not None:
            of_others = method.of_new_users.objective(fitted, others, seed)
        problem = problem.in_folder("more")._replace(objective=objective, held_out=of_others)
    fresh = objective.under_fresh_draws()
    if of_others is not None:
        of_others.adapt()
    fitted_simulator = _with_estimates(simulator, fit_estimates)
    fitted_simulator.fitted_to = union(simulator.fitted_to, fingerprint(train))
    result = FitResult(
        simulator=fitted_simulator,
        estimates=fit_estimates.by_name,
        log_likelihood=fresh.log_likelihood,
        held_out_log_likelihood=(
            None
            if of_others is None
            else of_others.under_fresh_draws().log_likelihood / of_others.num_steps
        ),
        history=history,
        # No gradient tells of a maximum at an edge, where it vanishes.
        converged=best.progress.converged and not edges,
        stopped_early=best.progress.stopped_early,
        diverged=best.progress.diverged,
        not_identified=fit_estimates.not_identified,
        at_edge=edges,
        covariance=fit_estimates.covariance,
        parameters=dict(fitted.parameters),
        confidence=confidence,
        method=method,
        initial_draws=objective.initial_draws(),
        latents=objective.latents[:1].upper() + objective.latents[1:],
        known_log_density=objective.known_log_density(),
        held_out_known_log_density=(
            None if of_others is None else of_others.known_log_density() / of_others.num_steps
        ),
        climbed_log_likelihood=climbed,
        effective_draws=fresh.effective_draws,
    )
    if result.has_few_draws:
        warnings.warn(result.of_draws, stacklevel=4)
    return result


def described(method: Method) -> dict[str, Any]:
    """The name of a method and its options that change the estimates, as JSON can hold them."""
    left_out = ("search", "uncertainty", "jit_compile")
    options = (each.name for each in dataclasses.fields(method) if each.name not in left_out)
    return {
        "method": type(method).__name__,
        **{f"method.{name}": repr(getattr(method, name)) for name in options},
    }


def _described_start(fitted: FittedSimulator) -> dict[str, Any]:
    """The parameters before a search, with their supports and the log-density of their priors, as
    JSON can hold them.
    """
    return {
        "parameters": {name: list(np.shape(value)) for name, value in fitted.values().items()},
        "supports": {name: each.bijector.name for name, each in fitted.parameters.items()},
        "fixed": {name: value.tolist() for name, value in fitted.fixed.items()},
        "start": fitted.flat().tolist(),
        "log_prior": float(fitted.log_prior()),
    }


def _with_estimates(simulator: Simulator, fit_estimates: Estimates) -> Simulator:
    """The simulator with estimates as numbers. Raises a ValueError if the models do not allow
    them.
    """
    values = {name: estimate.value for name, estimate in fit_estimates.by_name.items()}
    try:
        return simulator.with_parameters(
            {name: value if np.ndim(value) else value.item() for name, value in values.items()}
        )
    except ValueError as error:
        raise ValueError(
            f"the search ended where the models do not allow it, {one_line(error)}: give the"
            f" parameter a support that keeps it within; the estimates are {values}"
        ) from error


def _check_parameters(
    simulator: Simulator,
    parameters: Mapping[str, Parameter],
    log: Sessions,
    held_out: Sessions | None,
    by_session: bool,
) -> None:
    """Raises a ValueError for probabilities that a search would lead off the simplex, and for a
    start that has more axes than its parameter, or no number. Where `by_session`, it may have an
    axis of the log's sessions, if none are held out.
    """
    for name, parameter in parameters.items():
        spec = simulator.parameter_spec(name)
        if spec.are_probabilities and not (
            parameter.fixed or parameter.bijector.forward_min_event_ndims
        ):
            raise ValueError(
                f"{name} holds probabilities that sum to one: its support must be a bijector to"
                f" them, as tfp.bijectors.SoftmaxCentered(), got {parameter.bijector.name}"
            )
        if parameter.start is None:
            continue
        shape, rank = np.shape(parameter.start), spec.rank
        is_of_sessions = by_session and len(shape) == rank + 1
        if is_of_sessions and held_out is not None:
            raise ValueError(
                "held_out must be None where a parameter has a value for each session, got those of"
                f" {name}"
            )
        if is_of_sessions and shape[0] == log.num_sessions:
            continue
        if len(shape) > rank or 0 in shape:
            raise ValueError(
                f"the start of {name} must be a number or have {rank} axes, got the shape"
                f" {list(shape)}"
            )


def _check_start(objective: Objective) -> None:
    """Raises a ValueError for sessions whose log-likelihood is not finite at the start, and for a
    parameter on which the likelihood does not depend.
    """
    fitted = objective.fitted
    value, gradients = objective.total()
    if not np.isfinite(value) and isinstance(objective, SessionsObjective):
        sessions = np.flatnonzero(~np.isfinite(objective.by_session()))
        if len(sessions):
            raise ValueError(
                f"the log-likelihood of {len(sessions):,} of {objective.num_sessions:,} sessions is"
                f" not finite at the start, the first of them session {sessions[0]}: start"
                " elsewhere, or look for draws that the models never make, such as the response 9"
                " to a slate of two"
            )
    gradient_of = zip(fitted.parameters, gradients, strict=False)
    idle = [name for name, gradient in gradient_of if not np.any(gradient)]
    if idle:
        start = {name: shown(fitted.values()[name].tolist()) for name in idle}
        at = ", ".join(f"{name} = {value}" for name, value in start.items())
        raise ValueError(
            f"{', '.join(idle)} {'does' if len(idle) == 1 else 'do'} not act on the likelihood of"
            f" this log, so cannot be fitted: the gradient is zero at {at}. Another start may do;"
            " a parameter that acts through a rule of departure alone needs a hazard, as a"
            " departure_temperature"
        )
