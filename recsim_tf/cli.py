"""The `recsim-tf` command: train, evaluate, simulate, fit, sweep."""

import signal
import sys
import warnings

from absl import app, flags, logging

_ROOT_DIR = flags.DEFINE_string(
    "root_dir", None, "Folder of the run; created if it does not exist."
)
_GIN_FILE = flags.DEFINE_multi_string(
    "gin_file", [], "Gin file: a path or the name of a packaged config. May be repeated."
)
_GIN_BINDINGS = flags.DEFINE_multi_string(
    "gin_bindings", [], "Gin binding, such as 'train.num_iterations=100'. May be repeated."
)
_EXPLAIN = flags.DEFINE_bool(
    "explain",
    False,
    "evaluate: also print a few slates with values, click probabilities and what the user did.",
)
_WATCH = flags.DEFINE_bool(
    "watch",
    False,
    "evaluate: evaluate the agent at every new checkpoint while another process trains; see"
    " evaluations.jsonl in the run's folder.",
)
_WATCH_TIMEOUT = flags.DEFINE_float(
    "watch_timeout",
    3600.0,
    "evaluate --watch: seconds without a new checkpoint after which it ends.",
)
_EPISODE_LOG = flags.DEFINE_string(
    "episode_log", None, "simulate: also write sessions into this new TFRecord file."
)

_SWEEP_FILE = flags.DEFINE_string(
    "sweep_file", None, "sweep: gin file of the sweep, a path or the name of a packaged sweep."
)
_ENGINE = flags.DEFINE_string(
    "engine",
    "local",
    "sweep: what runs the trials: local, processes on this machine, or ray, Ray Tune.",
)
_RAY_ADDRESS = flags.DEFINE_string(
    "ray_address",
    None,
    "sweep --engine=ray: HOST:PORT of a Ray cluster, instead of Ray on this machine.",
)
_SHARD = flags.DEFINE_string(
    "shard", None, "sweep: i/n runs the trials whose index leaves i when divided by n."
)
_DRY_RUN = flags.DEFINE_bool("dry_run", False, "sweep: list the trials, and do nothing.")

_COMMANDS = {
    "train": "train an agent, or go on with a run: --root_dir and --gin_file",
    "evaluate": (
        "evaluate the agent of a run, and its baselines: --root_dir; sessions go to"
        " evaluations/sessions-ITERATION.csv in it"
    ),
    "simulate": (
        "simulate sessions under a fixed policy, also with several Evaluation.values at once:"
        " --root_dir and --gin_file"
    ),
    "fit": "fit user models to a log, or go on with a fit: --root_dir and --gin_file",
    "sweep": (
        "train variants with seeds, or go on with that: --root_dir and --sweep_file [--dry_run]"
        " [--engine=local|ray] [--shard=i/n]"
    ),
}


def _usage() -> str:
    commands = "\n".join(f"  {name:<10} {text}" for name, text in _COMMANDS.items())
    options = (
        "--root_dir=DIR [--gin_file=FILE ...] [--gin_bindings=BINDING ...] [--explain] [--watch]"
        " [--episode_log=FILE]"
    )
    return f"usage: recsim-tf COMMAND {options}\n{commands}"


def _import_experiment(command: str):
    """Imports what the command needs: all but fits need TF-Agents."""
    logging.set_verbosity(logging.ERROR)
    warnings.filterwarnings("ignore")
    if command != "fit":
        from recsim_tf.experiment import simulate  # noqa: F401
        from recsim_tf.experiment.training import train  # noqa: F401
    from recsim_tf.experiment import config
    from recsim_tf.experiment.runs import errors, folder

    return config, errors, folder


def _run(argv: list[str]) -> int:
    if len(argv) != 2 or argv[1] not in _COMMANDS:
        print(_usage(), file=sys.stderr)
        return 2
    command = argv[1]
    try:
        config, errors, run_dir = _import_experiment(command)
    except ModuleNotFoundError as error:
        extra = "fitting]" if command == "fit" else "agents] (on Python 3.11)"
        return _fail(f"recsim-tf {command} needs {error.name}: install recsim-tf[{extra}")
    try:
        if _ROOT_DIR.value is None:
            raise errors.UsageError("--root_dir must name the folder of the run")
        if _EPISODE_LOG.value is not None and command != "simulate":
            raise errors.UsageError(f"--episode_log is an option of simulate, not of {command}")
        if _WATCH.value and (command != "evaluate" or _EXPLAIN.value):
            raise errors.UsageError(
                "--watch is an option of evaluate without --explain, got"
                f" {command}{' --explain' * _EXPLAIN.value}"
            )
        _check_sweep_options(errors, command)
        if command == "evaluate":
            return _evaluate(config, errors, run_dir)
        if command == "sweep":
            return _sweep(config, errors)
        if not _GIN_FILE.value and not _GIN_BINDINGS.value:
            raise errors.UsageError(
                "--gin_file must name a config, such as one of"
                f" {', '.join(config.packaged_configs())}"
            )
        folder = run_dir.RunDirectory(
            _ROOT_DIR.value, config.load(_GIN_FILE.value, _GIN_BINDINGS.value)
        )
        _COMMANDS_OF_CONFIGS[command](folder)
        return 0
    except errors.StoppedError as stopped:
        print(
            f"recsim-tf: {errors.one_line(stopped)}; run the same command to go on", file=sys.stderr
        )
        return 128 + stopped.signal
    except KeyboardInterrupt:
        print(f"recsim-tf: {command} was interrupted; run the same command again", file=sys.stderr)
        return 128 + signal.SIGINT
    except (ValueError, TypeError, RuntimeError, OSError) as error:
        return _fail(errors.one_line(error))


def _train(folder) -> None:
    from recsim_tf.experiment.training import train

    train.train(folder)


def _simulate(folder) -> None:
    from recsim_tf.experiment import simulate

    simulate.simulate(folder, episode_log=_EPISODE_LOG.value)


def _fit(folder) -> None:
    from recsim_tf.experiment import fitting

    fitting.run_fit(folder)


_COMMANDS_OF_CONFIGS = {"train": _train, "simulate": _simulate, "fit": _fit}


def _evaluate(config, errors, run_dir) -> int:
    from recsim_tf.experiment.evaluation import evaluate_sweep, report, sessions, watch
    from recsim_tf.experiment.evaluation import evaluation as evaluate
    from recsim_tf.experiment.training import train

    folder = run_dir.RunDirectory(_ROOT_DIR.value)
    config.load([str(folder.config_file), *_GIN_FILE.value], _GIN_BINDINGS.value)
    parts = train.experiment()
    evaluation = evaluate.Evaluation()
    if _WATCH.value:
        if not watch.watch(
            folder, parts, evaluation, watch.configured_iterations(), _WATCH_TIMEOUT.value
        ):
            raise errors.UsageError(
                f"root_dir {_ROOT_DIR.value} had no checkpoint within"
                f" --watch_timeout={_WATCH_TIMEOUT.value:g} seconds"
            )
        return 0
    if _EXPLAIN.value and (
        not hasattr(parts.agent, "action_values") or parts.policy is not parts.agent.policy
    ):
        layers = "" if parts.policy is parts.agent.policy else " above layers"
        raise errors.UsageError(
            "--explain needs an agent that values items, as SlateQ, without layers, got"
            f" {parts.agent.name}{layers}"
        )
    if not folder.restore_latest(parts.agent_checkpoint, whole=False):
        raise errors.UsageError(f"root_dir {_ROOT_DIR.value} has no checkpoint to evaluate")
    if evaluation.sweep is not None:
        results = evaluate_sweep.evaluate_sweep(folder, parts, evaluation, evaluation.sweep)
    else:
        results = evaluate.evaluate_all(
            evaluation, parts.simulator, parts.baselines, parts.agent.name, parts.policy
        )
    print(report.results_table(results))
    if _EXPLAIN.value:
        print(evaluate.explain(parts.simulator, parts.agent))
    if evaluation.sweep is None:
        sessions.write_sessions(
            folder.path / "evaluations" / f"sessions-{int(parts.progress.iteration)}.csv", results
        )
    return 0


def _check_sweep_options(errors, command: str) -> None:
    options = (_SWEEP_FILE, _ENGINE, _RAY_ADDRESS, _SHARD, _DRY_RUN)
    if command != "sweep" and (given := [option.name for option in options if option.present]):
        raise errors.UsageError(f"--{given[0]} is an option of sweep, not of {command}")


def _sweep(config, errors) -> int:
    from recsim_tf.experiment.sweeps import files, folder, run

    assert _ROOT_DIR.value is not None
    if _GIN_FILE.value:
        raise errors.UsageError(
            "--gin_file is not an option of sweep: name files of its trials by sweep.gin_files in"
            " the --sweep_file"
        )
    if _SWEEP_FILE.value is None:
        raise errors.UsageError(
            f"--sweep_file must name a sweep, such as one of {', '.join(config.packaged_sweeps())}"
        )
    result = run.run_sweep(
        _ROOT_DIR.value,
        _SWEEP_FILE.value,
        _GIN_BINDINGS.value,
        engine=_ENGINE.value,
        ray_address=_RAY_ADDRESS.value,
        shard=folder.Shard() if _SHARD.value is None else folder.Shard.parse(_SHARD.value),
        dry_run=_DRY_RUN.value,
    )
    return int(result is not None and any(trial.status == files.FAILED for trial in result.trials))


def _fail(message: str) -> int:
    print(f"recsim-tf: error: {message}", file=sys.stderr)
    return 2


def main() -> None:
    """Entry point of the command."""
    app.run(_run, flags_parser=lambda argv: flags.FLAGS(argv))


if __name__ == "__main__":
    main()
