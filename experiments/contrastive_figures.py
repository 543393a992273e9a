"""Figures and pictures of flow contrastive estimation: densities in the plane, bits, samples, labels."""

from functools import partial

import jax
import jax.numpy as jnp
import numpy as np

from ebmjax.data import to_float, with_labels
from ebmjax.evaluation import (
    accuracy,
    fit_classifier,
    fit_gaussian,
    frechet_distance,
    grid_kl,
    grid_log_density,
    map_batches,
    sample_in_batches,
    square_grid,
)
from ebmjax.flows import bin_width, bits_per_dim, dequantize, quantize
from ebmjax.objectives import noise_contrastive
from ebmjax.viz import landscape, pictures
from experiments.flow import num_levels
from experiments.toys import TOYS

GRID_LIMIT = 7.0
"""Half the side of the square on which toys are integrated: beyond it their models have no mass to speak of."""


def classification(run, x):
    """V and accuracy on x `[N, ...]` and as many samples of the flow, in nats and as a fraction."""
    method, state = run.trained
    settings, ratio = run.config.evaluate, jax.jit(partial(method.functions["log_ratio"], state))
    samples = sample_in_batches(partial(method.sample, state), run.rng_key, len(x), settings.batch_size)
    at_data, at_noise = (map_batches(ratio, y, settings.batch_size) for y in (x, samples))
    loss, accuracy = noise_contrastive(at_data, at_noise)
    return {"value": -loss, "accuracy": accuracy}


def energies_of(run):
    """{arm: potential}: "" the model, "flow" the trained flow, "flow_fce" after its game, and the baselines."""
    method, state = run.trained
    flow = run.prepared["flow"]
    arms = {
        "": partial(method.functions["energy"], state),
        "flow": partial(flow.method.functions["energy"], flow.state),
        "flow_fce": lambda x: -method.functions["flow_log_prob"](state, x),
    }
    return arms | {name: partial(t.method.functions["energy"], t.state) for name, t in run.baselines.items()}


def toy_figures(run):
    """Every arm normalised on the grid: KL from the known law, test log-likelihood; log Z against the learned c."""
    data, flow = run.dataset, run.prepared["flow"]
    grid, toy = square_grid(GRID_LIMIT, 400), TOYS.get(data.name)
    true = None if toy is None else grid_log_density(toy.target.energy, grid)
    metrics, others, densities = {}, {}, {}
    for arm, energy in energies_of(run).items():
        energy = jax.jit(energy)
        log_density = grid_log_density(energy, grid)
        log_z = jax.nn.logsumexp(-energy(grid.x)) + np.log(grid.cell)
        target, suffix = (others, f"_{arm}") if arm else (metrics, "")
        if true is not None:
            target[f"kl_true{suffix or '_model'}"] = grid_kl(true, log_density, grid)
        target[f"test_log_likelihood{suffix}"] = np.mean(-energy(jnp.asarray(data.x_test))) - log_z
        learned = (run.trained if not arm else run.baselines.get(arm, flow)).state.params.get("log_normalizer")
        if learned is not None:
            target[f"log_z_error{suffix}"] = np.abs(learned - log_z)
        densities[arm or "EBM"] = np.exp(log_density).reshape(grid.num, grid.num)
    method, state = run.trained
    draws = {"data": data.x_test, "samples of the flow, after": method.sample(state, run.rng_key, 5000)}
    path = run.workdir / "landscape.png"
    landscape.plot_landscape(densities, draws, GRID_LIMIT, path, title=f"flow contrastive estimation on {data.name}")
    return metrics, others, [path]


def density_figures(run, test):
    """Bits per dimension, of the model with its learned c and of both flows, and log Z by importance sampling."""
    settings, (method, state), levels = run.config.evaluate, run.trained, run.dataset.max_value + 1
    noisy = np.asarray(dequantize(run.rng_key, jnp.asarray(test), levels))
    learned, arms = state.params["log_normalizer"], energies_of(run)

    def bits(energy):
        log_prob = -map_batches(jax.jit(energy), noisy, settings.batch_size)
        return np.mean(bits_per_dim(log_prob, test[0].size, bin_width(levels)))

    metrics = {"bits_per_dim": bits(lambda x: arms[""](x) + learned), "log_normalizer": learned}
    others = {f"bits_per_dim_{name}": bits(arms[name]) for name in ("flow", "flow_fce")}
    estimate = jax.jit(partial(method.functions["log_normalizer"], num_samples=settings.num_importance))
    others["log_z_importance"], others["log_z_importance_error"] = estimate(state, run.rng_key)
    return metrics | classification(run, noisy), others


def sample_figures(run, train, test):
    """Grids of the flow's samples, before and after the game, and their Fréchet distances to the training images."""
    settings, data = run.config.evaluate, run.dataset
    arms = {"": run.trained, "_flow": run.prepared["flow"]}
    metrics, others, paths = {}, {}, [run.workdir / f"samples{name}.png" for name in arms]
    draw = lambda arm: sample_in_batches(
        partial(arm.method.sample, arm.state), run.rng_key, len(train), settings.batch_size
    )
    samples = {name: quantize(draw(arm), num_levels(data)) for name, arm in arms.items()}
    for path, x in zip(paths, samples.values()):
        pictures.save_grid(x[:100], path)
    if data.y_train is None or not settings.feature_steps:
        return metrics, others, paths
    labels, key = data.y_train[: len(train)], jax.random.fold_in(run.rng_key, 1)
    classifier = fit_classifier(key, train, labels, int(labels.max()) + 1, num_steps=settings.feature_steps)
    reference = fit_gaussian(classifier.features(train))
    for name, x in (samples | {"_real": test}).items():
        target = others if name else metrics
        target[f"frechet_features{name}"] = frechet_distance(classifier.features(jnp.asarray(x)), reference)
    return metrics, others, paths


def label_figures(run, train, test):
    """Accuracy of the class logits on test images, and of a classifier that was fitted to the labelled images alone."""
    (method, state), data = run.trained, run.dataset
    if "class_logits" not in method.functions:
        return {}, {}
    logits = map_batches(
        jax.jit(partial(method.functions["class_logits"], state)), test, run.config.evaluate.batch_size
    )
    labels = data.y_test[: len(test)]
    known = with_labels(data, run.config.labels.per_class, run.config.seed).labelled
    known = np.arange(len(train)) if known is None else known
    x, y = to_float(data.x_train[known], data.max_value), data.y_train[known]
    key = jax.random.fold_in(run.rng_key, 2)
    supervised = fit_classifier(key, x, y, int(data.y_train.max()) + 1, num_steps=run.config.evaluate.feature_steps)
    return (
        {"accuracy_labels": np.mean(np.argmax(logits, axis=1) == labels)},
        {"accuracy_labels_supervised": accuracy(supervised, jnp.asarray(test), labels)},
    )
