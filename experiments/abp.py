"""Alternating back-propagation (Han et al. 2017, arXiv 1606.08571).

Learns a generator of a Gaussian latent vector, without an encoder: every training example keeps a Langevin chain of its
posterior. Short-run inference, whose chains start afresh, is trained for comparison.
"""

import jax
import numpy as np

from ebmjax.evaluation import map_batches
from ebmjax.mcmc.bank import make_bank
from ebmjax.methods import abp
from ebmjax.report.results import OWN, merge
from ebmjax.training import cli
from ebmjax.training.experiment import Evaluation, Experiment
from experiments.build.chains import make_chain, noise_free_chain
from experiments.build.networks import make_generator
from experiments.build.optimizers import optimizers_of
from experiments.measure import images


def build(config, data_spec, *, persistent=True):
    """The method of a config; without `persistent`, every chain starts afresh: short-run inference."""
    return abp(
        make_generator(config, data_spec.shape),
        chain=make_chain(config, "posterior"),
        encode_chain=make_chain(config, "encode"),
        refine_chain=noise_free_chain(config, "encode", config.sampler.refine_steps),
        bank=make_bank(data_spec.num_train, config.train.batch_size) if persistent else None,
        optimizers=optimizers_of(config, data_spec),
        sigma=config.model.sigma,
        latent_dim=config.model.latent_dim,
    )


def baselines(config, data_spec):
    """The same generator trained as long by short-run inference, with chains as long as those of the bank."""
    wanted = config.evaluate.short_run_baseline
    return {"short_run": build(config, data_spec, persistent=False)} if wanted else {}


def train_mse(run, train):
    """Error of training examples decoded from the ends of their stored chains, to which the generator was fitted."""
    method, state = run.trained
    index = np.arange(len(train))
    stored = jax.jit(lambda index: method.functions["decode"](state, method.functions["stored_latents"](state, index)))
    return images.squared_error(map_batches(stored, index, run.config.evaluate.batch_size), train)


def evaluate(run):
    """Reconstructions of test and training images, Fréchet distances of samples, inpainting, and their pictures."""
    train, test = images.examples(run)
    z, reconstructed = images.encode_test(run, run.trained, test)
    samples, distances = images.sample_figures(run, train, test, {OWN: run.trained} | run.baselines)
    filled, inpainted = images.inpainting(run, train, test)
    figures = merge(
        {OWN: {"test_mse": images.squared_error(reconstructed, test), "train_mse": train_mse(run, train)}},
        images.pca_figures(train, test, z.shape[1]),
        images.reconstruction_figures(run, test, run.baselines),
        distances,
        inpainted,
    )
    shown = images.draw(run, "alternating back-propagation", samples, test, reconstructed, z)
    return Evaluation(figures, protocol(run.config, len(train), len(test)), shown | filled)


def protocol(config, num_train, num_test):
    """How the figures were measured."""
    encode = config.sampler.encode
    return (
        f"test_mse: per pixel, one posterior sample ({encode.num_steps} noisy, {config.sampler.refine_steps} "
        f"noise-free steps from N(0, I)) of {num_test} test images; train_mse: {num_train} training images from "
        f"the ends of their persistent chains; pca: PCA with {config.model.latent_dim} components; short_run: the "
        f"same generator trained with chains that start afresh. {images.frechet_protocol(num_train, num_test)} "
        f"{images.inpainting_protocol(config)} Last parameters, no selection."
    )


EXPERIMENT = Experiment(
    default_config="configs/abp/digits.py",
    limits=lambda config: {"sampler.refine_steps": 0},
    build=build,
    baselines=baselines,
    evaluate=evaluate,
)

if __name__ == "__main__":
    cli.main(EXPERIMENT, doc=__doc__)
