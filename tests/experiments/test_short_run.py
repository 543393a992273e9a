"""Short-run MCMC from end to end: what a run writes, that it repeats itself, and every config."""

from importlib import import_module
from pathlib import Path

import jax
import numpy as np
import pytest

from configs.short_run import cifar10
from ebmjax.data import DataSpec
from experiments.short_run import build

ROOT = Path(__file__).parents[2]
PATHS = sorted(p for p in (ROOT / "configs" / "short_run").glob("*.py") if p.stem != "common")
SHAPES = {"digits": (8, 8, 1), "mnist": (28, 28, 1), "cifar10": (32, 32, 3), "celeba64": (64, 64, 3)}
PARAMETERS = {
    "digits": 64 * 256 + 256 + 256 * 256 + 256 + 257,
    "mnist": 784 * 512 + 512 + 512 * 512 + 512 + 513,
    "cifar10": 2_763_393,
    "celeba64": 2_763_393 - 512 * 16 - 1 + (512 * 512 * 16 + 512) + 512 * 16 + 1,  # one more layer of 512 features
}


@pytest.mark.slow
def test_what_a_run_writes(run):
    """Ten steps on digits; evaluating again gives the same figures."""
    found = run("short_run", "digits:smoke")
    spaces, reconstruction = {"frechet_pixels", "frechet_features"}, {"reconstruction_mse", "latent_rms"}
    assert set(found.metrics) == {"class_share_min", "class_share_max", "energy_gap", "r_s"} | spaces | reconstruction
    arms = dict.fromkeys(("quarter_steps", "noise", "real"), spaces)
    assert found.names == arms | {"untrained": spaces | reconstruction}
    assert 0 <= found.metrics["class_share_min"] <= 0.1 <= found.metrics["class_share_max"] <= 1
    assert found.pictures >= {"samples", "interpolation", "chain", "reconstructions", "health"}
    assert run("short_run", "digits:smoke", "--mode=evaluate", folder=found.folder).figures == found.figures


@pytest.mark.slow  # with labels it is tested above
def test_images_without_labels(run, tmp_path):
    """There are no classes to count, and no features to compare in."""
    np.savez(tmp_path / "x.npz", x_train=np.random.default_rng(0).integers(0, 256, (40, 8, 8, 1), np.uint8))
    found = run("short_run", "digits:smoke", f"--config.data.name=npz:{tmp_path}/x.npz")
    assert found.names["real"] == {"frechet_pixels"}
    names = set(found.metrics).union(*found.names.values())
    assert not any("class" in name or "features" in name for name in names)


@pytest.mark.parametrize("path", PATHS, ids=lambda p: p.stem)
def test_what_is_learned(path):
    """Its number of parameters, its metrics, and the published chain."""
    shape = SHAPES[path.stem]
    for variant in ("", "smoke"):
        config = import_module(f"configs.short_run.{path.stem}").get_config(variant)
        method = build(config, DataSpec("any", shape, 10_000, 1000, 10, 255))
        x = jax.ShapeDtypeStruct((config.train.batch_size, *shape), np.float32)
        state = jax.eval_shape(method.init, jax.random.key(0), {"x": x})
        assert jax.eval_shape(method.train_step, state, {"x": x})[1].keys() >= {"d_s", "r_s"}
        assert set(params := state.params) == {"energy"}
        chain = config.sampler.chain
        # x' = x - 1 · ∇E + 0.01 ε: T = s² / (2 · 1).
        assert (chain.step_size, chain.temperature) == (0.01, 5e-5)
        if not variant:
            assert sum(int(np.prod(leaf.shape)) for leaf in jax.tree.leaves(params)) == PARAMETERS[path.stem]


def test_published_settings_of_cifar10():
    config = cifar10.get_config()
    assert (config.sampler.chain.num_steps, config.train.batch_size, config.train.num_steps) == (100, 64, 100_000)
    assert (config.model.data_noise, config.model.energy.slope, config.model.energy.width) == (0.03, 0.2, 64)
    optimizer = config.optimizer.energy
    assert (optimizer.learning_rate, optimizer.b1, optimizer.b2, optimizer.schedule) == (1e-4, 0.9, 0.999, "constant")
    assert (config.initial.noise, config.initial.scale) == ("uniform", 1.0)


@pytest.mark.parametrize(
    "x, said",
    [
        (np.full((20, 28, 28, 1), 255, np.uint8), "size must be 8, 16, 32, 64 ..., got 28; resize them"),
        (np.random.default_rng(0).normal(size=(20, 6)).astype(np.float32), "needs square images"),
    ],
    ids=["images", "table"],
)
def test_sizes_that_the_energy_does_not_take_are_refused(x, said, fails, tmp_path):
    """28 x 28 pixels and a table with convolutions: one line each, and nothing trained."""
    np.savez(tmp_path / "x.npz", x_train=x)
    assert said in fails("short_run", "cifar10:smoke", f"--config.data.name=npz:{tmp_path}/x.npz")
