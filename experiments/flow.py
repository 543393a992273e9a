"""A normalising flow trained by maximum likelihood, on points of the plane, tables or images.

It is measured by the likelihood of test data; in the plane, where the law is known, also by KL(true || flow).
Experiments that rest on a flow train theirs by `prepare`.
"""

from functools import partial
from pathlib import Path

import jax
import jax.numpy as jnp
import numpy as np
from ml_collections import ConfigDict

from ebmjax.data import to_float
from ebmjax.energies import gaussian
from ebmjax.evaluation import grid_kl, grid_log_density, map_batches, square_grid
from ebmjax.flows import bin_width, bits_per_dim, dequantize, make_flow
from ebmjax.methods import flow_mle
from ebmjax.training import cli
from ebmjax.training.config import ConfigError, require
from ebmjax.training.experiment import Evaluation, Experiment
from ebmjax.training.metrics import read_rows
from ebmjax.training.optimizers import make_optimizers
from ebmjax.training.run import restore
from ebmjax.viz import health, landscape, pictures
from experiments.pieces import stage_config
from experiments.toys import TOYS

MAX_PIXELS = 1024
"""Above this many pixels a Gaussian's covariance takes longer than it is worth: that opponent is left out."""

LOWEST_OF_TRAINING = {f"optimizer.flow.{field}": 0 for field in ("learning_rate", "clip_norm", "warmup_steps")}
LOWEST = LOWEST_OF_TRAINING | {
    "evaluate.batch_size": 1,
    "evaluate.max_examples": 2,
    "evaluate.temperature": 0,
}


def num_levels(data):
    """Grey levels of images; None for tables."""
    return None if data.max_value is None else data.max_value + 1


def flow_of(config, data_spec):
    """The flow of config.model.flow: name, of `FLOWS`, and its options."""
    options = config.model.flow.to_dict()
    return make_flow(options.pop("name"), data_spec.shape, **options)


def by_likelihood(config, data_spec, num_steps):
    """Its training by maximum likelihood, `num_steps` long, by config.optimizer and config.train.batch_size."""
    steps_per_epoch = max(data_spec.num_train // config.train.batch_size, 1)
    optimizers = make_optimizers(config.optimizer, num_steps, steps_per_epoch)
    return flow_mle(flow_of(config, data_spec), optimizers=optimizers, num_levels=num_levels(data_spec))


def build(config, data_spec):
    """The method of a config."""
    for field, low in LOWEST.items():
        require(config, field, low)
    return by_likelihood(config, data_spec, config.train.num_steps)


def prepare(config, data_spec):
    """`Experiment.prepare` of what rests on a flow: that of the run config.flow.run, or else the training of
    config.flow (sections model.flow, train, optimizer.flow), with a config of its own that holds all it depends on, and
    no more."""
    if config.flow.get("run"):
        return {"flow": flow_of_run(config)}
    for field, low in LOWEST_OF_TRAINING.items():
        require(config, f"flow.{field}", low)
    own = stage_config(config, {name: part for name, part in config.flow.to_dict().items() if name != "run"})
    return {"flow": (own, by_likelihood(config.flow, data_spec, config.flow.train.num_steps))}


def flow_of_run(config):
    """What the run config.flow.run of this experiment trained. Raises ConfigError if it is no such run, or of other
    data or of another flow than config says."""
    theirs, trained = restore(Path(config.flow.run))
    if theirs.experiment != EXPERIMENT.name:
        raise ConfigError(f"flow.run = {config.flow.run} is a run of experiments.{theirs.experiment}, not of a flow")
    # How it is computed may differ.
    fields = [
        {"data.name": c.data.name} | {k: v for k, v in c.model.flow.to_dict().items() if k not in ("form", "remat")}
        for c in (theirs, ConfigDict({"data": config.data, "model": config.flow.model}))
    ]
    if fields[0] != fields[1]:
        raise ConfigError(f"flow.run = {config.flow.run} trained {fields[0]}, but this config has {fields[1]}")
    return trained


def continuous(run, x):
    """Examples as the flow sees them: images with noise over their grey levels, a fixed draw of it."""
    x, levels = jnp.asarray(to_float(x, run.dataset.max_value)), num_levels(run.dataset)
    return np.asarray(x if levels is None else dequantize(run.rng_key, x, levels))


def gaussian_log_prob(train, x):
    """log N(x; mean, covariance of `train`) `[N]` in nats, what a flow must beat; None if that has no density."""
    train, x = train.reshape(len(train), -1), x.reshape(len(x), -1)
    if train.shape[1] > MAX_PIXELS:
        return None
    covariance = np.atleast_2d(np.cov(train.T, ddof=0))
    if np.linalg.matrix_rank(covariance) < len(covariance):
        return None
    fitted = gaussian(train.mean(axis=0), covariance)
    return -fitted.energy(jnp.asarray(x)) - fitted.log_z


def figures_of(run, name, log_q):
    """{"<name>_log_likelihood": mean in nats, of images also "<name>_bits_per_dim"} of log q `[N]`."""
    found, levels = {f"{name}_log_likelihood": np.mean(log_q)}, num_levels(run.dataset)
    if levels is not None:
        dim = int(np.prod(run.dataset.x_test.shape[1:]))
        found[f"{name}_bits_per_dim"] = np.mean(bits_per_dim(log_q, dim, bin_width(levels)))
    return found


def evaluate(run):
    """Likelihoods of test and training data, those of other laws, and pictures."""
    settings, (method, state), data = run.config.evaluate, run.trained, run.dataset
    train, test = (continuous(run, x[: settings.max_examples]) for x in (data.x_train, data.x_test))
    energy = jax.jit(partial(method.functions["energy"], state))
    log_prob = lambda x: -map_batches(energy, x, settings.batch_size)
    metrics = figures_of(run, "test", log_prob(test)) | figures_of(run, "train", log_prob(train))
    baselines, opponent = {}, gaussian_log_prob(train, test)
    if opponent is not None:
        baselines |= {f"{name}_gaussian": value for name, value in figures_of(run, "test", opponent).items()}
    paths = [run.workdir / "health.png"]
    rows = [row for row in read_rows(run.workdir / "metrics.jsonl") if row["step"] <= state.step]
    health.plot_health(rows, paths[0], title=f"{run.config.model.flow.name} on {data.name}")
    if test.shape[1:] == (2,):
        found, others, path = plane_figures(run, log_prob, test)
        metrics, baselines, paths = metrics | found, baselines | others, [path, *paths]
    if test.ndim == 4:
        paths = draw_images(run) + paths
    return Evaluation(metrics, baselines, protocol(run.config, len(train), len(test)), paths)


def plane_figures(run, log_prob, test):
    """KL(true || flow) in nats where the law is known, and the density beside it and the samples."""
    toy = TOYS.get(run.dataset.name)
    grid = square_grid(1.05 * float(np.abs(test).max())) if toy is None else toy.grid
    log_flow, metrics, baselines, densities = log_prob(np.asarray(grid.x)), {}, {}, {}
    if toy is not None:
        log_true = grid_log_density(toy.target.energy, grid)
        metrics["kl_true_flow"] = grid_kl(log_true, log_flow, grid)
        baselines["test_log_likelihood_true"] = -np.mean(toy.target.energy(jnp.asarray(test))) - toy.target.log_z
        densities["true density"] = log_true
    densities = {
        name: np.exp(log).reshape(grid.num, grid.num) for name, log in (densities | {"flow": log_flow}).items()
    }
    samples = run.trained.method.sample(run.trained.state, run.rng_key, len(test))
    path = run.workdir / "landscape.png"
    draws = {"data": test, "samples of the flow": samples}
    landscape.plot_landscape(densities, draws, grid.limit, path, title=f"flow on {run.dataset.name}")
    return metrics, baselines, path


def draw_images(run):
    """Grids of 100 samples, of the flow itself and at a lower temperature."""
    (method, state), temperature = run.trained, run.config.evaluate.temperature
    paths = [run.workdir / f"{name}.png" for name in ("samples", "samples_cool")]
    sample = jax.jit(method.functions["sample"], static_argnums=2)
    for path, t in zip(paths, (1.0, temperature)):
        pictures.save_grid(sample(state, run.rng_key, 100, t), path, title=f"temperature {t:g}")
    return paths


def protocol(config, num_train, num_test):
    """How the figures were measured."""
    return (
        f"log_likelihood: mean of log q over {num_test} test (train_: the first {num_train} training) examples, in "
        "nats; images are in [-1, 1], dequantised by one draw of uniform noise. bits_per_dim: of the image's grey "
        "levels, an upper bound in expectation. _gaussian: a Gaussian with mean and covariance of those training "
        "examples; _true: the known law. kl_true_flow: sum over 200 x 200 cells of the picture, nats. "
        f"{'Averaged' if config.train.ema_decay else 'Last'} parameters, no selection."
    )


def draw_samples(x, path):
    """A grid of samples while training; nothing for points of the plane or tables."""
    if np.ndim(x) == 4:
        pictures.save_grid(x, path)


EXPERIMENT = Experiment(
    name="flow",
    default_config="configs/flow/eight_gaussians.py",
    build=build,
    evaluate=evaluate,
    draw_samples=draw_samples,
)

if __name__ == "__main__":
    cli.main(EXPERIMENT, doc=__doc__)
