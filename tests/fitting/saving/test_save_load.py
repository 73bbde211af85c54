import importlib
import json
import os
import sys

import gin
import numpy as np
import pytest
import tensorflow as tf

from recsim_tf.environments.drifting_taste import Catalogue, DriftingTasteUsers, drifting_taste
from recsim_tf.environments.interest_evolution import interest_evolution
from recsim_tf.environments.interest_exploration import interest_exploration
from recsim_tf.fitting import Parameter, ParameterEstimate, fit, from_trajectory
from recsim_tf.fitting.saving.save_load import load_model, load_simulator, save_model
from tests.core.rollout_digest import digest
from tests.fitting.sessions import rollout
from tests.processes import run_python

NUM_SESSIONS = 41
# Macros, scopes and nested references, beside what has nothing to do with the model.
CONFIG = """
    budget = 10.0
    interest_evolution.slate_size = 2
    interest_evolution.num_candidates = 5
    interest_evolution.users = @short/InterestEvolutionUsers()
    InterestEvolutionUsers.choice_model = @MultinomialProportional()
    MultinomialProportional.min_normalizer = -1.25
    InterestEvolutionUsers.departure_temperature = 2.0
    short/InterestEvolutionUsers.time_budget = %budget
    interest_exploration.slate_size = 1
    LBFGS.max_iterations = 12
    private_table.path = "/home/somebody/sessions.csv"
"""


@gin.configurable
def private_table(path):
    raise AssertionError(f"nothing reads {path}")


@pytest.fixture(scope="module")
def result():
    """A fit to simulated sessions."""
    gin.parse_config(CONFIG)
    simulator = interest_evolution()
    log = from_trajectory(rollout(simulator, NUM_SESSIONS))
    parameters = {
        "users.choice_model.no_click_mass": Parameter(support="positive"),
        "users.user_update_alpha": Parameter(),
    }
    return fit(simulator, parameters, log, progress=False)


@pytest.fixture
def folder(tmp_path, result):
    """A folder with the saved fit; the present configuration is another one."""
    save_model(tmp_path / "model", result, build="interest_evolution", config=CONFIG)
    return tmp_path / "model"


NO_CLICK_MASS = "users.choice_model.no_click_mass"


def with_estimates(result, simulator, values):
    """A result of other models, with estimates that were not fitted."""
    named = {name: np.asarray(value) for name, value in values.items()}
    estimates = {
        name: ParameterEstimate(value, np.full_like(value, np.nan), value - 1, value + 1)
        for name, value in named.items()
    }
    return result._replace(simulator=simulator.with_parameters(named), estimates=estimates)


@pytest.fixture
def own_folder(tmp_path, result, monkeypatch):
    """A folder with a model of a module that is not recsim_tf's, and its result; the module is in
    tmp_path / "modules".
    """
    modules = tmp_path / "modules"
    modules.mkdir()
    (modules / "shared_models.py").write_text(
        "import gin\n"
        "from recsim_tf.environments.interest_exploration import InterestExplorationUsers\n"
        "@gin.configurable\n"
        "class BoredUsers(InterestExplorationUsers):\n"
        "    pass\n"
    )
    monkeypatch.syspath_prepend(str(modules))
    with gin.config.interactive_mode():
        shared_models = importlib.import_module("shared_models")
    fitted = with_estimates(
        result,
        interest_exploration(slate_size=2, num_candidates=4, users=shared_models.BoredUsers()),
        {NO_CLICK_MASS: np.float32(2.1)},
    )
    config = """
        interest_exploration.slate_size = 2
        interest_exploration.num_candidates = 4
        interest_exploration.users = @BoredUsers()
    """
    save_model(tmp_path / "own", fitted, build="interest_exploration", config=config)
    monkeypatch.delitem(sys.modules, "shared_models")
    return tmp_path / "own", fitted


def test_another_process_simulates_the_same_trajectories(folder, result, own_folder):
    code = """if True:
        import sys
        from recsim_tf.fitting.saving.save_load import load_model
        from tests.core.rollout_digest import digest
        from tests.fitting.sessions import rollout
        for folder in sys.argv[1:]:
            loaded = load_model(folder, imports=["shared_models"])
            print(digest(rollout(loaded.simulator, seed=5)))
    """
    own, own_result = own_folder
    other = run_python("-c", code, str(folder), str(own), PYTHONPATH=str(own.parent / "modules"))
    assert other.stdout.split() == [
        digest(rollout(each.simulator, seed=5)) for each in (result, own_result)
    ], other.stderr


def test_a_missing_module_is_named(own_folder, monkeypatch):
    own, _ = own_folder
    monkeypatch.setattr(
        sys, "path", [path for path in sys.path if path != str(own.parent / "modules")]
    )
    with pytest.raises(
        ValueError,
        match=(
            r"own/config.gin needs a module that must be installed .*: No module named"
            r" 'shared_models'$"
        ),
    ):
        load_model(own, imports=("shared_models",))


def test_parameters_and_their_uncertainty_come_back_bit_for_bit(folder, result):
    loaded = load_model(folder)
    assert list(loaded.estimates) == list(result.estimates)
    for name, estimate in result.estimates.items():
        for got, expected in zip(loaded.estimates[name], estimate, strict=True):
            assert got.dtype == expected.dtype
            np.testing.assert_array_equal(got, expected)


def test_tables_of_parameters_are_shared(tmp_path, result):
    simulator = drifting_taste(
        slate_size=3,
        num_candidates=5,
        users=DriftingTasteUsers(32, dtype=tf.float64),
        documents=Catalogue(1682, 32, dtype=tf.float64),
    )
    factors = np.random.default_rng(0).standard_normal([1682, 32])
    fitted = with_estimates(
        result,
        simulator,
        {"documents.factors": factors, "users.gain": np.linspace(0, 1, 32), "users.decay": 0.7},
    )
    config = """
        import recsim_tf.environments.drifting_taste
        drifting_taste.slate_size = 3
        drifting_taste.num_candidates = 5
        drifting_taste.users = @DriftingTasteUsers()
        drifting_taste.documents = @Catalogue()
        Catalogue.num_items = 1682
        Catalogue.num_factors = 32
        DriftingTasteUsers.num_factors = 32
        drifting_taste.dtype = %float64
        Catalogue.dtype = %float64
        DriftingTasteUsers.dtype = %float64
        float64 = "float64"
    """
    save_model(tmp_path / "model", fitted, build="drifting_taste", config=config)
    loaded = load_model(tmp_path / "model")
    np.testing.assert_array_equal(loaded.simulator.documents.factors, factors)
    assert loaded.simulator.documents.factors.dtype == np.float64
    assert digest(rollout(loaded.simulator)) == digest(rollout(fitted.simulator))
    card = " ".join((tmp_path / "model" / "MODEL_CARD.md").read_text().split())
    assert "| documents.factors [1682, 32] | mean " in card


def test_the_callers_configuration_has_no_part_in_it_and_stays(folder, result):
    bound = object()
    gin.parse_config(
        "InterestEvolutionUsers.time_budget = 99.0\nshort/InterestEvolutionUsers.step_penalty ="
        " 7.0\nbudget = 3.0\nParameter.start = 1.0"
    )
    gin.bind_parameter("interest_evolution.reward_fn", bound)
    gin.finalize()
    interest_exploration()
    before = gin.config_str(), gin.operative_config_str()
    with gin.config_scope("short"):
        loaded = load_model(folder)
        assert gin.current_scope_str() == "short"
    assert (gin.config_str(), gin.operative_config_str()) == before
    assert digest(rollout(loaded.simulator)) == digest(rollout(result.simulator))
    assert gin.query_parameter("interest_evolution.reward_fn") is bound
    assert gin.config_is_locked()


def test_the_callers_configuration_stays_also_where_loading_fails(folder, tmp_path, result):
    gin.parse_config("interest_evolution.slate_size = 3")
    gin.finalize()
    (folder / "config.gin").write_text("broken")
    for refused in (
        lambda: load_model(folder),
        lambda: save_model(tmp_path / "new", result, build="nothing"),
    ):
        with pytest.raises(ValueError, match=r"."):
            refused()
        assert gin.query_parameter("interest_evolution.slate_size") == 3
        assert gin.config_is_locked()


def test_a_gin_file_names_a_saved_model(folder, result):
    gin.parse_config(f"fit.simulator = @load_simulator()\nload_simulator.folder = '{folder}'")
    simulator = gin.get_bindings("fit")["simulator"]
    assert digest(rollout(simulator)) == digest(rollout(result.simulator))
    assert load_simulator().slate_size == 2


def test_the_present_configuration_is_the_default_and_only_what_builds_is_saved(tmp_path, result):
    gin.parse_config(CONFIG)
    save_model(tmp_path / "model", result, build="@interest_evolution()")
    text = (tmp_path / "model" / "config.gin").read_text()
    assert "short/InterestEvolutionUsers.time_budget = %budget" in text
    for other in ("LBFGS", "interest_exploration", "private_table", "somebody"):
        assert other not in text


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        (
            {"config": CONFIG + "\ninterest_evolution.slate_size = 3"},
            "simulator that was fitted, but slate_size is 3 there, not 2",
        ),
        ({"config": CONFIG + "\nbudget = 20.0"}, "but users.time_budget is 20.0 there, not 10.0"),
        (
            {"config": CONFIG + "\ninterest_evolution.reward_fn = @click_reward"},
            r"reward_fn is .*click_reward there, not .*watch_time_rew",
        ),
        (
            {"build": "interest_exploration"},
            r"users is .*InterestExplorationUsers there, not .*InterestEvolutionUsers",
        ),
        (
            {"build": "my_environment"},
            "build='my_environment' cannot be read: No configurable matching",
        ),
        (
            {"build": "InterestEvolutionUsers"},
            "config must build a Simulator, got InterestEvolutionUsers",
        ),
        (
            {"config": "import no_such_module"},
            "config needs a module that must be installed .* No module named 'no_such_module'",
        ),
        (
            {"config": "interest_evolution.slate_size = 0"},
            "config does not build a simulator: slate_size must be",
        ),
        (
            {"data": {"sessions": np.zeros(3)}},
            r"data\['sessions'\] must be a number or a text of one line, got ndarray",
        ),
        (
            {"checks": {"rows": "1,2\n3,4"}},
            r"checks\['rows'\] must be a number or a text of one line, got str",
        ),
    ],
)
def test_what_is_not_the_fitted_model_is_refused_before_anything_is_written(
    tmp_path, result, changes, message
):
    with pytest.raises(ValueError, match=message):
        save_model(
            tmp_path / "model",
            result,
            **{"build": "interest_evolution", "config": CONFIG, **changes},
        )
    assert not list(tmp_path.iterdir())


@gin.configurable
def weighted_clicks(response, weight=1.0):
    return weight * tf.reduce_sum(response.clicked, axis=-1)


def test_bindings_that_act_while_users_are_simulated_are_refused(tmp_path, result):
    gin.parse_config(
        CONFIG + "\ninterest_evolution.reward_fn = @weighted_clicks\nweighted_clicks.weight = 2.0"
    )
    fitted = with_estimates(result, interest_evolution(), {NO_CLICK_MASS: np.float32(1)})
    with pytest.raises(ValueError, match="it simulates otherwise: what gin binds for functions"):
        save_model(tmp_path / "model", fitted, build="interest_evolution")


def test_a_parameter_with_a_value_for_each_session_is_refused(tmp_path, result):
    gin.parse_config(CONFIG)
    fitted = with_estimates(
        result, interest_evolution(), {NO_CLICK_MASS: np.ones(NUM_SESSIONS, np.float32)}
    )
    with pytest.raises(ValueError, match="no parameter may have a value for each session"):
        save_model(tmp_path / "model", fitted, build="interest_evolution")


def test_nothing_is_overwritten(folder, result):
    before = {path.name: path.read_bytes() for path in folder.iterdir()}
    with pytest.raises(FileExistsError, match="exists already, name a new or an empty one"):
        save_model(folder, result, build="interest_evolution", config=CONFIG)
    assert {path.name: path.read_bytes() for path in folder.iterdir()} == before
    assert os.listdir(folder.parent) == [folder.name]


def test_an_empty_folder_is_taken(tmp_path, result):
    save_model(tmp_path, result, build="interest_evolution", config=CONFIG)
    assert load_model(tmp_path).simulator.slate_size == 2


def test_no_row_of_the_log_is_in_the_folder(folder, result):
    assert sorted(os.listdir(folder)) == [
        "MODEL_CARD.md",
        "config.gin",
        "model.json",
        "parameters.npz",
    ]
    with np.load(folder / "parameters.npz", allow_pickle=False) as arrays:
        shapes = {name: array.shape for name, array in arrays.items()}
    assert shapes == {
        f"{name}.{field}": () for name in result.estimates for field in ParameterEstimate._fields
    }
    assert sum(path.stat().st_size for path in folder.iterdir()) < 10_000


@pytest.mark.parametrize("name", ["config.gin", "parameters.npz", "model.json"])
def test_missing_and_damaged_files_are_named(folder, name):
    content = (folder / name).read_bytes()
    (folder / name).write_bytes(content[:-30] + b"\0" + content[-29:])
    with pytest.raises(ValueError, match=rf"^\S*{name} is damaged[^\n]*$"):
        load_model(folder)
    (folder / name).unlink()
    with pytest.raises(FileNotFoundError, match=f"is not a saved model: it has no {name}"):
        load_model(folder)


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"format": 2}, r"model.json has format 2, and recsim_tf \S+ reads up to 1"),
        ({"format": None}, "model.json is damaged: it has no format"),
        (
            {"sha256": {"../other": ""}},
            "model.json is damaged: it must list parameters, and the sha256",
        ),
        (
            {"parameters": {"users.gain": {"shape": []}}},
            "model.json is damaged: users.gain must have a shape, a list of lengths, and a dtype",
        ),
        (
            {"parameters": {"users.time_budget": {"shape": [], "dtype": "float32"}}},
            "parameters.npz does not hold the parameters that .* lists: .*users.time_budget",
        ),
        (
            {"parameters": {NO_CLICK_MASS: {"shape": [2], "dtype": "float32"}}},
            rf"an estimate of {NO_CLICK_MASS} of shape \[2\], which must be \[\]",
        ),
    ],
)
def test_metadata_that_cannot_be_right_is_named(folder, changes, message):
    metadata = json.loads((folder / "model.json").read_text())
    (folder / "model.json").write_text(json.dumps({**metadata, **changes}))
    with pytest.raises(ValueError, match=message):
        load_model(folder)


def test_the_card_tells_data_fit_checks_and_parameters(tmp_path, result):
    save_model(
        tmp_path / "model",
        result._replace(converged=False),
        build="interest_evolution",
        config=CONFIG,
        title="Short evenings",
        data={"sessions": NUM_SESSIONS, "from": "2024-01"},
        fitting={"search": "LBFGS"},
        checks={"calibration error": np.float32(0.25)},
        limits="Simulated users only.",
        licence="CC BY 4.0",
    )
    card = (tmp_path / "model" / "MODEL_CARD.md").read_text()
    assert card.startswith("# Short evenings\n\n**The fit had not converged when it stopped.**\n")
    value = result.estimates["users.choice_model.no_click_mass"].value
    # Tables pad their cells.
    words = " ".join(card.split())
    for text in (
        f"| sessions | {NUM_SESSIONS} |",
        "| search | LBFGS |",
        "| converged | no |",
        f"| log-likelihood of the training sessions | {result.log_likelihood:.6g} |",
        "| calibration error | 0.25 |",
        f"| users.choice_model.no_click_mass | {value:.6g} |",
        "## Limits Simulated users only.",
        "## Licence of the data CC BY 4.0",
        "## Intended use Not stated.",
        "interest_evolution.slate_size = 2",
    ):
        assert text in words
    assert load_model(tmp_path / "model").metadata["checks"] == {"calibration error": 0.25}
