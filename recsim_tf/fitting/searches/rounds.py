"""Searches in rounds, between which the proposals of draws are adapted."""

from recsim_tf.fitting.searches.edges import restart_from_boundary, run_again, value_and_gradient
from recsim_tf.fitting.searches.folder import SearchState
from recsim_tf.fitting.searches.lbfgs import LBFGS
from recsim_tf.fitting.searches.search import Problem, Search

# A round that gains less, in nats, has not moved by more than 0.2 standard errors.
_SMALL_GAIN = 0.02
_MOST_ROUNDS = 6


def search_in_rounds(problem: Problem, search: Search) -> SearchState:
    """Runs a search and its restart. Where draws come from proposals that are adapted to the
    sessions, `LBFGS` begins again at the end, with proposals that are adapted there, until it stays
    where it is. The last state; its history is that of all rounds.
    """
    objective = problem.objective
    state = restart_from_boundary(problem, search)
    if not isinstance(search, LBFGS):
        objective.adapt()
        return state
    for number in range(1, _MOST_ROUNDS):
        if state.progress.diverged or not objective.adapt():
            break
        before, _ = value_and_gradient(objective, objective.fitted.flat())
        state = run_again(problem, search, f"round{number}", state)
        state.go_to_best()
        if state.progress.objective - before < _SMALL_GAIN:
            break
    return state
