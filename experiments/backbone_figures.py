"""Figures and pictures of the flow-backbone EBM: log Z, densities in the plane, samples and paths of images."""

from functools import partial

import jax
import jax.numpy as jnp
import numpy as np

from ebmjax.data import to_float
from ebmjax.evaluation import (
    fit_classifier,
    fit_gaussian,
    frechet_distance,
    grid_kl,
    grid_log_density,
    square_grid,
)
from ebmjax.viz import landscape, pictures
from experiments.mixing import class_changes
from experiments.toys import TOYS

STRIP = 24
"""Points of a chain in the picture of its path."""


def normalizer_figures(run):
    """log Z by importance sampling and by annealing, with standard errors."""
    settings, (method, state) = run.config.evaluate, run.trained
    betas = jnp.linspace(0, 1, settings.num_betas)
    estimates = {
        "importance": partial(method.functions["log_normalizer"], num_samples=settings.num_importance),
        "annealed": partial(method.functions["annealed_log_normalizer"], betas=betas, num_chains=settings.num_annealed),
    }
    found = {}
    for name, estimate in estimates.items():
        found[f"log_z_{name}"], found[f"log_z_{name}_error"] = jax.jit(estimate)(state, run.rng_key)
    return found


def plane_figures(run, x):
    """On the picture's grid log Z by quadrature and, where the law is known, KL; and the picture. x: draws `[N, 2]`."""
    toy, (method, state), flow = TOYS.get(run.dataset.name), run.trained, run.prepared["flow"]
    grid = square_grid(1.05 * float(np.abs(run.dataset.x_test).max())) if toy is None else toy.grid
    energies = {
        "flow": jax.jit(partial(flow.method.functions["energy"], flow.state)),
        "model": jax.jit(partial(method.functions["data_energy"], state)),
    }
    if toy is not None:
        energies = {"true": toy.target.energy} | energies
    laws = {name: grid_log_density(energy, grid) for name, energy in energies.items()}
    figures = {"log_z_quadrature": jax.nn.logsumexp(-energies["model"](grid.x)) + np.log(grid.cell)}
    others = {}
    if toy is not None:
        figures = {"kl_true_model": grid_kl(laws["true"], laws["model"], grid)} | figures
        others["kl_true_flow"] = grid_kl(laws["true"], laws["flow"], grid)
    titles = {"true": "true density", "flow": "flow, q(x)", "model": "model, exp(-E(x)) q(x) / Z"}
    densities = {titles[name]: np.exp(law).reshape(grid.num, grid.num) for name, law in laws.items()}
    path = run.workdir / "landscape.png"
    draws = ({"data": run.dataset.x_test} if toy is None else {}) | {"samples, latent chains": x}
    landscape.plot_landscape(densities, draws, grid.limit, path, title=f"flow-backbone EBM on {run.dataset.name}")
    return figures, others, [path]


def image_figures(run, x, base_x, base, walks):
    """Fréchet distances over a classifier's features, class changes of the chains; sample grids and paths.

    base_x: samples of the backbone, which is called `base`. walks: by space.
    """
    data, settings = run.dataset, run.config.evaluate
    train, test = (to_float(a[: settings.max_examples], data.max_value) for a in (data.x_train, data.x_test))
    stems = ["samples", f"samples_{base}", *(f"path_{space}" for space in walks)]
    paths = [run.workdir / f"{stem}.png" for stem in stems]
    pictures.save_grid(x[:100], paths[0])
    pictures.save_grid(base_x[:100], paths[1])
    for path, name in zip(paths[2:], walks):
        walk = walks[name].x
        steps = np.linspace(0, len(walk) - 1, STRIP).astype(int)
        strip = np.swapaxes(walk[steps, :8], 0, 1)
        pictures.save_interpolations(
            np.clip(strip, -1, 1), path, title=f"chains in {name} space, {len(walk)} transitions"
        )
    if data.y_train is None or not settings.feature_steps:
        return {}, {}, paths
    labels, key = data.y_train[: len(train)], jax.random.fold_in(run.rng_key, 1)
    classifier = fit_classifier(key, train, labels, int(labels.max()) + 1, num_steps=settings.feature_steps)
    reference = fit_gaussian(classifier.features(train))
    distance = lambda y: frechet_distance(classifier.features(y), reference)
    figures = {
        "frechet_features": distance(x),
        "class_changes": class_changes(walks["latent"].x, classifier.logits),
    }
    others = {f"frechet_features_{base}": distance(base_x), "frechet_features_real": distance(test)}
    if "data" in walks:
        others["class_changes_data_space"] = class_changes(walks["data"].x, classifier.logits)
    return figures, others, paths
