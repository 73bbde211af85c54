"""Trainers in JAX of other projects in an interest evolution that recsim_tf exported.

Run by `benchmarks/judges.py rejax purejaxrl` with an interpreter that has what
`benchmarks/judging/trainers.txt` names (nothing of recsim_tf is needed):

    python jax_ppo.py --trainer=rejax --environment=FOLDER --steps=4000000
    python jax_ppo.py --trainer=purejaxrl --program=purejaxrl/ppo.py --environment=FOLDER

rejax: its PPO, unchanged, with a network that scores each candidate with the same weights, as our
REINFORCE has. Rewards count in full to the end of a session. Observations have the counts of
`session_counts.py`.
purejaxrl: its `ppo.py` with its configuration, unchanged but for the name of the environment, which
is the folder.

The last line is JSON: the mean return of whole sessions in which the policy that was learned shows
its likeliest document, as our REINFORCE does, the standard error, the steps and the version. Exits
with status 3 where a library is missing.
"""

import argparse
import json
import sys
from collections.abc import Callable
from importlib import metadata
from pathlib import Path
from typing import Any

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

_NAME = "CartPole-v1"  # which PureJaxRL's script names
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


def by_rejax(environment: Any, key: jax.Array, steps: int) -> tuple[Any, Callable, int]:
    """Trains rejax's PPO; returns its environment, policy and number of steps."""
    counted = SessionCounts(environment)
    at_once = _PPO["num_envs"] * _PPO["num_steps"]
    steps = -(-steps // at_once) * at_once
    agent = rejax.PPO.create(env=counted, total_timesteps=steps, eval_freq=steps, **_PPO)
    actor = CandidateScores(environment.num_actions)
    agent = agent.replace(actor=actor, eval_callback=lambda *_: ())
    trained, _ = jax.jit(agent.train)(key)

    def act(observation, _):
        seen = agent.normalize_obs(trained.obs_rms_state, observation)[jnp.newaxis]
        return actor.apply(trained.actor_ts.params, seen, method="likeliest")[0]

    return counted, act, steps


def by_purejaxrl(environment: Any, script: Path, folder: str) -> tuple[Any, Callable, int]:
    """Runs PureJaxRL's `ppo.py` as a program, with the folder as the environment's name."""
    sys.path.insert(0, str(script.parent))
    gymnax.make = lambda name: {folder: (environment, environment.default_params)}[name]
    text = script.read_text().replace(json.dumps(_NAME), json.dumps(folder))
    program: dict[str, Any] = {"__name__": "__main__"}
    exec(compile(text, str(script), "exec"), program)
    config, parameters = program["config"], program["out"]["runner_state"][0].params
    network = program["ActorCritic"](environment.num_actions, activation=config["ACTIVATION"])

    def act(observation, _):
        return network.apply(parameters, observation)[0].mode()

    return environment, act, int(config["TOTAL_TIMESTEPS"])


def main() -> None:
    """Trains and evaluates what the command line names."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--trainer", choices=["rejax", "purejaxrl"], required=True)
    parser.add_argument("--environment", required=True, help="the folder of the environment")
    parser.add_argument("--program", type=Path, help="purejaxrl's ppo.py")
    parser.add_argument("--steps", type=int, default=4_000_000, help="of rejax, by one user each")
    parser.add_argument("--sessions", type=int, default=2048, help="of the evaluation")
    parser.add_argument("--seed", type=int, default=0)
    arguments = parser.parse_args()
    folder = arguments.environment
    sys.path.insert(0, folder)
    from environment import Environment
    from in_gymnax import GymnaxEnvironment

    environment = GymnaxEnvironment(Environment(folder))
    key, evaluation_key = jax.random.split(jax.random.key(arguments.seed))
    if arguments.trainer == "rejax":
        seen, act, steps = by_rejax(environment, key, arguments.steps)
    else:
        seen, act, steps = by_purejaxrl(environment, arguments.program, folder)
    _, returns = evaluate(
        act, evaluation_key, seen, seen.default_params, arguments.sessions, _LONGEST
    )
    result = {
        "mean_return": float(returns.mean()),
        "standard_error": float(returns.std() / arguments.sessions**0.5),
        "steps": steps,
        "version": metadata.version("rejax") if arguments.trainer == "rejax" else "a clone",
    }
    print(json.dumps(result))


if __name__ == "__main__":
    main()
