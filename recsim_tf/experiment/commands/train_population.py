"""Several runs of `recsim-tf train` as one program."""

import contextlib
import itertools
import time
from collections.abc import Callable, Iterator, Sequence
from typing import Any

from recsim_tf.evaluation.policy_results import PolicyResult
from recsim_tf.experiment.commands.train import TrainingRun
from recsim_tf.experiment.training.population_loop import PopulationLoop
from recsim_tf.support.progress import progress_bar
from recsim_tf.support.stopping import StoppedError, noting_signals


class PopulationRun:
    """Runs whose agents learn as one program, see `PopulationLoop`. Each has its own folder, which
    receives what `TrainingRun` writes, and goes on from its own checkpoint. Runs that a kill left
    at different iterations go on in one program for each iteration. The seconds of a run are its
    share of those of the program.

    Args:
      runs: have the same schedule and evaluation, environments that are the same, and agents that
        differ only in seeds and in settings of `MAY_DIFFER`.
    """

    def __init__(self, runs: Sequence[TrainingRun]):
        self._runs = list(runs)

    def run(self) -> list[dict[str, Any]]:
        """Trains all to the end.

        Returns:
          The content of results.json of each run.

        Raises:
          ValueError: for agents that cannot be members of one population.
          StoppedError, CorruptError, UsageError: see `TrainingRun`.
        """
        with contextlib.ExitStack() as stack:
            for run in self._runs:
                stack.enter_context(run.claimed())
            for group in self._groups():
                signal = _learn(group)
                if signal:
                    raise StoppedError(
                        "; ".join(str(run.stopped(signal)) for run in self._runs), signal
                    )
            return [run.conclude() for run in self._runs]

    def _groups(self) -> Iterator[list[TrainingRun]]:
        """The runs that are not at their end, by their state."""

        def state(run: TrainingRun) -> tuple[int, int]:
            return run.parts.iteration, int(run.parts.loop.replay.num_added())

        runs = [run for run in self._runs if run.parts.iteration < run.schedule.num_iterations]
        for _, group in itertools.groupby(sorted(runs, key=state), state):
            yield list(group)


def _learn(runs: Sequence[TrainingRun]) -> int:
    """Runs the remaining iterations of all; returns the signal that stopped them early, or 0."""
    first, schedule = runs[0], runs[0].schedule
    loop = PopulationLoop([run.parts.loop for run in runs])
    evaluate = _evaluator(runs)
    done = first.parts.iteration
    bar = progress_bar(
        total=schedule.num_iterations,
        initial=done,
        unit="it",
        desc=f"{len(runs)} {first.parts.agent.name}",
        dynamic_ncols=True,
        mininterval=1.0,
    )
    with contextlib.ExitStack() as stack:
        stop = stack.enter_context(noting_signals())
        stack.enter_context(bar)
        for run in runs:
            stack.enter_context(run.summaries())
        if loop.num_added() == 0:
            loop.collect(first.warmup)
            for run in runs:
                run.parts.loop.metrics.read_and_clear(1.0)
        if done == 0:
            for run in runs:
                run.log({}, evaluate(run))
        while done < schedule.num_iterations and not stop.signal:
            ahead = schedule.next_call(done)
            started = time.perf_counter()
            losses = loop.run(ahead)
            seconds = (time.perf_counter() - started) / len(runs)
            scalars = [
                run.scalars(ahead, seconds, loss) for run, loss in zip(runs, losses, strict=True)
            ]
            done = first.parts.iteration
            signal = stop.signal or 0
            is_judged = schedule.is_due(schedule.eval_interval, done)
            is_saved = bool(signal) or schedule.is_due(schedule.checkpoint_interval, done)
            if is_judged or is_saved:
                loop.store(frames=is_saved)
            for run, values in zip(runs, scalars, strict=True):
                run.log(values, evaluate(run) if is_judged else None)
                if is_saved:
                    run.save()
            bar.update(ahead)
            if signal:
                return signal
        return stop.signal or 0


def _evaluator(runs: Sequence[TrainingRun]) -> Callable[[TrainingRun], PolicyResult]:
    """A function that evaluates the served policy of a run. It is traced once, with the variables
    of the first run, which take the values of the others in turn.
    """
    variables = [list(run.parts.agent.policy.variables()) for run in runs]
    index = {id(run): number for number, run in enumerate(runs)}
    evaluate_first = runs[0].evaluator()

    def evaluate(run: TrainingRun) -> PolicyResult:
        before = [variable.numpy() for variable in variables[0]]
        try:
            for variable, value in zip(variables[0], variables[index[id(run)]], strict=True):
                variable.assign(value)
            return evaluate_first()
        finally:
            for variable, value in zip(variables[0], before, strict=True):
                variable.assign(value)

    return evaluate
