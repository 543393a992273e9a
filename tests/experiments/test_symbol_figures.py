"""Figures of symbol-vector coupling in the plane and on sentences, where their values are known."""

from types import SimpleNamespace

import jax.numpy as jnp
import numpy as np
import pytest

from ebmjax.evaluation import grid_kl, square_grid
from ebmjax.training.experiment import Trained
from ebmjax.types import EOS, PAD
from experiments.measure import symbol_plane, symbol_text
from experiments.measure.plane import TOYS

W, B, ALPHA, SIGMA = np.array([[1.5, 0.4], [-0.3, 0.8]]), np.array([0.5, -0.2]), np.array([0.6, -0.4]), 0.5


def linear():
    """p(z) = N(α, I) by a linear tilt, g(z) = W z + b: x ~ N(W α + b, W Wᵀ + σ² I)."""
    energy = lambda state, z: 0.5 * jnp.sum(z**2, axis=1) - z @ jnp.asarray(ALPHA)
    decode = lambda state, z: z @ jnp.asarray(W.T) + jnp.asarray(B)
    return Trained(SimpleNamespace(functions={"energy": energy, "decode": decode}), None)


def test_density_of_a_linear_generator():
    """Quadrature over z is the closed form, to rounding; half as many cells say the same."""
    grid, found = square_grid(6.0, 60), []
    for num in (200, 100):
        z, mass = symbol_plane.quadrature(linear(), 7.0, num)
        assert float(jnp.sum(mass)) == pytest.approx(1, abs=1e-4)
        found.append(np.asarray(symbol_plane.log_density(linear(), grid, SIGMA, z, mass)))
    covariance, x = W @ W.T + SIGMA**2 * np.eye(2), np.asarray(grid.x) - (W @ ALPHA + B)
    expected = -0.5 * np.einsum("ni,ij,nj->n", x, np.linalg.inv(covariance), x)
    expected -= 0.5 * np.log(np.linalg.det(2 * np.pi * covariance))
    near = expected > -12
    np.testing.assert_allclose(found[0][near], expected[near], atol=2e-3)
    np.testing.assert_allclose(found[1][near], found[0][near], atol=2e-3)
    assert float(grid_kl(jnp.asarray(expected), jnp.asarray(found[0]), grid)) == pytest.approx(0, abs=1e-3)


def test_without_an_energy_the_prior_is_normal():
    functions = {"decode": linear().method.functions["decode"]}
    z, mass = symbol_plane.quadrature(Trained(SimpleNamespace(functions=functions), None), 7.0, 100)
    moments = np.asarray(mass) @ np.asarray(z), np.asarray(mass) @ np.asarray(z) ** 2
    np.testing.assert_allclose(moments, [[0, 0], [1, 1]], atol=1e-3)


@pytest.mark.parametrize("name", ["8gaussians_x4", "pinwheel_x4"])
def test_modes_of_the_toys(name):
    """The law's mass lies inside the picture, and equal shares of it belong to the modes."""
    toy = TOYS[name]
    mass = np.exp(-np.asarray(toy.target.energy(toy.grid.x))) * toy.grid.cell
    assert mass.sum() == pytest.approx(1, abs=2e-3)
    distances = np.linalg.norm(np.asarray(toy.coordinate(toy.grid.x))[:, None] - toy.centres, axis=2)
    shares = np.bincount(np.argmin(distances, axis=1), weights=mass)
    np.testing.assert_allclose(shares, 1 / len(toy.centres), atol=3e-3)


def test_presence_of_words():
    x = np.array([[5, 5, 7, EOS], [6, EOS, PAD, PAD]])
    found = symbol_text.presence(x, 9).toarray()
    assert set(np.unique(found)) == {0.0, 1.0}
    np.testing.assert_array_equal(found[:, [5, 6, 7, 8]], [[1, 0, 1, 0], [0, 1, 0, 0]])


@pytest.fixture(scope="module")
def reviews(tmp_path_factory):
    """A file of labelled sentences, of which one word tells the label."""
    words, rows = ("the food was {} today", "we had a {} time", "{} service here"), []
    for i in range(80):
        rows.append(f"{i % 2}\t" + words[i % 3].format("bad" if i % 2 else "good"))
    path = tmp_path_factory.mktemp("reviews") / "reviews.txt"
    path.write_text("\n".join(rows) + "\n")
    return path


@pytest.mark.slow
def test_control_of_sentences(takes_minutes, reviews, run):
    found = run("symbol_vector", "yelp_small:smoke", f"--config.data.name=lines:{reviews}")
    assert {"bleu", "word_kl", "nll", "perplexity", "log_z", "reverse_perplexity"} <= set(found.metrics)
    assert 0 <= found.metrics["controlled_accuracy"] <= 1
    assert found.baselines["real"]["controlled_accuracy"] == 1.0  # the word is in every sentence
    assert "symbol 1" in (found.folder / "by_symbol.txt").read_text()


@pytest.mark.slow
@pytest.mark.parametrize("name", ["ptb_small", "daily_dialog"])
def test_sentences_without_labels(takes_minutes, name, reviews, run):
    found = run("symbol_vector", f"{name}:smoke", f"--config.data.name=lines:{reviews}")
    assert {"bleu", "word_kl", "nll", "perplexity"} <= set(found.metrics)
    if name == "ptb_small":
        assert {"bleu", "nll", "reverse_perplexity"} <= found.names["no_energy"]


@pytest.mark.slow
@pytest.mark.parametrize("name", ["eight_gaussians", "pinwheel"])
def test_toys(takes_minutes, name, run):
    found = run("symbol_vector", f"{name}:smoke")
    figures = {"kl_true_model", "kl_true_model_error", "kl_true_samples", "class_purity"}
    assert figures <= set(found.metrics) and figures <= found.names["no_energy"]
    assert found.metrics["kl_true_model"] > 0 and {"landscape", "classes"} <= found.pictures


@pytest.mark.slow
@pytest.mark.parametrize("name", ["miniboone", "protein"])
def test_tables_by_path(takes_minutes, name, tmp_path, run):
    random = np.random.RandomState(0)
    columns, num_classes = {"miniboone": (43, 2), "protein": (9, 3)}[name]
    part = lambda n: (random.randn(n, columns).astype(np.float32), np.arange(n) % num_classes)
    (x_train, y_train), (x_test, y_test) = part(60), part(30)
    np.savez(tmp_path / "table.npz", x_train=x_train, y_train=y_train, x_test=x_test, y_test=y_test)
    found = run("symbol_vector", f"{name}:smoke", f"--config.data.name=npz:{tmp_path}/table.npz")
    assert {"accuracy_mean", "reconstruction_mse"} <= set(found.metrics)
