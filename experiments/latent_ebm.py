"""Latent-space energy-based prior on images (Pang et al. 2020, arXiv 2006.08205).

Trains p(z) ∝ exp(-E(z)) N(z; 0, I) and a generator p(x | z) by maximum likelihood with short Langevin chains.
"""

from functools import partial

import jax
import numpy as np

from ebmjax.data import to_float
from ebmjax.evaluation import fit_classifier, fit_gaussian, frechet_distance, map_batches, pca_mse, sample_in_batches
from ebmjax.mcmc import Chain, langevin
from ebmjax.methods import latent_ebm
from ebmjax.training import cli
from ebmjax.training.config import require
from ebmjax.training.experiment import Evaluation, Experiment
from ebmjax.training.metrics import read_rows
from ebmjax.training.optimizers import make_optimizers
from ebmjax.viz import health, pictures
from experiments.pieces import make_chain, make_energy, make_generator

MAX_PIXELS = 4096
"""Above this many pixels, distances over pixels and PCA would need covariances of gigabytes: they are left out."""

LOWEST = {
    "model.latent_dim": 1,
    "model.energy.widths": 1,
    "model.generator.widths": 1,
    "model.generator.width": 1,
    "sampler.refine_steps": 0,
    "evaluate.batch_size": 1,
    "evaluate.max_examples": 2,
    "evaluate.feature_steps": 0,
    **{
        f"optimizer.{group}.{field}": 0 for group in ("energy", "generator") for field in ("learning_rate", "clip_norm")
    },
}


def build(config, data_spec, *, gaussian_prior=False):
    """The method of a config; with `gaussian_prior`, the same generator under a fixed N(0, I)."""
    for field, low in LOWEST.items():
        require(config, field, low)
    steps_per_epoch = max(data_spec.num_train // config.train.batch_size, 1)
    optimizers = make_optimizers(config.optimizer, config.train.num_steps, steps_per_epoch)
    if gaussian_prior:
        del optimizers["energy"]
    sampler = config.sampler
    noise_free = partial(langevin, step_size=sampler.posterior.step_size, noise_scale=0)
    return latent_ebm(
        energy=None if gaussian_prior else make_energy(config),
        generator=make_generator(config, data_spec.shape),
        prior_chain=make_chain(config, "prior"),
        posterior_chain=make_chain(config, "posterior"),
        refine_chain=Chain(noise_free, sampler.refine_steps),
        optimizers=optimizers,
        sigma=config.model.sigma,
        latent_dim=config.model.latent_dim,
    )


def baselines(config, data_spec):
    """A generator trained with N(0, I), everything else equal: the fair opponent of the learned prior."""
    wanted = config.evaluate.gaussian_baseline
    return {"gaussian_trained": build(config, data_spec, gaussian_prior=True)} if wanted else {}


def draw_arms(run, decode, num):
    """Samples of every arm, images clipped to [-1, 1]: {"": learned prior, "gaussian_prior": N(0, I), ...}."""
    method, state = run.trained
    latent = lambda key, n: jax.random.normal(key, (n, run.config.model.latent_dim))
    arms = {
        "": partial(method.sample, state),
        "gaussian_prior": lambda key, n: decode(latent(key, n)),
    } | {name: partial(other.method.sample, other.state) for name, other in run.baselines.items()}
    size = run.config.evaluate.batch_size
    drawn = {name: sample_in_batches(arm, run.rng_key, num, size) for name, arm in arms.items()}
    is_image = run.dataset.max_value is not None
    return {name: np.clip(x, -1, 1) for name, x in drawn.items()} if is_image else drawn


def evaluate(run):
    """Reconstructions of test images, Fréchet distances of samples to the training images, and their pictures."""
    settings, data, (method, state) = run.config.evaluate, run.dataset, run.trained
    train, test = (to_float(x[: settings.max_examples], data.max_value) for x in (data.x_train, data.x_test))
    encode, decode = (partial(jax.jit(method.functions[name]), state) for name in ("encode", "decode"))
    z = map_batches(encode, test, settings.batch_size, rng_key=run.rng_key)
    reconstructed = map_batches(decode, z, settings.batch_size)
    metrics = {"test_mse": np.mean(np.square(reconstructed - test))}
    baselines = {}
    small = train[0].size <= MAX_PIXELS
    if small and z.shape[1] <= min(len(train), train[0].size):
        baselines["pca_mse"] = pca_mse(train, test, z.shape[1])
    spaces = {"pixels": lambda x: x.reshape(len(x), -1)} if small else {}
    if data.y_train is not None and settings.feature_steps:
        labels, key = data.y_train[: len(train)], jax.random.fold_in(run.rng_key, 1)
        classifier = fit_classifier(key, train, labels, int(labels.max()) + 1, num_steps=settings.feature_steps)
        spaces["features"] = classifier.features
    arms = draw_arms(run, decode, len(train) if spaces else 100) | {"real": test}
    for space, features in spaces.items():
        reference = fit_gaussian(features(train))
        for arm, x in arms.items():
            target = baselines if arm else metrics
            target["_".join(filter(None, ["frechet", space, arm]))] = frechet_distance(features(x), reference)
    rows = [row for row in read_rows(run.workdir / "metrics.jsonl") if row["step"] <= state.step]
    if rows:
        metrics["energy_gap"] = rows[-1]["energy_gap"]
    paths = draw(run, arms[""], test, reconstructed, z, rows)
    return Evaluation(metrics, baselines, protocol(run.config, len(train), len(test)), paths)


def protocol(config, num_train, num_test):
    """How the figures were measured."""
    sampler = config.sampler
    return (
        f"Fréchet distances of {num_train} clipped samples (prior chain of {sampler.prior.num_steps} steps) to the "
        f"{num_train} training images, over pixels in [-1, 1] and over the last hidden layer of a small classifier of "
        f"the labels; _real: {num_test} test images instead of samples; _gaussian_prior: N(0, I) through the same "
        f"generator; _gaussian_trained: a generator trained with N(0, I). test_mse: per pixel, one posterior sample "
        f"({sampler.posterior.num_steps} noisy, {sampler.refine_steps} noise-free steps) of {num_test} test images; "
        f"pca_mse: PCA with {config.model.latent_dim} components. Last parameters, no selection."
    )


def draw(run, samples, test, reconstructed, z, rows):
    """Sample grid, reconstructions beside originals, interpolations between test images, health of the training."""
    paths = [run.workdir / f"{name}.png" for name in ("samples", "reconstructions", "interpolation", "health")]
    method, state = run.trained
    health.plot_health(rows, paths[3], title=f"latent EBM on {run.dataset.name}")
    if test.ndim != 4:
        return paths[3:]  # a table has no pictures
    pictures.save_grid(samples[:100], paths[0])
    pictures.save_pairs(test[:20], reconstructed[:20], paths[1])
    half = min(8, len(z) // 2)
    pictures.save_interpolations(method.functions["interpolate"](state, z[:half], z[half : 2 * half], 10), paths[2])
    return paths


def draw_samples(x, path):
    """A grid of samples while training; nothing for tables."""
    if np.ndim(x) == 4:
        pictures.save_grid(x, path)


EXPERIMENT = Experiment(
    name="latent_ebm",
    default_config="configs/latent_ebm/digits.py",
    build=build,
    baselines=baselines,
    evaluate=evaluate,
    draw_samples=draw_samples,
)

if __name__ == "__main__":
    cli.main(EXPERIMENT, doc=__doc__)
