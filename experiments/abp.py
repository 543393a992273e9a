"""Alternating back-propagation (Han et al. 2017, arXiv 1606.08571).

Learns a generator of a Gaussian latent vector, without an encoder: every training example keeps a Langevin chain of its
posterior. Short-run inference, whose chains start afresh, is trained for comparison. With config.missing the training
examples are incomplete.
"""

import jax
import numpy as np

from ebmjax.evaluation import map_batches
from ebmjax.evaluation.baselines import mean_fill
from ebmjax.mcmc.bank import make_bank
from ebmjax.methods import abp
from ebmjax.report.results import OWN, merge
from ebmjax.training import cli
from ebmjax.training.experiment import Evaluation, Experiment
from experiments.build.chains import make_chain, noise_free_chain
from experiments.build.missing import LIMITS, make_mask, refuse_augmentation, with_missing_entries
from experiments.build.networks import make_generator
from experiments.build.optimizers import optimizers_of
from experiments.measure import images, missing


def build(config, data_spec, *, persistent=True):
    """The method of a config; without `persistent`, every chain starts afresh: short-run inference."""
    if persistent:
        refuse_augmentation(config, "a chain for each example, as it is")
    method = abp(
        make_generator(config, data_spec.shape),
        chain=make_chain(config, "posterior"),
        encode_chain=make_chain(config, "encode"),
        refine_chain=noise_free_chain(config, "encode", config.sampler.refine_steps),
        bank=make_bank(data_spec.num_train, config.train.batch_size) if persistent else None,
        optimizers=optimizers_of(config, data_spec),
        sigma=config.model.sigma,
        latent_dim=config.model.latent_dim,
    )
    return with_missing_entries(config, data_spec, method)


def baselines(config, data_spec):
    """The same generator trained as long by short-run inference, with chains as long as those of the bank."""
    wanted = config.evaluate.short_run_baseline
    return {"short_run": build(config, data_spec, persistent=False)} if wanted else {}


def stored_figures(run, train):
    """(figures, {path: caption}) of training examples decoded from the ends of their stored chains: the error over what
    the generator was fitted to, and over the entries that are missing, if any are."""
    method, state = run.trained
    index = np.arange(len(train))
    stored = jax.jit(lambda index: method.functions["decode"](state, method.functions["stored_latents"](state, index)))
    decoded = map_batches(stored, index, run.config.evaluate.batch_size)
    mask_of = make_mask(run.config, train.shape[1:])
    if mask_of is None:
        return {OWN: {"train_mse": images.squared_error(decoded, train)}}, {}
    mask = np.asarray(mask_of(index))
    error = lambda x, where: np.mean(np.square(x - train), where=where)
    figures = {
        OWN: {"train_mse": error(decoded, mask), "missing_mse_stored": error(decoded, ~mask)},
        "mean_fill": {"missing_mse_stored": error(mean_fill(train, mask, train, mask), ~mask)},
    }
    path = run.workdir / "recovered.png"
    return figures, images.draw_filled(path, "training examples", train, mask, np.where(mask, train, decoded))


def evaluate(run):
    """Reconstructions of test and training images, Fréchet distances of samples, inpainting, missing entries, and their
    pictures."""
    train, test = images.examples(run)
    z, reconstructed = images.encode_test(run, run.trained, test)
    samples, distances = images.sample_figures(run, train, test, {OWN: run.trained} | run.baselines)
    halves, inpainted = images.inpainting(run, train, test)
    stored, recovered = stored_figures(run, train)
    filled, seen = missing.missing_entries(run, train, test)
    figures = merge(
        {OWN: {"test_mse": images.squared_error(reconstructed, test)}},
        stored,
        images.pca_figures(train, test, z.shape[1]),
        images.reconstruction_figures(run, test, run.baselines),
        distances,
        inpainted,
        filled,
    )
    shown = images.draw(run, "alternating back-propagation", samples, test, reconstructed, z)
    return Evaluation(figures, protocol(run.config, len(train), len(test)), shown | halves | recovered | seen)


def protocol(config, num_train, num_test):
    """How the figures were measured."""
    encode = config.sampler.encode
    of_missing = (
        f"{missing.protocol(config)} train_mse: over the observed entries; missing_mse_stored: over the missing ones, "
        "at the same single draws of z; a mean of draws has less error. test_mse and pca use complete images. "
        if config.missing.name
        else ""
    )
    return (
        f"test_mse: per pixel, one posterior sample ({encode.num_steps} noisy, {config.sampler.refine_steps} "
        f"noise-free steps from N(0, I)) of {num_test} test images; train_mse: {num_train} training images from "
        f"the ends of their persistent chains; pca: PCA with {config.model.latent_dim} components; short_run: the "
        f"same generator trained with chains that start afresh. {images.frechet_protocol(num_train, num_test)} "
        f"{images.inpainting_protocol(config)} {of_missing}Last parameters, no selection."
    )


EXPERIMENT = Experiment(
    default_config="configs/abp/digits.py",
    limits=lambda config: {"sampler.refine_steps": 0} | LIMITS,
    build=build,
    baselines=baselines,
    evaluate=evaluate,
)

if __name__ == "__main__":
    cli.main(EXPERIMENT, doc=__doc__)
