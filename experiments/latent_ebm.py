"""Latent-space energy-based prior on images (Pang et al. 2020, arXiv 2006.08205).

Trains p(z) ∝ exp(-E(z)) N(z; 0, I) and a generator p(x | z) by maximum likelihood with short Langevin chains.
"""

from functools import partial

import jax
import numpy as np

from ebmjax.mcmc import Chain, langevin
from ebmjax.methods import latent_ebm
from ebmjax.training import cli
from ebmjax.training.config import require
from ebmjax.training.experiment import Evaluation, Experiment
from ebmjax.training.optimizers import make_optimizers
from experiments import generators
from experiments.pieces import make_chain, make_energy, make_generator

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


def evaluate(run):
    """Reconstructions of test images, Fréchet distances of samples to the training images, and their pictures."""
    method, state = run.trained
    train, test = generators.examples(run)
    z, reconstructed = generators.encode_test(run, run.trained, test)
    metrics = {"test_mse": np.mean(np.square(reconstructed - test))}
    baselines = generators.pca_figures(train, test, z.shape[1])
    spaces = generators.feature_spaces(run, train)
    decode = partial(jax.jit(method.functions["decode"]), state)
    arms = {
        "": partial(method.sample, state),
        "gaussian_prior": lambda key, n: decode(jax.random.normal(key, (n, run.config.model.latent_dim))),
    } | {name: partial(other.method.sample, other.state) for name, other in run.baselines.items()}
    arms = generators.draw_arms(run, arms, len(train) if spaces else 100) | {"real": test}
    distances = generators.frechet_figures(spaces, train, arms)
    metrics, baselines = metrics | distances[0], baselines | distances[1]
    if rows := generators.logged_rows(run):
        metrics["energy_gap"] = rows[-1]["energy_gap"]
    paths = generators.draw(run, "latent EBM", arms[""], test, reconstructed, z)
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


EXPERIMENT = Experiment(
    name="latent_ebm",
    default_config="configs/latent_ebm/digits.py",
    build=build,
    baselines=baselines,
    evaluate=evaluate,
    draw_samples=generators.draw_samples,
)

if __name__ == "__main__":
    cli.main(EXPERIMENT, doc=__doc__)
