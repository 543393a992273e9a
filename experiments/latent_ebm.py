"""Latent-space energy-based prior on images and sentences (Pang et al. 2020, arXiv 2006.08205).

Trains p(z) ∝ exp(-E(z)) N(z; 0, I) and a generator p(x | z) by maximum likelihood with short Langevin chains.
"""

from functools import partial

import jax
import numpy as np

from ebmjax.mcmc import Chain, langevin
from ebmjax.methods import latent_ebm
from ebmjax.training import cli
from ebmjax.training.config import ConfigError, require
from ebmjax.training.experiment import Evaluation, Experiment
from ebmjax.training.optimizers import make_optimizers
from experiments import generators, sentences
from experiments.pieces import make_chain, make_energy, make_generator

LOWEST = {
    "model.latent_dim": 1,
    "model.energy.widths": 1,
    "sampler.refine_steps": 0,
    "evaluate.batch_size": 1,
    "evaluate.max_examples": 2,
    **{
        f"optimizer.{group}.{field}": 0 for group in ("energy", "generator") for field in ("learning_rate", "clip_norm")
    },
}

LOWEST_OF_IMAGES = {"model.generator.widths": 1, "model.generator.width": 1, "evaluate.feature_steps": 0}


def is_text(config):
    """Whether the config is of sentences: it has a decoder in place of a generator."""
    return "decoder" in config.model


def observation(config, data_spec):
    """Keyword arguments of `latent_ebm` that say what p(x | z) is: generator, and sigma or length."""
    if is_text(config):
        sentences.check(config, data_spec)
        return {"generator": sentences.make_decoder(config, data_spec), "length": data_spec.shape[0]}
    if data_spec.vocab_size is not None:
        raise ConfigError(f"{data_spec.name} holds sentences: take a config of them, e.g. configs/latent_ebm/text.py")
    for field, low in LOWEST_OF_IMAGES.items():
        require(config, field, low)
    return {"generator": make_generator(config, data_spec.shape), "sigma": config.model.sigma}


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
        prior_chain=make_chain(config, "prior"),
        posterior_chain=make_chain(config, "posterior"),
        refine_chain=Chain(noise_free, sampler.refine_steps),
        optimizers=optimizers,
        latent_dim=config.model.latent_dim,
        **observation(config, data_spec),
    )


def baselines(config, data_spec):
    """A generator trained with N(0, I), everything else equal: the fair opponent of the learned prior; for sentences
    also a language model."""
    found = {}
    if config.evaluate.gaussian_baseline:
        found["gaussian_trained"] = build(config, data_spec, gaussian_prior=True)
    if is_text(config) and config.evaluate.language_model:
        found["language_model"] = sentences.make_language_model(config, data_spec)
    return found


def evaluate(run):
    """Figures and pictures."""
    return evaluate_sentences(run) if is_text(run.config) else evaluate_images(run)


def evaluate_sentences(run):
    """Reconstruction, likelihood and use of z of test sentences; perplexities of samples, beside those with N(0, I)."""
    metrics, others = sentences.figures(run, run.trained), sentences.language_model_figures(run)
    normal = lambda key, num: jax.random.normal(key, (num, run.config.model.latent_dim))
    arms = {
        "": partial(run.trained.method.sample, run.trained.state),
        "gaussian_prior": sentences.sample_from(run.trained, normal, run.dataset.x_train.shape[1]),
    }
    if "gaussian_trained" in run.baselines:
        other = run.baselines["gaussian_trained"]
        arms["gaussian_trained"] = partial(other.method.sample, other.state)
        others |= {f"{name}_gaussian_trained": value for name, value in sentences.figures(run, other).items()}
    cross, beside = sentences.cross_figures(run, arms)
    if rows := generators.logged_rows(run):
        metrics["energy_gap"] = rows[-1]["energy_gap"]
    text = sentences.protocol(run.config, run.dataset)
    text += " _gaussian_prior: N(0, I) through the same decoder; _gaussian_trained: a decoder trained with N(0, I)."
    return Evaluation(metrics | cross, others | beside, text, sentences.write(run, "latent EBM"))


def evaluate_images(run):
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
