"""Figures and pictures of symbol-vector coupling in the plane: the density of x by quadrature over z, and classes."""

from functools import partial

import jax
import jax.numpy as jnp
import numpy as np

from ebmjax.diagnostics import nearest_mode
from ebmjax.energies import standard_normal
from ebmjax.evaluation import grid_kl, grid_log_density, kernel_density, map_batches, purity, square_grid
from ebmjax.report.results import OWN, Figures
from ebmjax.viz import landscape
from experiments.measure.few_labels import first_draw
from experiments.measure.plane import TOYS

NUM_CELLS = 400
"""Of the grid of z, along a side; the error is told by one of half as many."""
NUM_DRAWS = 20_000
"""Of p(z) by chains."""
PROTOCOL = (
    "kl_true_model: KL in nats of the law of the data from p(x) = ∫ p(z) N(x; g(z), σ² I) dz, by quadrature on "
    f"{NUM_CELLS} x {NUM_CELLS} cells of z, p(z) normalised on them; kl_true_model_error: its difference from half as "
    f"many a side. kl_true_samples: KL from N(x; g(z), σ² I) averaged over {NUM_DRAWS:,} ends z of the chains of p(z) "
    "(exact draws without an energy). class_purity: share of the test examples whose mode is the most frequent one of "
    "their most probable symbol. "
)


def known(run) -> bool:
    """Whether the data have a known law in the plane, and z is in a plane too."""
    return run.dataset.name in TOYS and run.config.model.latent_dim == 2


def prior_energy(trained):
    """z -> U of p(z), up to a constant: that of the learned prior, or ||z||² / 2."""
    energy = trained.method.functions.get("energy")
    return standard_normal if energy is None else partial(energy, trained.state)


def decoded(trained, z, batch_size: int):
    """g(z): `[N, 2]` -> `[N, 2]`."""
    return map_batches(partial(jax.jit(trained.method.functions["decode"]), trained.state), np.asarray(z), batch_size)


def log_density(trained, grid, sigma: float, z, weights=None):
    """log of the mass-weighted mixture of N(g(z), sigma² I) over z`[N, 2]`, on the grid of x: `[num²]` in nats.

    A density below 1e-37 counts as 1e-37.
    """
    x = jnp.asarray(decoded(trained, z, 20_000))
    return jnp.log(jnp.maximum(kernel_density(x, grid, sigma, weights), 1e-37))


def quadrature(trained, limit: float, num: int):
    """(z`[num², 2]`, mass of each `[num²]`) of p(z) on [-limit, limit]²."""
    grid = square_grid(limit, num)
    return grid.x, jnp.exp(grid_log_density(jax.jit(prior_energy(trained)), grid)) * grid.cell


def measure(run, trained) -> tuple[dict, dict]:
    """(figures, {"log_density": on the grid of x, "z": draws of p(z), "symbols": of the test examples}) of one arm."""
    toy, sigma, functions = TOYS[run.dataset.name], run.config.model.sigma, trained.method.functions
    draw = jax.jit(functions["sample_latent"], static_argnums=2)
    z, mean = np.asarray(draw(trained.state, run.rng_key, NUM_DRAWS)), encoded(run, trained)
    limit = 1.5 * float(max(np.abs(z).max(), np.abs(mean).max()))
    true = grid_log_density(toy.target.energy, toy.grid)
    fine, half = (
        log_density(trained, toy.grid, sigma, *quadrature(trained, limit, n)) for n in (NUM_CELLS, NUM_CELLS // 2)
    )
    found = {"kl_true_model": grid_kl(true, fine, toy.grid)}
    found["kl_true_model_error"] = jnp.abs(found["kl_true_model"] - grid_kl(true, half, toy.grid))
    found["kl_true_samples"] = grid_kl(true, log_density(trained, toy.grid, sigma, z), toy.grid)
    symbols = np.argmax(jax.jit(functions["latent_logits"])(trained.state, mean), axis=1)
    modes = np.asarray(nearest_mode(toy.coordinate(jnp.asarray(run.dataset.x_test)), jnp.asarray(toy.centres)))
    found["class_purity"] = purity(symbols, modes)
    return {name: float(value) for name, value in found.items()}, {"log_density": fine, "z": z, "symbols": symbols}


def encoded(run, trained):
    """μ(x) of the test examples: `[N, 2]`."""
    encode = partial(jax.jit(trained.method.functions["encode"]), trained.state)
    return map_batches(encode, run.dataset.x_test, run.config.evaluate.batch_size)


def figures_and_pictures(run) -> tuple[Figures, dict]:
    """(figures of every arm that has a coupling, {path: caption} of the densities and the classes of our own)."""
    arms = {OWN: run.trained} | {arm: t for arm, t in run.baselines.items() if "latent_logits" in t.method.functions}
    found = {arm: measure(run, first_draw(trained)) for arm, trained in arms.items()}
    toy, own, data = TOYS[run.dataset.name], first_draw(run.trained), run.dataset
    seen = found[OWN][1]
    square = lambda log: np.exp(log).reshape(toy.grid.num, toy.grid.num)
    densities = {"data (true density)": square(grid_log_density(toy.target.energy, toy.grid))}
    densities |= {f"p(x), {arm or 'symbol-vector'}": square(rest["log_density"]) for arm, (_, rest) in found.items()}
    draws = {"g(z), z by chains of p(z)": decoded(own, seen["z"][:5000], 5000)}
    path, classes = run.workdir / "landscape.png", run.workdir / "classes.png"
    title = f"symbol-vector coupling on {data.name}"
    landscape.plot_landscape(densities, {"test examples": data.x_test, **draws}, toy.limit, path, title=title)
    mean = encoded(run, own)
    symbols = np.argmax(jax.jit(own.method.functions["latent_logits"])(own.state, seen["z"]), axis=1)
    panels = {
        "test examples, by most probable symbol": (data.x_test, seen["symbols"]),
        "g(z), z by chains of p(z)": (draws["g(z), z by chains of p(z)"], symbols[:5000]),
        "mean z of the test examples": (mean, seen["symbols"]),
        "z by chains of p(z)": (seen["z"], symbols),
    }
    landscape.plot_classes(panels, classes, title=title)
    captions = {
        path: "Densities of x, and draws.",
        classes: "Most probable symbols, in the plane of x and in that of z.",
    }
    return {arm: figures for arm, (figures, _) in found.items()}, captions
