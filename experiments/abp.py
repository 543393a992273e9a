"""Alternating back-propagation (Han et al. 2017, arXiv 1606.08571).

Learns a generator of a Gaussian latent vector, without an encoder: every training example keeps a Langevin chain of its
posterior. Short-run inference, whose chains start afresh, is trained beside it.
"""

from functools import partial

import jax
import numpy as np

from ebmjax.evaluation import map_batches
from ebmjax.mcmc import Chain, langevin
from ebmjax.mcmc.bank import make_bank
from ebmjax.methods import abp
from ebmjax.training import cli
from ebmjax.training.config import require
from ebmjax.training.experiment import Evaluation, Experiment
from ebmjax.training.optimizers import make_optimizers
from experiments import generators
from experiments.pieces import make_chain, make_generator

LOWEST = {
    "model.latent_dim": 1,
    "model.generator.widths": 1,
    "model.generator.width": 1,
    "sampler.refine_steps": 0,
    "optimizer.generator.learning_rate": 0,
    "optimizer.generator.clip_norm": 0,
    "evaluate.batch_size": 1,
    "evaluate.max_examples": 2,
    "evaluate.feature_steps": 0,
    "evaluate.inpainting_samples": 1,
}


def build(config, data_spec, *, persistent=True):
    """The method of a config; without `persistent`, every chain starts afresh: short-run inference."""
    for field, low in LOWEST.items():
        require(config, field, low)
    batch_size = config.train.batch_size
    steps_per_epoch = max(data_spec.num_train // batch_size, 1)
    sampler = config.sampler
    noise_free = partial(langevin, step_size=sampler.encode.step_size, noise_scale=0)
    return abp(
        make_generator(config, data_spec.shape),
        chain=make_chain(config, "posterior"),
        encode_chain=make_chain(config, "encode"),
        refine_chain=Chain(noise_free, sampler.refine_steps),
        bank=make_bank(data_spec.num_train, batch_size) if persistent else None,
        optimizers=make_optimizers(config.optimizer, config.train.num_steps, steps_per_epoch),
        sigma=config.model.sigma,
        latent_dim=config.model.latent_dim,
    )


def baselines(config, data_spec):
    """The same generator trained as long by short-run inference, its chains as long as those of the bank."""
    wanted = config.evaluate.short_run_baseline
    return {"short_run": build(config, data_spec, persistent=False)} if wanted else {}


def train_mse(run, train):
    """Error of training examples decoded from where their chains stopped: what the generator was fitted to."""
    method, state = run.trained
    index = np.arange(len(train))
    stored = jax.jit(lambda index: method.functions["decode"](state, method.functions["stored_latents"](state, index)))
    return np.mean(np.square(map_batches(stored, index, run.config.evaluate.batch_size) - train))


def evaluate(run):
    """Reconstructions of test and training images, Fréchet distances of samples, inpainting, and their pictures."""
    train, test = generators.examples(run)
    z, reconstructed = generators.encode_test(run, run.trained, test)
    metrics = {"test_mse": np.mean(np.square(reconstructed - test)), "train_mse": train_mse(run, train)}
    baselines = generators.pca_figures(train, test, z.shape[1])
    for name, other in run.baselines.items():
        baselines[f"test_mse_{name}"] = np.mean(np.square(generators.encode_test(run, other, test)[1] - test))
    sampled = generators.distances(run, train, test, {"": run.trained} | run.baselines)
    filled = generators.inpainting(run, train, test)
    paths = generators.draw(run, "alternating back-propagation", sampled[0], test, reconstructed, z) + filled[0]
    metrics, baselines = metrics | sampled[1] | filled[1], baselines | sampled[2] | filled[2]
    return Evaluation(metrics, baselines, protocol(run.config, len(train), len(test)), paths)


def protocol(config, num_train, num_test):
    """How the figures were measured."""
    encode = config.sampler.encode
    return (
        f"test_mse: per pixel, one posterior sample ({encode.num_steps} noisy, {config.sampler.refine_steps} "
        f"noise-free steps from N(0, I)) of {num_test} test images; train_mse: {num_train} training images from "
        f"where their persistent chains stopped; pca_mse: PCA with {config.model.latent_dim} components. Fréchet "
        f"distances of {num_train} clipped samples to the {num_train} training images, over pixels in [-1, 1] and over "
        "the last hidden layer of a small classifier of the labels; _real: test images instead of samples; _short_run: "
        "the same generator trained with chains that start afresh. "
        f"{generators.inpainting_protocol(config)} Last parameters, no selection."
    )


EXPERIMENT = Experiment(
    name="abp",
    default_config="configs/abp/digits.py",
    build=build,
    baselines=baselines,
    evaluate=evaluate,
    draw_samples=generators.draw_samples,
)

if __name__ == "__main__":
    cli.main(EXPERIMENT, doc=__doc__)
