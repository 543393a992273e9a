"""Latent-space energy-based prior on images (Pang et al. 2020, arXiv 2006.08205).

Trains p(z) ∝ exp(-E(z)) N(z; 0, I) and a generator p(x | z) by maximum likelihood with short Langevin chains.
"""

from functools import partial

import jax
import numpy as np

from ebmjax.data import to_float
from ebmjax.evaluation import fit_classifier, frechet_distance, map_batches, pca_mse, sample_in_batches
from ebmjax.mcmc import Chain, langevin
from ebmjax.methods import latent_ebm
from ebmjax.training import cli
from ebmjax.training.experiment import Evaluation, Experiment
from ebmjax.training.metrics import read_rows
from ebmjax.training.optimizers import make_optimizers
from ebmjax.viz import health, pictures
from experiments.pieces import make_chain, make_energy, make_generator

MAX_PIXELS = 4096
"""Above this many pixels, distances over pixels and PCA would need covariances of gigabytes: they are left out."""


def build(config, data_spec, *, gaussian_prior=False):
    """The method of a config; with `gaussian_prior`, the same generator under a fixed N(0, I)."""
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


def draw_arms(run, num):
    """Clipped samples of every arm, {"": learned prior, "gaussian_prior": N(0, I) through the same generator, ...}."""
    method, state = run.trained
    latent = lambda key, n: jax.random.normal(key, (n, run.config.model.latent_dim))
    arms = {
        "": partial(method.sample, state),
        "gaussian_prior": lambda key, n: method.functions["decode"](state, latent(key, n)),
    } | {name: partial(other.method.sample, other.state) for name, other in run.baselines.items()}
    size = run.config.evaluate.batch_size
    return {name: np.clip(sample_in_batches(arm, run.rng_key, num, size), -1, 1) for name, arm in arms.items()}


def evaluate(run):
    """Reconstruction of test images, and Fréchet distances of samples to the training images."""
    settings, data, (method, state) = run.config.evaluate, run.dataset, run.trained
    train, test = (to_float(x[: settings.max_examples], data.max_value) for x in (data.x_train, data.x_test))
    mse_of = lambda x: method.evaluate(state, run.rng_key, {"x": x})["reconstruction_mse"]
    metrics = {"test_mse": np.mean(map_batches(mse_of, test, settings.batch_size))}
    small = train[0].size <= MAX_PIXELS
    baselines = {}
    if small and run.config.model.latent_dim <= min(len(train), train[0].size):
        baselines["pca_mse"] = pca_mse(train, test, run.config.model.latent_dim)
    arms = draw_arms(run, len(train)) | {"real": test}
    spaces = {"pixels": lambda x: x.reshape(len(x), -1)} if small else {}
    if data.y_train is not None and settings.feature_steps:
        labels = data.y_train[: len(train)]
        classifier = fit_classifier(
            jax.random.fold_in(run.rng_key, 1),
            train,
            labels,
            int(data.y_train.max()) + 1,
            num_steps=settings.feature_steps,
        )
        spaces["features"] = classifier.features
    for space, features in spaces.items():
        reference = features(train)
        for arm, x in arms.items():
            target = baselines if arm else metrics
            target["_".join(filter(None, ["frechet", space, arm]))] = frechet_distance(features(x), reference)
    rows = read_rows(run.workdir / "metrics.jsonl")
    metrics["energy_gap"] = rows[-1]["energy_gap"]
    sampler = run.config.sampler
    protocol = (
        f"Fréchet distances of {len(train)} clipped samples (prior chain of {sampler.prior.num_steps} steps) to the "
        f"{len(train)} training images, over pixels in [-1, 1] and over the last hidden layer of a small classifier of "
        f"the labels; _real: {len(test)} test images instead of samples; _gaussian_prior: N(0, I) through the same "
        f"generator; _gaussian_trained: a generator trained with N(0, I). test_mse: per pixel, one posterior sample "
        f"({sampler.posterior.num_steps} noisy, {sampler.refine_steps} noise-free steps) of {len(test)} test images; "
        f"pca_mse: PCA with {run.config.model.latent_dim} components. Last parameters, no selection."
    )
    return Evaluation(metrics, baselines, protocol)


def draw(run):
    """Sample grid, reconstructions beside originals, interpolations between test images, health of the training."""
    method, state = run.trained
    shown = to_float(run.dataset.x_test[:20], run.dataset.max_value)
    keys = jax.random.split(run.rng_key, 3)
    paths = [run.workdir / f"{name}.png" for name in ("samples", "reconstructions", "interpolation", "health")]
    pictures.save_grid(jax.jit(method.sample, static_argnums=2)(state, keys[0], 100), paths[0])
    pictures.save_pairs(shown, jax.jit(method.functions["reconstruct"])(state, keys[1], shown), paths[1])
    z = jax.jit(method.functions["encode"])(state, keys[2], shown)
    pictures.save_interpolations(method.functions["interpolate"](state, z[:8], z[8:16], 10), paths[2])
    health.plot_health(read_rows(run.workdir / "metrics.jsonl"), paths[3], title=f"latent EBM on {run.dataset.name}")
    return paths


EXPERIMENT = Experiment(
    name="latent_ebm",
    default_config="configs/latent_ebm/digits.py",
    build=build,
    baselines=baselines,
    evaluate=evaluate,
    draw=draw,
    draw_samples=pictures.save_grid,
)

if __name__ == "__main__":
    cli.main(EXPERIMENT, doc=__doc__)
