"""VERA without labels: its pieces on a generator whose law is known, what runs write, and what they refuse."""

from types import SimpleNamespace

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from ml_collections import ConfigDict

from ebmjax.evaluation import square_grid
from ebmjax.training.experiment import Trained
from ebmjax.types import Method
from experiments.unsupervised_vera import bound_figures


def linear(scale, sigma, log_z=0.0):
    """x = scale · z + σ ε in the plane, and the energy of N(0, I) plus log_z."""
    functions = {
        "energy": lambda state, x: 0.5 * jnp.sum(x**2, axis=1) - log_z + jnp.log(2 * jnp.pi),
        "generate": lambda state, z: scale * z,
    }
    state = SimpleNamespace(params={"generator": {"log_sigma": jnp.log(sigma)}})
    return Trained(Method(*[lambda *_: None] * 4, functions), state)


@pytest.mark.parametrize(("scale", "log_z"), [(0.8, 0.0), (0.5, 3.0)])
def test_the_gap_is_the_divergence(scale, log_z):
    """KL(N(0, v I) || N(0, I)) = v - 1 - log v in the plane, v = scale² + σ²; it does not depend on log Z."""
    sigma = 0.6
    config = ConfigDict({"model": {"latent_dim": 2}, "evaluate": {"num_bound": 4000, "num_means": 4000}})
    run = SimpleNamespace(config=config, rng_key=jax.random.key(0))
    found = bound_figures(run, linear(scale, sigma, log_z), square_grid(3.0, 50))
    variance = scale**2 + sigma**2
    expected = variance - 1 - np.log(variance)
    assert found["log_z"] == pytest.approx(log_z, abs=1e-3)
    # E_q[E] and the entropy share their draws: what is left is below .03.
    assert found["log_z_gap_lowest"] - 0.03 < expected < found["log_z_gap_highest"] + 0.03
    assert found["log_z_gap_highest"] - found["log_z_gap_lowest"] < 0.05


@pytest.mark.slow
def test_what_a_toy_writes(run):
    found = run("unsupervised_vera", "eight_gaussians:smoke")
    own = {"log_z", "log_z_gap_lowest", "log_z_gap_highest", "sigma", "kl_true_model"}
    modes = {f"{name}_{what}" for name in ("energy", "samples") for what in ("occupancy_max_error", "mode_sd")}
    assert set(found.metrics) == own | modes
    assert found.names == {
        "no_entropy": own | modes,
        "hmc": own | modes,
        "real": {"samples_occupancy_max_error", "samples_mode_sd"},
    }
    assert found.pictures >= {"landscape", "health"}


@pytest.mark.slow
def test_a_toy_without_a_known_law(run):
    found = run(
        "unsupervised_vera", "eight_gaussians:smoke", "--config.data.name=two_spirals", "--config.evaluate.arms=()"
    )
    assert set(found.metrics) == {"log_z", "log_z_gap_lowest", "log_z_gap_highest", "sigma"}


@pytest.mark.slow
def test_what_stacks_write(run):
    found = run("unsupervised_vera", "stacked_digits:smoke")
    assert set(found.metrics) == {"frechet_pixels", "modes", "kl_modes", "classifier_accuracy"}
    assert found.names == {"real": {"frechet_pixels", "modes", "kl_modes"}}
    assert found.pictures >= {"samples", "health"}


@pytest.mark.slow
@pytest.mark.parametrize("name", ["cifar10", "stacked_mnist"])
def test_published_nets(name, run):
    found = run("unsupervised_vera", f"{name}:smoke")
    assert ("modes" in found.metrics) == (name == "stacked_mnist")


@pytest.mark.parametrize(
    ("config", "word", "message"),
    [
        ("eight_gaussians", "--config.model.energy.name=dcgan", "dcgan needs square images"),
        ("cifar10", "--config.data.name=fake:96x96x3", "takes images of 32 or 64 pixels, got 96"),
        ("stacked_digits", "--config.evaluate.feature_steps=0", "counted by a classifier"),
        ("eight_gaussians", "--config.evaluate.arms=('jem',)", "unknown name 'jem'"),
    ],
)
def test_refusals(config, word, message, fails):
    assert message in fails("unsupervised_vera", f"{config}:smoke", word)
