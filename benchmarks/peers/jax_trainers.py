# SPDX-License-Identifier: Apache-2.0
"""Trainers in JAX of other projects in an interest evolution that recsim_tf exported.

`benchmarks/judges.py rejax purejaxrl` runs this script with an interpreter that has what
`benchmarks/judging/trainers.txt` names. It needs nothing of recsim_tf:

    python jax_trainers.py --trainer=rejax --environment=FOLDER --steps=4000000
    python jax_trainers.py --trainer=purejaxrl --program=purejaxrl/dqn.py --environment=FOLDER
    python jax_trainers.py --trainer=rejax --environment=FOLDER --lower=FILE.mlir --for=tpu

rejax: its PPO, unchanged, with a network that scores each candidate with the same weights, as our
REINFORCE has. Rewards count in full to the end of a session. Observations have the counts of
`session_counts.py`.
purejaxrl: the training of its `ppo.py` or `dqn.py` with the configuration of the script, unchanged
but for the name of the environment, which is the folder.

The last line is JSON: the mean return of whole sessions in which the policy that was learned shows
its likeliest or best document, as our REINFORCE does, its standard error, the number of steps and
the version.
With --lower nothing is trained: the file gets the StableHLO of the training, the environment in it,
for `benchmarks/accelerator.py compile --file`. Exits with status 3 where a library is missing.
"""

import argparse
import ast
import json
import runpy
import sys
from collections.abc import Callable
from importlib import metadata
from pathlib import Path
from typing import Any, NamedTuple

import interest_evolution as evolution

try:
    import distrax
    import gymnax
    import jax
    import jax.numpy as jnp
    import rejax
    from flax import linen as nn
    from rejax.evaluate import evaluate
    from session_counts import SessionCounts
except ImportError as error:
    print(f"{type(error).__name__}: {error}", file=sys.stderr)
    sys.exit(evolution.MISSING)

_LONGEST = 1000  # steps of a session that is evaluated; none is so long
_PPO = {
    "num_envs": 512,
    "num_steps": 128,
    "num_epochs": 4,
    "num_minibatches": 8,
    "learning_rate": 1e-3,
    "gamma": 1.0,
    "gae_lambda": 0.99,
    "ent_coef": 0.0,
    "normalize_observations": True,
    "normalize_rewards": True,
    "skip_initial_evaluation": True,
}


class CandidateScores(nn.Module):
    """A policy over the candidates, in the form that rejax's PPO asks of an actor.

    The logit of a candidate is a perceptron on its document and on the rest of the observation.
    """

    num_candidates: int
    hidden_units: int = 64

    def setup(self):
        self.of_document, self.of_session = nn.Dense(self.hidden_units), nn.Dense(self.hidden_units)
        self.logit = nn.Dense(1, kernel_init=nn.initializers.orthogonal(0.01))

    def logits(self, observation):
        rest = observation.shape[1] - self.num_candidates * evolution.NUM_TOPICS
        session, documents = jnp.split(observation, [rest], axis=1)
        documents = documents.reshape(-1, self.num_candidates, evolution.NUM_TOPICS)
        hidden = self.of_document(documents) + self.of_session(session)[:, jnp.newaxis]
        return self.logit(nn.swish(hidden))[..., 0]

    def likeliest(self, observation):
        return jnp.argmax(self.logits(observation), axis=1)

    def action_log_prob(self, observation, rng):
        distribution = distrax.Categorical(self.logits(observation))
        action = distribution.sample(seed=rng)
        return action, distribution.log_prob(action)

    def log_prob_entropy(self, observation, action):
        distribution = distrax.Categorical(self.logits(observation))
        return distribution.log_prob(action), distribution.entropy()

    def __call__(self, observation, rng):
        return self.action_log_prob(observation, rng)


class Trainer(NamedTuple):
    """A trainer of an environment of gymnax."""

    environment: Any  # with the observations that the policy reads
    train: Callable[[jax.Array], Any]  # from a key to what was learned
    loop: Callable[[jax.Array], Any]  # a loop over updates, which is what a compiler is given
    policy: Callable[[Any], Callable]  # from what was learned to a function (observation, key)
    steps: int


def by_rejax(environment: Any, steps: int) -> Trainer:
    """rejax's PPO, which trains for at least so many steps."""
    counted = SessionCounts(environment)
    at_once = _PPO["num_envs"] * _PPO["num_steps"]
    steps = -(-steps // at_once) * at_once
    agent = rejax.PPO.create(env=counted, total_timesteps=steps, eval_freq=steps, **_PPO)
    actor = CandidateScores(environment.num_actions)
    agent = agent.replace(actor=actor, eval_callback=lambda *_: ())

    def policy(trained):
        def act(observation, _):
            seen = agent.normalize_obs(trained.obs_rms_state, observation)[jnp.newaxis]
            return actor.apply(trained.actor_ts.params, seen, method="likeliest")[0]

        return act

    return Trainer(
        counted,
        lambda key: agent.train(key)[0],
        lambda key: jax.lax.fori_loop(
            0, 2, lambda _, state: agent.train_iteration(state), agent.init_state(key)
        ),
        policy,
        steps,
    )


def by_purejaxrl(environment: Any, script: Path, folder: str) -> Trainer:
    """A script of PureJaxRL, whose environment has the folder as its name."""
    gymnax.make = lambda name: {folder: (environment, environment.default_params)}[name]
    # JAX has removed the first name, which dqn.py uses.
    jax.tree_map = jax.tree.map
    sys.path.insert(0, str(script.parent))
    program = runpy.run_path(str(script))
    config = _configuration(script) | {"ENV_NAME": folder}
    is_dqn = "QNetwork" in program

    def policy(trained):
        parameters = trained["runner_state"][0].params
        if is_dqn:
            network = program["QNetwork"](environment.num_actions)
            return lambda observation, _: jnp.argmax(network.apply(parameters, observation))
        network = program["ActorCritic"](environment.num_actions, activation=config["ACTIVATION"])
        return lambda observation, _: network.apply(parameters, observation)[0].mode()

    return Trainer(
        environment,
        program["make_train"](config),
        # Without the lines that a compiler of a device that is not there cannot print.
        program["make_train"](config | {"DEBUG": False}),
        policy,
        int(config["TOTAL_TIMESTEPS"]),
    )


def _configuration(script: Path) -> dict[str, Any]:
    """The dictionary that a script of PureJaxRL names `config`."""
    for node in ast.walk(ast.parse(script.read_text())):
        if isinstance(node, ast.Assign) and ast.unparse(node.targets[0]) == "config":
            return ast.literal_eval(node.value)
    raise ValueError(f"{script} must assign a dictionary to config")


def main() -> None:
    """Trains and evaluates what the command line names, or lowers it."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--trainer", choices=["rejax", "purejaxrl"], required=True)
    parser.add_argument("--environment", required=True, help="the folder of the environment")
    parser.add_argument("--program", type=Path, help="purejaxrl's ppo.py or dqn.py")
    parser.add_argument("--steps", type=int, default=4_000_000, help="of rejax, by one user each")
    parser.add_argument("--sessions", type=int, default=2048, help="of the evaluation")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--lower", type=Path, help="a file for the StableHLO of the training")
    parser.add_argument("--for", dest="platform", choices=["cpu", "cuda", "tpu"], default="cpu")
    arguments = parser.parse_args()
    folder = arguments.environment
    sys.path.insert(0, folder)
    from environment import Environment
    from in_gymnax import GymnaxEnvironment

    environment = GymnaxEnvironment(Environment(folder))
    if arguments.trainer == "rejax":
        trainer = by_rejax(environment, arguments.steps)
    else:
        trainer = by_purejaxrl(environment, arguments.program, folder)
    key, evaluation_key = jax.random.split(jax.random.PRNGKey(arguments.seed))
    if arguments.lower:
        lowered = jax.jit(trainer.loop).trace(key).lower(lowering_platforms=(arguments.platform,))
        arguments.lower.write_text(lowered.as_text())
        return
    policy = trainer.policy(jax.jit(trainer.train)(key))
    seen = trainer.environment
    _, returns = evaluate(
        policy, evaluation_key, seen, seen.default_params, arguments.sessions, _LONGEST
    )
    result = {
        "mean_return": float(returns.mean()),
        "standard_error": float(returns.std() / arguments.sessions**0.5),
        "steps": trainer.steps,
        "version": metadata.version("rejax") if arguments.trainer == "rejax" else "a clone",
    }
    print(json.dumps(result))


if __name__ == "__main__":
    main()
