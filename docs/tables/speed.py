# SPDX-License-Identifier: Apache-2.0
"""Tables of rates, of cores, of first calls and of programs for accelerators."""

from tables.table import Table

_ENVIRONMENTS = (
    *("Conversation-v0", "DriftingTaste-v0", "Ecosystem-v0", "EngagementBait-v0", "Feed-v0"),
    *("InterestEvolution-v1", "InterestExploration-v1", "KeyTerms-v0", "LongTermSatisfaction-v1"),
    *("News-v0", "PageClicks-v0", "ReturnVisits-v0"),
)

_LEARNING = "speed_learning/details/learning/@/*"
_TRAINED = {
    "user steps a CPU second": "{speed_learning/figures/learning/@/user_steps_per_cpu_second:,.0f}",
    "start, CPU s": f"{{median {_LEARNING}/start_cpu_seconds:.1f}}",
    "return at the end": f"{{mean {_LEARNING}/return:.1f}}",
    "MB": f"{{median {_LEARNING}/peak_mb:,.0f}}",
}
_SIZES = ("16384", "131072", "1048576")
_CUDA = "accelerator_compile_cuda/details/compile/programs/cuda/rollout @"
_TPU = "accelerator_compile_tpu*/details/compile/programs/tpu/rollout @"
_AGENTS = "accelerator_compile_interest_evolution/details/compile/programs"
_INSTRUCTIONS = "{%s/step_instructions} ({%s/step_tiny})"
_TRAINERS = "{median accelerator_trainers_%s/details/compile/programs/%s/@*/%s:,.0f}"
_PEERS = "{speed_peers/figures/@/%s/user_steps_per_cpu_second / 1e6:.2f}"
_CORES = "{speed_cores/figures/cores/@/%s/user_steps_per_second / 1e6:.2f}"

SPEED = {
    "ratios": Table(
        "recsim_tf against",
        {
            "RecSim, interest evolution, large batches": "peers/figures/iev_vs_recsim",
            "RecSim, the same with 32 users": "peers/figures/iev32_vs_recsim",
            "RecSim, interest exploration": "peers/figures/InterestExploration-v1_vs_recsim",
            "RecSim, long-term satisfaction": "peers/figures/LongTermSatisfaction-v1_vs_recsim",
            "RecSim, SlateQ in training": "training/figures/slateq_vs_recsim",
            "RecSim, one-step SlateQ in training": "training/figures/slateq_one_step_vs_recsim",
            "RecSim, tabular Q in training": "training/figures/tabular_q_vs_recsim",
            "RecSim, full-slate Q in training": "training/figures/full_slate_q_vs_recsim",
            "JAX, idiomatic, each at its best batch size": "peers/figures/iev_vs_jax",
            "JAX, tuned": "peers/figures/iev_vs_jax_tuned",
            "JAX, idiomatic, SlateQ": "learning/figures/learning.vs_jax_idiomatic",
            "JAX, tuned, SlateQ": "learning/figures/learning.vs_jax_tuned",
            "JAX, idiomatic, REINFORCE": "learning/figures/learning.reinforce_vs_jax_idiomatic",
            "JAX, tuned, REINFORCE": "learning/figures/learning.reinforce_vs_jax",
            "RecSim NG, idiomatic, large batches": "peers/figures/iev_vs_recsim_ng",
            "RecSim NG, tuned": "peers/figures/iev_vs_recsim_ng_tuned",
        },
        {"times as fast": "{speed_@}"},
    ),
    "rates": Table(
        "interest evolution, 3 of 10",
        {
            "recsim_tf, XLA": "InterestEvolution-v1",
            "JAX, idiomatic": "jax/idiomatic",
            "JAX, tuned": "jax/tuned",
            "RecSim NG, idiomatic": "recsim_ng/idiomatic",
            "RecSim NG, tuned": "recsim_ng/tuned",
        },
        {
            "32 users": _PEERS % 32,
            "1,024 users": _PEERS % 1024,
            "16,384 users": _PEERS % 16384,
        },
    ),
    "learning": Table(
        "SlateQ, 1,000 iterations",
        {
            "recsim_tf, graph mode": "recsim_tf",
            "recsim_tf, XLA": "recsim_tf, XLA",
            "JAX, tuned": "JAX, tuned",
            "JAX, idiomatic": "JAX, idiomatic",
        },
        _TRAINED
        | {
            "training to a return of 270, CPU s": (
                f"{{median {_LEARNING}/reached/training_cpu_seconds:.2f}}"
            )
        },
    ),
    "learning_reinforce": Table(
        "REINFORCE, 150 iterations",
        {
            "recsim_tf, graph mode": "REINFORCE",
            "recsim_tf, XLA": "REINFORCE, XLA",
            "JAX, tuned": "REINFORCE in JAX, tuned",
            "JAX, idiomatic": "REINFORCE in JAX, idiomatic",
        },
        _TRAINED,
    ),
    "h100": Table(
        "H100, of a step",
        {name: name for name in _ENVIRONMENTS},
        {
            header: f"{{{_CUDA} {size}/{leaf}}}"
            for size, users in zip(_SIZES, ("2^14 users", "2^17", "2^20"), strict=True)
            for header, leaf in (
                (f"{users}: kernels", "step_instructions"),
                (f"{users}: µs", "step_microseconds"),
            )
        }
        | {"bytes a user": f"{{{_CUDA} 1048576/temporary_bytes / 1048576:,.0f}}"},
    ),
    "tpu": Table(
        "TPU v5e, of a step",
        {name: name for name in _ENVIRONMENTS},
        {
            header: f"?{{median {_TPU} {size}/{leaf}:,.0f}}"
            for size, users in zip(_SIZES, ("2^14 users", "2^17", "2^20"), strict=True)
            for header, leaf in (
                (f"{users}: thousands of cycles", "step_cycles / 1e3"),
                (f"{users}: MB", "step_padded_megabytes"),
            )
        }
        | {"bytes a user": f"?{{median {_TPU} 1048576/temporary_bytes / 1048576:,.0f}}"},
    ),
    "agents_on_accelerators": Table(
        "",
        {
            "a collected step of SlateQ, 2,048 users": "SlateQ_collect",
            "a collected step of REINFORCE, 256 users": "REINFORCE_collect",
            "a train step of SlateQ": "SlateQ_train",
            "a train step of REINFORCE": "REINFORCE_train",
        },
        {
            "H100": _INSTRUCTIONS % ((f"{_AGENTS}/cuda/@",) * 2),
            "TPU v5e": _INSTRUCTIONS % ((f"{_AGENTS}/tpu/@",) * 2),
        },
    ),
    "trainers_on_accelerators": Table(
        "an iteration, and its user steps",
        {
            "our SlateQ, 2,048": "SlateQ_learn",
            "our REINFORCE, 25,600": "REINFORCE_learn",
            "rejax's PPO, 65,536": "rejax_PPO",
            "PureJaxRL's `ppo.py`, 512": "PureJaxRL_PPO",
            "PureJaxRL's `dqn.py`, 10": "PureJaxRL_DQN",
        },
        {
            "H100: kernels": _TRAINERS % ("cuda", "cuda", "step_instructions"),
            "H100: µs of XLA's model": _TRAINERS % ("cuda", "cuda", "step_microseconds"),
            "TPU v5e: instructions": _TRAINERS % ("tpu", "tpu", "step_instructions"),
            "TPU v5e: thousands of cycles": _TRAINERS % ("tpu", "tpu", "step_cycles / 1e3"),
            "TPU v5e: MB written": _TRAINERS % ("tpu", "tpu", "step_megabytes"),
        },
    ),
    "cores": Table(
        "",
        {
            "64 shards of 2,048 users, XLA": "two_cores",
            "an eager rollout of as many users, every draw kept": "two_cores_eager",
            "an evaluation of 5,000 users in 10 parts, graph mode": "two_cores_evaluate",
            "likelihood and gradient of 12,000 sessions, by 1,000, graph mode": "two_cores_fit",
            "512 shards of 2,048 users, XLA": "large",
            "one shard of an eighth as many users as 64 have, XLA": "best",
            "one shard of as many users as 64 have, XLA": "one shard",
        },
        {
            "one core": _CORES % "one",
            "two cores": "?" + _CORES % "two",
            "ratio": "?{speed_cores/figures/@:.2f}",
        },
    ),
    "first_call": Table(
        "",
        {name: name for name in _ENVIRONMENTS},
        {
            "graph mode": "{speed_first_call/figures/first_call_graph_s/@:.1f}",
            "XLA": "{speed_first_call/figures/first_call_s/@:.1f}",
        },
    ),
}
