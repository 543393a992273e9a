"""Figures and pictures of flow contrastive estimation: densities in the plane, bits, samples, labels."""

from functools import partial

import jax
import jax.numpy as jnp
import numpy as np

from ebmjax.data import to_float, with_labels
from ebmjax.evaluation import (
    accuracy,
    fit_classifier,
    grid_kl,
    grid_log_density,
    map_batches,
    sample_in_batches,
    square_grid,
)
from ebmjax.flows import bin_width, bits_per_dim, dequantize, quantize
from ebmjax.objectives import noise_contrastive
from ebmjax.report.results import OWN, Figures
from ebmjax.viz import landscape, pictures
from experiments.build.flows import num_levels
from experiments.measure import images
from experiments.measure.estimates import estimate_figures
from experiments.measure.plane import TOYS, density_pictures

GRID_LIMIT = 7.0
"""Half the side of the square on which densities are integrated; beyond it the models have hardly any mass."""


def classifier_figures(run, x) -> dict:
    """V (nats) and accuracy (fraction) of the model as classifier of x `[N, ...]` and as many samples of the flow."""
    method, state = run.trained
    settings, ratio = run.config.evaluate, jax.jit(partial(method.functions["log_ratio"], state))
    samples = sample_in_batches(partial(method.sample, state), run.rng_key, len(x), settings.batch_size)
    at_data, at_noise = (map_batches(ratio, y, settings.batch_size) for y in (x, samples))
    loss, accuracy = noise_contrastive(at_data, at_noise)
    return {"value": -loss, "accuracy": accuracy}


def energies_of(run) -> dict:
    """{arm: potential}: the model, the flow before ("flow") and after the game ("flow_fce"), and the baselines."""
    method, state = run.trained
    flow = run.prepared["flow"]
    arms = {
        OWN: partial(method.functions["energy"], state),
        "flow": partial(flow.method.functions["energy"], flow.state),
        "flow_fce": lambda x: -method.functions["flow_log_prob"](state, x),
    }
    return arms | {name: partial(t.method.functions["energy"], t.state) for name, t in run.baselines.items()}


def plane_figures(run) -> tuple[Figures, dict]:
    """(figures of every arm normalised on the grid, {path: caption} of their densities).

    KL from the known law, test log-likelihood, and the error of the learned c as log Z.
    """
    data, grid = run.dataset, square_grid(GRID_LIMIT, 400)
    toy, (method, state) = TOYS.get(data.name), run.trained
    true = None if toy is None else grid_log_density(toy.target.energy, grid)
    with_normalizer = {OWN: run.trained, **run.baselines}
    figures, log_densities = {}, {}
    for arm, energy in energies_of(run).items():
        energy = jax.jit(energy)
        log_densities[arm or "EBM"] = log_density = grid_log_density(energy, grid)
        log_z = jax.nn.logsumexp(-energy(grid.x)) + np.log(grid.cell)
        found = {} if true is None else {"kl_true_model": grid_kl(true, log_density, grid)}
        found["test_log_likelihood"] = np.mean(-energy(jnp.asarray(data.x_test))) - log_z
        if arm in with_normalizer and "log_normalizer" in (params := with_normalizer[arm].state.params):
            found["log_z_error"] = np.abs(params["log_normalizer"] - log_z)
        figures[arm] = found
    draws = {"data": data.x_test, "samples of the flow, after": method.sample(state, run.rng_key, 5000)}
    path, title = run.workdir / "landscape.png", f"flow contrastive estimation on {data.name}"
    landscape.plot_landscape(density_pictures(log_densities, grid), draws, GRID_LIMIT, path, title=title)
    return figures, {path: ""}


def density_figures(run, test) -> Figures:
    """Bits per dimension, of the model with its learned c and of both flows, and log Z by importance sampling."""
    settings, (method, state), levels = run.config.evaluate, run.trained, num_levels(run.dataset)
    noisy = np.asarray(dequantize(run.rng_key, jnp.asarray(test), levels))
    learned, arms = state.params["log_normalizer"], energies_of(run)

    def bits(energy):
        log_prob = -map_batches(jax.jit(energy), noisy, settings.batch_size)
        return {"bits_per_dim": np.mean(bits_per_dim(log_prob, test[0].size, bin_width(levels)))}

    estimate = jax.jit(partial(method.functions["log_normalizer"], num_samples=settings.num_importance))
    own = bits(lambda x: arms[OWN](x) + learned)
    own |= {"log_normalizer": learned} | estimate_figures("log_z_importance", estimate(state, run.rng_key))
    own |= classifier_figures(run, noisy)
    return {OWN: own} | {name: bits(arms[name]) for name in ("flow", "flow_fce")}


def sample_figures(run, train, test) -> tuple[Figures, dict]:
    """(Fréchet distances to the training images of the flow's samples, after the game and before it ("flow");
    {path: caption} of their grids)."""
    flows = {OWN: run.trained, "flow": run.prepared["flow"]}
    samplers = {arm: partial(trained.method.sample, trained.state) for arm, trained in flows.items()}
    drawn = images.draw_arms(run, samplers, len(train))
    samples = {arm: quantize(x, num_levels(run.dataset)) for arm, x in drawn.items()}
    paths = [run.workdir / name for name in ("samples.png", "samples_flow.png")]
    for path, x in zip(paths, samples.values()):
        pictures.save_grid(x[:100], path)
    classifier, figures = images.label_classifier(run, train), {}
    if classifier is not None:
        figures = images.frechet_figures({"features": classifier.features}, train, samples | {"real": test})
    return figures, dict.fromkeys(paths, "")


def label_figures(run, train, test) -> Figures:
    """accuracy_labels of the class logits on test images; "supervised": of a classifier fitted to the labelled images
    alone."""
    (method, state), data = run.trained, run.dataset
    if "class_logits" not in method.functions:
        return {}
    logits = map_batches(
        jax.jit(partial(method.functions["class_logits"], state)), test, run.config.evaluate.batch_size
    )
    labels = data.y_test[: len(test)]
    known = with_labels(data, run.config.labels.per_class, run.config.seed).labelled
    known = np.arange(len(train)) if known is None else known
    x, y = to_float(data.x_train[known], data.max_value), data.y_train[known]
    key = jax.random.fold_in(run.rng_key, 2)
    supervised = fit_classifier(key, x, y, int(data.y_train.max()) + 1, num_steps=run.config.evaluate.feature_steps)
    return {
        OWN: {"accuracy_labels": np.mean(np.argmax(logits, axis=1) == labels)},
        "supervised": {"accuracy_labels": accuracy(supervised, jnp.asarray(test), labels)},
    }
