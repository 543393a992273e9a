"""Figures and pictures of the flow-backbone EBM: log Z, densities in the plane, samples and paths of images."""

from functools import partial

import jax
import jax.numpy as jnp
import numpy as np

from ebmjax.evaluation import grid_kl, grid_log_density
from ebmjax.report.results import OWN, Figures
from ebmjax.viz import landscape, pictures
from experiments.measure import images
from experiments.measure.estimates import estimate_figures
from experiments.measure.plane import TOYS, density_pictures, grid_of
from experiments.measure.spaces import Walk, class_changes

STRIP = 24
"""Points of a chain in the picture of its path."""

ARMS = {"latent": OWN, "data": "data_space"}
"""The arm of the chains in each space; our own samples in latent space."""


def normalizer_figures(run) -> dict:
    """log Z by importance sampling and by annealing, each with its error, ESS and k̂."""
    settings, (method, state) = run.config.evaluate, run.trained
    betas = jnp.linspace(0, 1, settings.num_betas)
    estimates = {
        "importance": partial(method.functions["log_normalizer"], num_samples=settings.num_importance),
        "annealed": partial(method.functions["annealed_log_normalizer"], betas=betas, num_chains=settings.num_annealed),
    }
    found = {}
    for name, estimate in estimates.items():
        found |= estimate_figures(f"log_z_{name}", jax.jit(estimate)(state, run.rng_key))
    return found


def plane_figures(run, x) -> tuple[Figures, dict]:
    """(log Z by quadrature on the picture's grid and, where the law is known, KL of model and flow; {path: caption}).

    x: draws `[N, 2]`.
    """
    toy, (method, state), flow = TOYS.get(run.dataset.name), run.trained, run.prepared["flow"]
    grid = grid_of(run.dataset)
    flow_energy = jax.jit(partial(flow.method.functions["energy"], flow.state))
    energy = jax.jit(partial(method.functions["data_energy"], state))
    log_flow, log_model = (grid_log_density(function, grid) for function in (flow_energy, energy))
    log_densities = {"flow, q(x)": log_flow, "model, exp(-E(x)) q(x) / Z": log_model}
    log_z = jax.nn.logsumexp(-energy(grid.x)) + np.log(grid.cell)
    figures: Figures = {OWN: {"log_z_quadrature": log_z}}
    draws = {"samples, latent chains": x}
    if toy is None:
        draws = {"data": run.dataset.x_test} | draws
    else:
        true = grid_log_density(toy.target.energy, grid)
        kl = lambda law: {"kl_true_model": grid_kl(true, law, grid)}
        figures = {OWN: kl(log_model) | figures[OWN], "flow": kl(log_flow)}
        log_densities = {"true density": true} | log_densities
    path = run.workdir / "landscape.png"
    densities = density_pictures(log_densities, grid)
    landscape.plot_landscape(densities, draws, grid.limit, path, title=f"flow-backbone EBM on {run.dataset.name}")
    return figures, {path: ""}


def image_figures(run, x, base_x, base: str, walks: dict[str, Walk]) -> tuple[Figures, dict]:
    """(Fréchet distances over a classifier's features, class changes of the chains; {path: caption}).

    x, base_x: samples of the model, and of the backbone, the arm `base`. walks: by space.
    """
    train, test = images.examples(run)
    shown = draw_images(run, x, base_x, base, walks)
    classifier = images.label_classifier(run, train)
    if classifier is None:
        return {}, shown
    arms = {OWN: x, base: base_x, "real": test}
    figures = images.frechet_figures({"features": classifier.features}, train, arms)
    for space, walk in walks.items():
        arm = figures.setdefault(ARMS[space], {})
        arm["class_changes"] = class_changes(walk.x, classifier.logits)
    return figures, shown


def draw_images(run, x, base_x, base: str, walks: dict[str, Walk]) -> dict:
    """{path: caption} of grids of samples, of the model and of the backbone, and of the paths of chains."""
    grids = {"samples": x, f"samples_{base}": base_x}
    shown = {run.workdir / f"{stem}.png": "" for stem in [*grids, *(f"path_{space}" for space in walks)]}
    paths = list(shown)
    for path, images_of in zip(paths, grids.values()):
        pictures.save_grid(images_of[:100], path)
    for path, (space, walk) in zip(paths[len(grids) :], walks.items()):
        steps = np.linspace(0, len(walk.x) - 1, STRIP).astype(int)
        strip = np.clip(np.swapaxes(walk.x[steps, :8], 0, 1), -1, 1)
        pictures.save_interpolations(strip, path, title=f"chains in {space} space, {len(walk.x)} transitions")
    return shown
