"""The experiment from end to end for every kind of method, its scores in closed form, and what it refuses."""

import jax.numpy as jnp
import numpy as np
import pytest

from configs.anomaly.common import LATENT
from configs.anomaly.digits import get_config
from ebmjax.data import load
from ebmjax.evaluation import auprc, auroc
from ebmjax.report.results import OWN
from ebmjax.training.config import ConfigError
from experiments.anomaly import arm_figures, by_our_scores, figures_of, flat
from experiments.build.anomaly import data_of
from experiments.build.anomaly_scores import check, make_scores

ONE = ["--config.anomaly.held_out=(4,)", "--config.anomaly.num_evaluations=1"]


@pytest.fixture(scope="module")
def trained(run):
    return run("anomaly", "digits:smoke")


@pytest.mark.slow
def test_what_a_run_writes(trained):
    brief = {f"auprc_{score}" for score in ("joint_unit", "latent", "reconstruction")}
    full = {f"{area}_joint" for area in ("auprc", "auroc", "auprc_sd", "auprc_natural")}
    random = {"auprc_joint", "auprc_natural_joint"}  # the share of anomalies
    arms = {OWN: full | brief, "gaussian_trained": full | brief, "random": random}
    arms["pca"] = full - {"auprc_sd_joint"}  # one evaluation
    assert trained.baselines.keys() == arms.keys() - {OWN}
    for arm, table in (trained.baselines | {OWN: trained.metrics}).items():
        assert set(table) == {f"{stem}_{anomaly}" for stem in arms[arm] for anomaly in ("mean", "1", "4")}
        for name, value in table.items():
            assert 0 <= value <= 1
            if name.endswith("_mean"):
                stem = name.removesuffix("mean")
                assert value == pytest.approx((table[f"{stem}1"] + table[f"{stem}4"]) / 2)
    folders = {path.name for path in (trained.folder / "baselines").iterdir()}
    assert folders == {"latent_ebm_4", "gaussian_trained_1", "gaussian_trained_4"}
    assert trained.pictures >= {"precision_recall", "most_anomalous", "least_anomalous", "health"}


@pytest.mark.slow
def test_a_trained_run_is_asked_for_another_score(trained, run):
    again = run("anomaly", None, "--mode=evaluate", "--config.evaluate.scores=('latent',)", folder=trained.folder)
    assert again.metrics["auprc_latent_mean"] == trained.metrics["auprc_latent_mean"]
    before, after = (found.baselines["gaussian_trained"]["auprc_latent_4"] for found in (trained, again))
    assert before == after
    assert "auprc_joint_mean" not in again.metrics and "auroc_latent_mean" in again.metrics


SMALL = [f"--config.model.flow.{field}" for field in ("num_levels=1", "num_steps=1", "form=plain", "width=4")]


@pytest.mark.slow
@pytest.mark.parametrize("method, score, words", [("short_run", "energy", []), ("flow", "log_likelihood", SMALL)])
def test_methods_with_an_energy_or_a_likelihood_of_x(method, score, words, run):
    found = run("anomaly", f"digits_{method}:smoke", *ONE, *words)
    assert f"auprc_{score}_4" in found.metrics and f"auprc_{score}_4" in found.baselines["pca"]


@pytest.mark.slow
def test_a_generator_without_a_learned_prior(run):
    """ABP keeps a chain per training example: it must be built for the examples that are left."""
    words = ['--config.evaluate.scores=("latent","joint")', "--config.evaluate.short_run_baseline=False"]
    own = run("anomaly", "digits_abp:smoke", *ONE, *words).metrics
    assert "auroc_latent_4" in own and "auprc_joint_4" in own and "auroc_joint_4" not in own


@pytest.mark.slow
def test_a_method_built_on_a_flow_that_has_not_seen_the_anomalies(takes_minutes, run):
    found = run("anomaly", "digits_flow_backbone:smoke", ONE[1])
    assert {"auprc_data_energy_1", "auprc_data_energy_4", "auprc_energy_4"} <= set(found.metrics)
    assert "auprc_data_energy_4" in found.baselines["pca"]
    assert {path.name for path in found.folder.glob("flow_*")} == {"flow_1", "flow_4"}


@pytest.mark.slow
def test_another_data_set_as_the_anomaly(run):
    words = ["opponents=()", "max_examples=256"]
    words = [f"--config.evaluate.{word}" for word in words] + ["--config.anomaly.other=fake:28x28x1"]
    found = run("anomaly", "mnist_other:smoke", *words)
    assert found.baselines["random"]["auprc_joint_other"] == 0.5  # 128 of each
    assert "auprc_natural_joint_other" not in found.metrics


def test_normal_examples_alone_and_equally_many():
    config, dataset = get_config(), load("digits")
    pooled = np.concatenate([dataset.x_train, dataset.x_test]), np.concatenate([dataset.y_train, dataset.y_test])
    label_of = {x.tobytes(): y for x, y in zip(*pooled)}
    seen = {label: data_of(config, dataset, f"latent_ebm_{label}").x_train for label in range(10)}
    assert {len(x) for x in seen.values()} == {1291}  # 80 % of what is left without the largest class
    for label, x in seen.items():
        assert label not in {int(label_of[row.tobytes()]) for row in x}
    assert np.array_equal(data_of(config, dataset, "train").x_train, seen[1])


FUNCTIONS = {
    "encode": lambda state, key, x: x[:, :2],
    "decode": lambda state, z: jnp.concatenate([2 * z, z], axis=1),
    "sample_latent": None,
    "energy": lambda state, z: state * jnp.sum(z, axis=1),
}


def test_scores_in_closed_form():
    x = jnp.asarray([[1.0, 2.0, 0.0, 0.0], [0.0, 0.0, 3.0, 4.0]])
    found = make_scores(FUNCTIONS, LATENT, 0.5)(10.0, jnp.zeros(2, "uint32"), x)
    assert np.allclose(found["reconstruction"], [1 + 4 + 1 + 4, 25])
    assert np.allclose(found["latent"], [30, 0])
    assert np.allclose(found["joint"], [10 / 0.5 + 30, 50])
    assert np.allclose(found["joint_unit"], [10 + 30, 25])
    plain = {name: function for name, function in FUNCTIONS.items() if name != "energy"}
    assert np.allclose(make_scores(plain, ("latent",), None)(0.0, jnp.zeros(2, "uint32"), x)["latent"], [2.5, 0])
    of_x = {"energy": lambda state, x: x[:, 3], "log_likelihood": lambda state, key, x: -x[:, 2]}
    found = make_scores(of_x, ("energy", "log_likelihood"), None)(0.0, jnp.zeros(2, "uint32"), x)
    assert np.allclose(found["energy"], [0, 4]) and np.allclose(found["log_likelihood"], [0, 3])


def test_a_score_that_a_method_lacks_is_one_line():
    for functions, wanted, said in (
        (FUNCTIONS, ("energy",), "latent has no score 'energy'; latent has joint, joint_unit, latent, reconstruction"),
        ({"energy": None}, ("joint",), "latent has no score 'joint'; latent has energy"),
        ({}, (), "evaluate.scores is empty; latent has none"),
    ):
        with pytest.raises(ConfigError, match=said):
            check("latent", functions, wanted)


def test_figures_average_the_evaluations():
    truth, natural = np.array([True, False, False, True]), np.array([True, True, True, False])
    scores = [np.array([1.0, 0.0, 2.0, 3.0]), np.array([0.0, 1.0, 2.0, 3.0])]
    found = figures_of("joint", scores, truth, natural, brief=False)
    areas = [auprc(s, truth) for s in scores]
    assert found["auprc_joint"] == pytest.approx(np.mean(areas))
    assert found["auprc_sd_joint"] == pytest.approx(np.std(areas, ddof=1))
    assert found["auroc_joint"] == pytest.approx(np.mean([auroc(s, truth) for s in scores]))
    assert found["auprc_natural_joint"] == pytest.approx(np.mean([1 / 2, 1 / 3]))
    assert figures_of("joint", scores[:1], truth, natural, brief=True) == {"auprc_joint": areas[0]}


def test_an_arm_without_the_main_score_has_its_first_beside_it():
    one, two, three = ([np.array(s)] for s in ([2.0, 0.0, 1.0], [0.0, 1.0, 2.0], [1.0, 2.0, 0.0]))
    scores = by_our_scores(
        {OWN: {"energy": one, "joint": two}, "vae": {"joint": three, "latent": two}, "pca": {"squared error": two}}
    )
    assert scores["vae"] == {"energy": three, "joint": three} and scores["pca"] == {"energy": two}
    figures = arm_figures(scores, np.array([True, False, False]), np.array([True, True, False]))
    assert figures[OWN]["auprc_energy"] == figures[OWN]["auprc_natural_energy"] == 1
    assert figures["vae"]["auprc_energy"] == figures["vae"]["auprc_joint"] == 1 / 2
    assert figures["random"] == {"auprc_energy": pytest.approx(1 / 3), "auprc_natural_energy": 1 / 2}
    assert all(set(table) <= set(figures[OWN]) for table in figures.values())


def test_no_mean_over_some_of_the_anomalies():
    assert flat({"1": {"a": 1.0, "b": 2.0}, "4": {"a": 3.0}}) == {"a_mean": 2.0, "a_1": 1.0, "b_1": 2.0, "a_4": 3.0}


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (["--config.evaluate.scores=('enrgy',)"], "latent_ebm has no score 'enrgy'"),
        (["--config.anomaly.held_out=(11,)"], "no example has the label 11"),
        (["--config.anomaly.other=mnist"], "set either anomaly.held_out"),
        (["--config.anomaly.train_fraction=1.5"], "train_fraction = 1.5 must lie between 0 and 1"),
        (["--config.anomaly.held_out=()", "--config.anomaly.other=fake:8x8x3"], "has another shape or range than"),
        (["--config.data.name=8gaussians"], "8gaussians has no labels"),
        (["--config.method=latnt_ebm"], "method: unknown experiment 'latnt_ebm'; did you mean 'latent_ebm'?"),
        (["--config.method=report"], "method = report: experiments.report trains no method"),
        (["--config.method=anomaly"], "method = anomaly: choose another experiment"),
        (["--config.sampler.refine_steps=-1"], "sampler.refine_steps = -1 must be at least 0"),
        (["--config.anomaly.num_evaluations=0"], "anomaly.num_evaluations = 0 must be at least 1"),
        (["--config.anomaly.evaluate_every=0"], "anomaly.evaluate_every = 0 must be at least 1"),
    ],
)
def test_refusals(words, said, fails, tmp_path):
    assert said in fails("anomaly", "digits:smoke", *words, folder=tmp_path / "run")
    assert not (tmp_path / "run").exists()
