"""The anatomy's experiment: both arms and their pictures from end to end, every config, and the slow verdict."""

from importlib import import_module
from pathlib import Path

import jax
import numpy as np
import pytest

from ebmjax.data import DataSpec
from ebmjax.energies import eight_gaussians
from experiments.anatomy import baselines, build
from experiments.measure.plane import TOYS, toy_figures

ROOT = Path(__file__).parents[2]
PATHS = sorted(p for p in (ROOT / "configs" / "anatomy").glob("*.py") if p.stem != "common")
COLOUR = (32, 32, 3)
SHAPES = {"mnist": (28, 28, 1), "mnist32": (32, 32, 1), "cifar10": COLOUR, "cifar10_convergent": COLOUR}
SHAPES |= dict.fromkeys(("cifar10_oscillating", "flowers", "flowers_convergent"), COLOUR)
# The vanilla net of the official code, and its non-local net.
PARAMETERS = dict.fromkeys(("cifar10", "cifar10_oscillating", "flowers"), 693_569)
PARAMETERS |= dict.fromkeys(("cifar10_convergent", "flowers_convergent"), 628_529)
PARAMETERS |= {"mnist": 665_089, "mnist32": 627_953}


@pytest.mark.slow
def test_both_arms(run):
    """A pair of ten steps: all figures and pictures are there."""
    found = run("anatomy", "gmm:smoke")
    assert set(found.metrics) == {
        *("mean_d_s", "mean_r_s", "kl_true_model", "long_run_sd_ratio", "mala_acceptance"),
        *(f"landscape_{what}" for what in ("minima", "basins", "barrier", "barrier_line", "reached")),
        *(f"{what}_occupancy_max_error" for what in ("energy", "bank", "short_run", "long_run", "mala")),
        *(f"{what}_mode_sd" for what in ("energy", "bank", "short_run", "long_run", "mala")),
    }
    # Noise starts keep no bank.
    assert found.names == {"nonconvergent": {name for name in found.metrics if not name.startswith("bank")}}
    assert "KL(true || model)" in found.results["protocol"]
    names = {f"{what}{arm}" for what in ("learning", "landscape", "disconnectivity") for arm in ("", "_nonconvergent")}
    assert found.pictures >= names | {"long_run", "health"}


@pytest.mark.slow  # minutes of compilation
def test_images(takes_minutes, run):
    """A bank of images and the non-local net, without a toy's figures."""
    found = run("anatomy", "cifar10_convergent:smoke")
    figures = {"mean_d_s", "mean_r_s", "long_run_saturated", "mala_saturated", "mala_acceptance"}
    figures |= {f"landscape_{what}" for what in ("minima", "basins", "barrier", "barrier_line", "reached")}
    assert set(found.metrics) == figures and not found.baselines
    assert 0 <= found.metrics["long_run_saturated"] <= 1
    assert found.pictures >= {"learning", "samples", "long_run", "mala", "disconnectivity", "health"}


@pytest.mark.parametrize("path", PATHS, ids=lambda p: p.stem)
def test_parameters_and_temperatures(path):
    """The published numbers of parameters at full size, and T = ε² / 2 in both arms."""
    module = import_module(f"configs.anatomy.{path.stem}")
    shape = SHAPES.get(path.stem, (2,))
    spec = DataSpec("any", shape, 60_000, 1000, None, 255 if len(shape) == 3 else None)
    for variant in ("", "smoke"):
        config = module.get_config(variant)
        methods = [build(config, spec), *baselines(config, spec).values()]
        assert len(methods) == (1 if len(shape) == 3 else 2)
        for arm in (config, config.nonconvergent) if len(methods) == 2 else (config,):
            assert arm.sampler.chain.temperature == arm.sampler.chain.step_size**2 / 2
    x = jax.ShapeDtypeStruct((100, *shape), np.float32)
    state = jax.eval_shape(build(module.get_config(), spec).init, jax.random.key(0), {"x": x})
    count = sum(int(np.prod(leaf.shape)) for leaf in jax.tree.leaves(state.params))
    assert count == PARAMETERS.get(path.stem, 10_593)


@pytest.mark.parametrize(
    "word, said",
    [
        ("--config.evaluate.long_run_steps=150", "long_run_steps = 150 must be a multiple of 100"),
        ("--config.evaluate.mala.num_steps=150", "mala.num_steps = 150 must be a multiple of 100"),
        ("--config.optimizer.energy.name=lion", "known: adam, sgd"),
        ("--config.initial.name=banks", "banks"),
        ("--config.initial.bank_size=8", "cannot be drawn from 8 chains"),
    ],
)
def test_refusals(word, said, fails):
    assert said in fails("anatomy", "gmm:smoke", word)


def test_figures_of_the_truth():
    """The true energy has KL 0; exact draws of it have equal modes of sd .15; half the temperature has sd .15 / √2."""
    toy, target = TOYS["gmm"], eight_gaussians()
    draws = {"exact": target.sample(jax.random.key(0), 10_000)}
    found = toy_figures(toy, target.energy, draws)
    assert abs(found["kl_true_model"]) < 1e-6
    # s.e. √(1/8 · 7/8 / 10,000) = .0033, the largest of eight within 4; of the sd .15 / √(4 · 10,000).
    assert found["exact_occupancy_max_error"] < 0.0132 and abs(found["exact_mode_sd"] - 0.15) < 0.004
    cold = toy_figures(toy, lambda x: 2 * target.energy(x), {})
    assert abs(cold["energy_mode_sd"] - 0.15 / np.sqrt(2)) < 0.002 and cold["kl_true_model"] > 0.1


def test_rings_are_modes_by_their_radius():
    toy = TOYS["rings"]
    found = toy_figures(toy, toy.target.energy, {"exact": toy.target.sample(jax.random.key(1), 10_000)})
    assert found["energy_occupancy_max_error"] < 1e-3 and found["exact_occupancy_max_error"] < 0.02  # s.e. .0043
    np.testing.assert_allclose([found["energy_mode_sd"], found["exact_mode_sd"]], 0.15, atol=0.005)


@pytest.mark.slow
def test_verdict(whole_training, run):
    """The default pair, minutes long: one energy is in balance with its samples, the other is not."""
    metrics, baselines = run("anatomy", "gmm", "--config.seed=1").figures
    assert metrics["bank_occupancy_max_error"] <= 0.04
    assert abs(metrics["bank_mode_sd"] - 0.15) <= 0.01
    assert abs(metrics["energy_mode_sd"] - 0.132) <= 0.012  # below .15 by the bias of unadjusted chains
    assert metrics["kl_true_model"] <= 0.15
    assert abs(metrics["mean_d_s"]) <= 0.02
    assert 0.9 <= metrics["long_run_sd_ratio"] <= 1.1
    assert baselines["nonconvergent"]["long_run_sd_ratio"] < 0.7
