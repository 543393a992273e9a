"""Flow contrastive estimation (Gao et al. 2020, arXiv 1912.00589): an energy and a flow, trained against each other.

First trains the flow by maximum likelihood (in the folder flow/ of the work directory), then both by telling data from
the flow's samples. In the plane it is compared with noise-contrastive estimation and with a longer-trained flow.
"""

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
    map_batches,
    sample_in_batches,
    square_grid,
)
from ebmjax.flows import bin_width, bits_per_dim, dequantize, quantize, triangular_affine
from ebmjax.methods import flow_contrastive
from ebmjax.nets import Confined
from ebmjax.objectives import noise_contrastive
from ebmjax.training import cli
from ebmjax.training.config import require
from ebmjax.training.experiment import Evaluation, Experiment
from ebmjax.training.metrics import read_rows
from ebmjax.training.optimizers import make_optimizers
from ebmjax.viz import health, landscape, pictures
from experiments.flow import by_likelihood, draw_samples, flow_of, num_levels, prepare
from experiments.pieces import make_data_energy
from experiments.toys import TOYS

LOWEST = {
    "model.energy.width": 1,
    "model.energy.widths": 1,
    "model.confinement": 0,
    "gate.threshold": 0,
    "gate.energy_every": 0,
    **{f"optimizer.{group}.learning_rate": 0 for group in ("energy", "log_normalizer", "flow")},
    "evaluate.batch_size": 1,
    "evaluate.max_examples": 2,
    "evaluate.feature_steps": 0,
    "evaluate.num_importance": 2,
}
GRID_LIMIT = 7.0
"""Half the side of the square on which toys are integrated: beyond it their models have no mass to speak of."""


def build(config, data_spec, flow, *, noise=None, noise_params=None):
    """The method of a config, from the trained `flow`; with `noise`, the energy against it, held fixed (NCE)."""
    for field, low in LOWEST.items():
        require(config, field, low)
    require(config, "gate.decay", 0, 1)
    energy = make_data_energy(config, data_spec.shape)
    weight = config.model.confinement
    optimizers = make_optimizers(config.optimizer, config.train.num_steps, 1)
    gate = config.gate.to_dict()
    if noise is not None:
        del optimizers["flow"]
        gate["threshold"] = 2.0  # above any accuracy: the energy alone learns
    return flow_contrastive(
        Confined(energy, weight) if weight else energy,
        noise or flow_of(config.flow, data_spec),
        flow_params=noise_params if noise is not None else flow.state.params["flow"],
        optimizers=optimizers,
        num_levels=num_levels(data_spec),
        **gate,
    )


def matched_gaussian(dim):
    """A Gaussian with the mean and covariance of the first batch, as a flow."""
    flow = triangular_affine(dim)

    def init(rng_key, x):
        factor = jnp.linalg.cholesky(jnp.cov(x, rowvar=False))
        scale = jnp.diagonal(factor)
        return {"shift": jnp.mean(x, axis=0), "log_scale": jnp.log(scale), "lower": jnp.tril(factor, -1)}

    return flow._replace(init=init)


def baselines(config, data_spec, flow):
    """As long as the method: NCE against a Gaussian and against the trained flow, both fixed; and more of the flow."""
    if not config.evaluate.baselines:
        return {}
    (dim,) = data_spec.shape
    return {
        "nce_gaussian": build(config, data_spec, flow, noise=matched_gaussian(dim)),
        "nce_flow": build(
            config, data_spec, flow, noise=flow_of(config.flow, data_spec), noise_params=flow.state.params["flow"]
        ),
        "flow_longer": by_likelihood(config.flow, data_spec, config.train.num_steps),
    }


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


def evaluate(run):
    """Energy, flow and opponents against the data, and the state of the game."""
    data = run.dataset
    if data.max_value is not None:
        most = run.config.evaluate.max_examples
        train, test = (to_float(x[:most], data.max_value) for x in (data.x_train, data.x_test))
        metrics, others, paths = sample_figures(run, train, test)
        found, more = density_figures(run, test)
        metrics, others = metrics | found, others | more
    else:
        metrics, others, paths = toy_figures(run) if data.x_train.shape[1:] == (2,) else ({}, {}, [])
        metrics |= classification(run, data.x_test[: run.config.evaluate.max_examples])
    rows = [row for row in read_rows(run.workdir / "metrics.jsonl") if row["step"] <= run.trained.state.step]
    if rows:
        health.plot_health(rows, run.workdir / "health.png", title=f"flow contrastive estimation on {data.name}")
        paths.append(run.workdir / "health.png")
        metrics["energy_updates"] = sum(row["num_energy_updates"] for row in rows) / rows[-1]["step"]
    return Evaluation(metrics, others, protocol(run.config), paths)


def protocol(config):
    """How the figures were measured."""
    longer = config.train.num_steps
    return (
        f"_flow: the flow of maximum likelihood ({config.flow.train.num_steps} steps), from which both start; "
        "_flow_fce, samples: the flow after the game; _nce_gaussian, _nce_flow: the same energy against fixed "
        f"noise, a Gaussian matched to the first batch, or that flow; _flow_longer: the flow by {longer} steps "
        f"of maximum likelihood. In the plane densities are normalised on 400 x 400 cells of [-{GRID_LIMIT}, "
        f"{GRID_LIMIT}]²: KL(true || .), mean test log-likelihood, in nats; log_z_error: |c - log Z| there. "
        "value, accuracy: of the classifier, on test data and as many samples of the flow. bits_per_dim of "
        "the model rests on the learned c and is no bound. energy_updates: share of the steps. Averaged "
        "parameters where training averages, no selection."
    )


EXPERIMENT = Experiment(
    name="flow_contrastive",
    default_config="configs/flow_contrastive/eight_gaussians.py",
    prepare=prepare,
    build=build,
    baselines=baselines,
    evaluate=evaluate,
    draw_samples=draw_samples,
)

if __name__ == "__main__":
    cli.main(EXPERIMENT, doc=__doc__)
