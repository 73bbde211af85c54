# SPDX-License-Identifier: Apache-2.0
"""Words and phrases that readers type into the search of the site, by the place that they look for.

`website.py` makes index entries of them, and `search.js` finds them by their words, in any order.
"""

# A place is a page, or a page and one of its headings.
WORDS = {
    "README.md#Install": "requirements, operating system, Windows, macOS, Linux",
    "README.md#Environments": "built-in environments",
    "README.md#Results": "benchmark, benchmarks, results",
    "README.md#Cite": "cite, citation, bibtex, licence, license, paper",
    "docs/start.md": (
        "start, getting started, quickstart, quick start, tutorial, first steps, beginner,"
        " introduction"
    ),
    "docs/start.md#Install": (
        "install, installation, pip install, PyPI, Python version, setup, dependencies, extras"
    ),
    "docs/start.md#Simulate": "simulate, simulation, simulator",
    "docs/start.md#Take a gradient": "gradient, gradients, differentiable simulator",
    "docs/environments.md": "environments, list of environments, make, benchmark environments",
    "docs/environments.md#What is hard in some of them": (
        "cold start, cold-start problem, new items, popularity bias, position bias, click models,"
        " cascade model, position-based model, PBM, fairness, provider fairness, creators,"
        " clickbait, long-term satisfaction, ecosystem"
    ),
    "docs/environments.md#What the best policy earns": (
        "optimal policy, upper bound, best possible return, oracle, regret"
    ),
    "docs/environments.md#Simulate": "rollout, fold, step, reset",
    "docs/environments.md#Read a trajectory": "trajectory, observation, states of users, replay",
    "docs/environments.md#How likely was it?": "log_prob, log probability, likelihood",
    "docs/environments.md#What is shown of the corpus": (
        "coverage, diversity, exposure, Gini, metrics of the corpus, fairness metrics, CTR,"
        " click-through rate"
    ),
    "docs/own_environment.md": (
        "custom environment, own environment, custom user model, user model, document model"
    ),
    "docs/own_environment.md#What the methods give": (
        "shapes, methods of a user model, departure, users who leave"
    ),
    "docs/own_environment.md#What a model may do": (
        "per_user, rank, callbacks, Catalogue, item catalogue, missing values, NaN, mask"
    ),
    "docs/own_environment.md#A reward of your own": (
        "custom reward function, reward, reward_fn, reward shaping"
    ),
    "docs/own_environment.md#Ratings, dwell times and purchases": (
        "choice model, custom choice model, response model, multinomial logit, ratings, dwell time,"
        " watch time, purchases, conversion, engagement, multiple clicks"
    ),
    "docs/own_environment.md#Simulate and train from the command line": (
        "custom metric, own metric, segments of users"
    ),
    "docs/policies.md": "policy, policies, custom policy, own policy, baselines, heuristics",
    "docs/policies.md#What there is": (
        "bandits, multi-armed bandits, UCB, UCB1, KL-UCB, Thompson sampling, LinUCB, greedy,"
        " epsilon-greedy, exploration, random policy, myopic policy"
    ),
    "docs/policies.md#A policy that learns, without TF-Agents": (
        "policy without TF-Agents, training without TF-Agents"
    ),
    "docs/policies.md#Gradients of the return": (
        "policy gradient, score function, REINFORCE estimator, Gumbel softmax, relaxation"
    ),
    "docs/policies.md#Say why": "explanations, explain recommendations, interpretability",
    "docs/training.md": "train in Python, training loop, notebook, Jupyter, Colab",
    "docs/training.md#Save and go on": "save an agent, load an agent, resume in Python",
    "docs/agents.md": "agents, reinforcement learning, RL agents, train an agent, algorithms",
    "docs/agents.md#Bindings": (
        "contextual bandits, TF-Agents bandits, DQN, SlateQ, Q-learning, REINFORCE, learning rate,"
        " optimizer, two towers, network size, actor-critic"
    ),
    "docs/agents.md#A network of your own": "custom network, Keras model, neural network",
    "docs/agents.md#Layers": "layers, hierarchical agents, wrappers",
    "docs/agents.md#Memory": "memory of an agent, RNN, LSTM, GRU, recurrent network, POMDP",
    "docs/agents.md#TF-Agents": "TF-Agents, PyEnvironment, TFEnvironment",
    "docs/agents.md#An agent of your own": "custom agent, own agent",
    "docs/runs.md": "command line, CLI, recsim-tf command",
    "docs/runs.md#Configuration": (
        "configuration, config, gin, gin bindings, settings, seed, random seed, batch size"
    ),
    "docs/runs.md#The folder of a run": (
        "checkpoints, results.json, TensorBoard, logging, output folder, learning curve,"
        " SavedModel, export a policy, serving"
    ),
    "docs/runs.md#Evaluate and simulate": "evaluate, evaluation, evaluate a policy",
    "docs/runs.md#Values on the user axis": "sensitivity analysis, compare parameters",
    "docs/runs.md#Compare runs": (
        "compare runs, compare policies, A/B test, A/B testing, significance, confidence interval,"
        " sample size"
    ),
    "docs/runs.md#Look at sessions": "look at sessions, inspect sessions, visualize, plot, render",
    "docs/runs.md#Sweeps": (
        "sweeps, hyperparameters, hyperparameter tuning, hyperparameter search, grid search,"
        " random search, several seeds"
    ),
    "docs/runs.md#More machines": "Ray, Ray Tune, cluster, ASHA",
    "docs/runs.md#More users, values and devices": (
        "GPU, GPUs, TPU, scale, scaling, parallel, large simulations, many users, CUDA"
    ),
    "docs/runs.md#Speed": "speed, fast, faster, slow, XLA, JIT, jit_compile, performance",
    "docs/runs.md#Training on several devices": (
        "multi-GPU training, several GPUs, distributed training, multi worker, TF_CONFIG"
    ),
    "docs/fitting.md": (
        "fit, fitting, fit to logs, calibration, estimate parameters, learn user model,"
        " system identification"
    ),
    "docs/fitting.md#Parameters": "priors, parameters, hierarchical model, support of a parameter",
    "docs/fitting.md#Missing values and hidden draws": (
        "missing data, hidden variables, latent variables, mean-field, variational inference,"
        " particle filter, jackknife, EM algorithm"
    ),
    "docs/fitting.md#Search": "L-BFGS, LBFGS, minibatches, convergence, did not converge",
    "docs/fitting.md#Uncertainty": (
        "standard errors, uncertainty, posterior, MCMC, NUTS, Bayesian inference"
    ),
    "docs/fitting.md#Hidden states": "hidden states, latent state, Hamiltonian Monte Carlo, HMC",
    "docs/fitting.md#Sharing": "save a model, load a model, share a model, model card",
    "docs/own_log.md": (
        "csv, csv file, own data, own dataset, import data, real data, load data, pandas, dataframe"
    ),
    "docs/own_log.md#Three worlds of real logs": "KuaiRand, real logs, supermarket",
    "docs/log_to_decision.md": "from logs to decisions, offline data, log data, logs",
    "docs/log_to_decision.md#Examine the log": "doctor, check a log, data quality, log examination",
    "docs/log_to_decision.md#Let a pipeline obey": "pipeline, CI, exit status, gate",
    "docs/log_to_decision.md#Read the log": "read a log, from_table, columns of a table, parquet",
    "docs/validation.md": (
        "validation, validate, trust a simulator, sim-to-real gap, realism, goodness of fit,"
        " Kendall's tau, Holm, AUC, overfitting"
    ),
    "docs/ope.md": (
        "OPE, off-policy evaluation, off-policy, offline evaluation, counterfactual evaluation,"
        " propensity, propensities, propensity score, causal inference"
    ),
    "docs/ope.md#Which estimator?": (
        "doubly robust, doubly robust estimators, IPS, SNIPS, importance sampling,"
        " inverse propensity scoring, importance weights, variance reduction, estimators"
    ),
    "docs/conversations.md": (
        "conversations, conversational recommender, dialogue, chatbot, questions, elicitation"
    ),
    "docs/conversations.md#Value: what a turn is worth": (
        "EVOI, expected value of information, information gain"
    ),
    "docs/conversations.md#Words": "natural language, language model, LLM, large language models",
    "docs/conversations.md#Evidence, and a belief: what the agent makes of it": (
        "belief, belief state, Bayesian update"
    ),
    "docs/conversations.md#Soft attributes": "soft attributes, critiques, tags",
    "docs/worlds.md": "dynamics, worlds, multi-agent, shared corpus, several users",
    "docs/worlds.md#Users from components": (
        "non-stationary users, nonstationary, drift, drifting tastes, preference drift, components,"
        " interest evolution, Markov chain, user state"
    ),
    "docs/worlds.md#Users who share a corpus": "shared candidates, trends, feedback loop",
    "docs/worlds.md#Users who come back": "retention, churn, returning users, lifetime, visits",
    "docs/gymnasium.md": "Gymnasium, gym, OpenAI Gym, RLlib, CleanRL",
    "docs/gymnasium.md#Learners that want no nested dicts": "flatten, observation space",
    "docs/gymnasium.md#Many users at once": (
        "Stable-Baselines3, Stable Baselines, SB3, PPO, vector environment, VecEnv, make_vec,"
        " autoreset"
    ),
    "docs/gymnasium.md#Files": "files, file formats, TFRecord, episode file, export",
    "docs/gymnasium.md#Other libraries' data sets": "RLDS, Minari, d3rlpy, offline RL, obp",
    "docs/gymnasium.md#Trainers in JAX": "JAX, PyTorch, PureJaxRL, gymnax, StableHLO",
    "docs/gymnasium.md#Logs": "MovieLens, Open Bandit, data sets, datasets, public data sets",
    "docs/coming_from_recsim.md": "RecSim, RecSim NG, migrate, migration, port, Dopamine",
    "docs/coming_from_recsim.md#A project of RecSim": (
        "AbstractUserModel, AbstractDocument, AbstractResponse, RecSimGymEnv, port a RecSim project"
    ),
    "docs/faults.md": "FAQ, troubleshooting, help, error, errors",
    "docs/faults.md#The same command goes on": (
        "resume, resume training, restart, continue a run, interrupted run, crash, killed, kill"
    ),
    "docs/faults.md#Signals": "Ctrl-C, SIGTERM, stop a run, preemption",
    "docs/faults.md#Results bit for bit": (
        "seeds, reproducible, reproducibility, deterministic, determinism, same results"
    ),
    "docs/faults.md#Bad input": "error messages, traceback, exception, debug, debugging",
    "docs/faults.md#Models of somebody else": "security, pickle, untrusted model, safety",
    "docs/faults.md#Ports": "ports, network, firewall",
    "docs/faults.md#Questions": (
        "out of memory, OOM, memory, memory error, Keras 3, TF_CPP_MIN_LOG_LEVEL,"
        " TensorFlow warnings, GPU not found"
    ),
    "docs/glossary.md": "glossary, definitions, slate, slates, terms, notation, vocabulary",
    "docs/architecture.md": "architecture, design, source code, internals, code structure",
    "docs/architecture.md#One step": "order of a step, stages",
    "docs/releasing.md": "release, new version",
    "CONTRIBUTING.md": "contribute, contributing, development, pull request",
    "CONTRIBUTING.md#Tests": "tests, run the tests, pytest",
    "examples/README.md": "examples, example scripts",
}
