"""The hypernetwork's experiment: the published numbers, what a run writes, and what is refused."""

import jax
import numpy as np
import pytest

from configs.hypernetwork import mnist, mnist_cpu
from ebmjax.data import DataSpec
from experiments.hypernetwork import build
from experiments.measure.populations import path_figures, population_figures


@pytest.mark.parametrize("module", [mnist, mnist_cpu])
def test_published_number_of_parameters(module):
    config = module.get_config()
    method = build(config, DataSpec("any", (28, 28, 1), 10_000, 1000, 10, 255))
    batch = {"x": jax.ShapeDtypeStruct((config.train.batch_size, 28, 28, 1), np.float32)}
    batch["label"] = jax.ShapeDtypeStruct((config.train.batch_size,), np.int32)
    state = jax.eval_shape(method.init, jax.random.key(0), batch)
    assert sum(int(np.prod(leaf.shape)) for leaf in jax.tree.leaves(state.params["hypernet"])) == 633_640


@pytest.mark.slow
@pytest.mark.parametrize("no_diversity", [False, True])
def test_what_a_run_writes(no_diversity, run):
    found = run("hypernetwork", "digits:smoke", f"--config.evaluate.no_diversity={no_diversity}")
    assert {f"accuracy_{of}" for of in ("single_mean", "ensemble", "vote", "distilled")} <= set(found.metrics)
    others = {"path_z_middle", "path_straight_middle", "fgsm_ensemble", "entropy", "disagreement"}
    assert others <= set(found.metrics)
    assert set(found.baselines) == {"direct"} | ({"no_diversity"} if no_diversity else set())
    assert {"accuracy_single_mean", "path_straight_middle", "fgsm_single"} <= found.names["direct"]
    assert not no_diversity or {"entropy", "disagreement"} <= found.names["no_diversity"]
    pictures = ["accuracies", "paths_and_attacks", "health", "weights", "filters"]
    assert list(found.results["pictures"]) == [f"{name}.png" for name in pictures]
    assert {"targeted_flipped_single", "targeted_flipped_ensemble"} <= set(found.metrics)
    run("hypernetwork", None, "--mode=sample", folder=found.folder)
    assert np.load(found.folder / "samples.npy").shape == (100, 2410)


def test_figures_of_a_population():
    """Three networks of which any two are right on each example: ensembles are better than their members."""
    answers = np.array([[1, 0, 0], [0, 1, 0], [0, 0, 1]])
    probs = np.where(answers[..., None] == np.arange(2), 0.7, 0.3)
    found = population_figures(probs, np.zeros(3, int), 3)
    assert found["accuracy_single_mean"] == pytest.approx(2 / 3) and found["accuracy_single_sd"] == 0
    assert found["accuracy_ensemble"] == found["accuracy_vote"] == 1
    assert found["disagreement"] == pytest.approx(2 / 3)
    accuracies = np.array([[0.9, 0.5, 0.8], [0.9, 0.7, 0.3]])
    found = path_figures({"": {"z": accuracies}})[""]
    assert found == pytest.approx({"path_z_middle": 0.6, "path_z_lowest": 0.4})


@pytest.mark.parametrize(
    ("word", "message"),
    [
        ("--config.train.batch_size=18", "must be a multiple of model.num_latents = 4"),
        ("--config.model.target.name=cnn", "unknown name 'cnn'"),
        ("--config.model.hypernet.widths=(3,)", "must have one entry for each of 2 layers"),
        ("--config.model.hypernet.last_code=all", "unknown name 'all'"),
        ("--config.model.inputs=grey", "unknown name 'grey'"),
        ("--config.evaluate.targeted_sizes=(-2,)", "must be at least 0"),
        ("--config.model.norm=l3", "unknown norm 'l3'"),
        ("--config.data.name=8gaussians", "classifiers need labels"),
        ("--config.evaluate.epsilons=(-1.0,)", "must be at least 0"),
    ],
)
def test_refusals(word, message, fails):
    assert message in fails("hypernetwork", "digits:smoke", word)
