# %% [markdown]
# # A sweep
#
# Two clocks of SlateQ's horizon with two seeds each, as processes side by side. The folder gets
# tables and plots. After an interruption, run it again: it goes on.

# %%
import sys

import matplotlib.pyplot as plt
from recsim_tf.experiment.sweeps import run_sweep

QUICK, FOLDER = "--quick" in sys.argv, "runs/examples/sweep"
NUM_ITERATIONS = 4 if QUICK else 250

# %%
trial = (
    "experiment.num_users = 512",
    "Iteration.batch_size = 50",
    "Iteration.replay_length = 101",
    "experiment.baselines = ('random',)",
    f"train.num_iterations = {NUM_ITERATIONS}",
    f"CosineDecay.decay_steps = {NUM_ITERATIONS}",
    "train.log_interval = 50",
    "train.eval_interval = 50",
    "Evaluation.num_users = 1000",
)
result = run_sweep(
    FOLDER,
    "sweeps/quickstart.gin",  # a grid over SlateQTargets.clock
    [f"sweep.gin_bindings = {trial}", "sweep.seeds = (0, 1)"],
)

# %% Thin lines are seeds.
figure, axes = plt.subplots(figsize=(7, 4))
for number, variant in enumerate(result.variants):
    for seed, found in enumerate(variant.finished):
        iterations = [row["iteration"] for row in found.curve]
        returns = [row["AverageEpisodeRewards/eval"] for row in found.curve]
        label = variant.variant.label if seed == 0 else None
        axes.plot(iterations, returns, f"C{number}", alpha=0.7, label=label)
for name, value in result.baselines.items():
    axes.axhline(value, color="black", linestyle=":", label=name)
axes.set(xlabel="iteration", ylabel="return of a session")
axes.grid(alpha=0.3)
axes.legend()
figure.savefig(f"{FOLDER}/sweep.png", dpi=120)
