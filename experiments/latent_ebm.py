"""Latent-space energy-based prior on images and sentences (Pang et al. 2020, arXiv 2006.08205).

Trains p(z) ∝ exp(-E(z)) N(z; 0, I) and a generator p(x | z) by maximum likelihood with short Langevin chains.
"""

from functools import partial

import jax

from ebmjax.methods import latent_ebm
from ebmjax.report.results import OWN, merge
from ebmjax.training import cli
from ebmjax.training.config import ConfigError, choose
from ebmjax.training.experiment import Evaluation, Experiment
from experiments.build import opponents
from experiments.build.chains import make_chain, noise_free_chain
from experiments.build.networks import make_energy, make_generator
from experiments.build.optimizers import optimizers_of
from experiments.build.sentences import LIMITS, check, make_decoder, make_opponents
from experiments.measure import images, prior_chains, sentences
from experiments.measure.history import last_logged


def is_text(config):
    """Whether the config is for sentences: it has a decoder instead of a generator."""
    return "decoder" in config.model


def observation(config, data_spec):
    """Keyword arguments of `latent_ebm` for p(x | z): generator, and sigma or length."""
    if is_text(config):
        check(config, data_spec)
        return {"generator": make_decoder(config, data_spec), "length": data_spec.shape[0]}
    if data_spec.vocab_size is not None:
        raise ConfigError(f"{data_spec.name} holds sentences: use a config for them, e.g. configs/latent_ebm/text.py")
    return {"generator": make_generator(config, data_spec.shape), "sigma": config.model.sigma}


def build(config, data_spec, *, gaussian_prior=False):
    """The method of a config; with `gaussian_prior`, the same generator under a fixed N(0, I)."""
    optimizers = optimizers_of(config, data_spec)
    if gaussian_prior:
        del optimizers["energy"]
    return latent_ebm(
        energy=None if gaussian_prior else make_energy(config),
        prior_chain=make_chain(config, "prior"),
        posterior_chain=make_chain(config, "posterior"),
        refine_chain=noise_free_chain(config, "posterior", config.sampler.refine_steps),
        optimizers=optimizers,
        latent_dim=config.model.latent_dim,
        **observation(config, data_spec),
    )


OPPONENTS = {
    "gaussian_trained": partial(build, gaussian_prior=True),
    "vae": opponents.make_vae,
    "short_run_5": opponents.make_short_run,
}
"""Of images: evaluate.opponents names some of them."""


def baselines(config, data_spec):
    """Of images, the opponents that the config names; of sentences, a decoder trained with N(0, I), everything else
    equal, and `make_opponents`."""
    found = {}
    if not is_text(config):
        chosen = {name: choose(OPPONENTS, name, "evaluate.opponents") for name in config.evaluate.opponents}
        return {name: make(config, data_spec) for name, make in chosen.items()}
    if config.evaluate.gaussian_baseline:
        found["gaussian_trained"] = build(config, data_spec, gaussian_prior=True)
    return found | make_opponents(config, data_spec)


def evaluate(run):
    """Figures and pictures."""
    return evaluate_sentences(run) if is_text(run.config) else evaluate_images(run)


def evaluate_sentences(run):
    """Reconstruction, likelihood and use of z of test sentences; perplexities of samples, beside those with N(0, I)."""
    normal = lambda key, num: jax.random.normal(key, (num, run.config.model.latent_dim))
    methods = {OWN: run.trained} | {arm: trained for arm, trained in run.baselines.items() if arm != "language_model"}
    arms = {arm: partial(trained.method.sample, trained.state) for arm, trained in methods.items()}
    arms["gaussian_prior"] = sentences.sample_from(run.trained, normal, run.dataset.x_train.shape[1])
    found = {arm: sentences.figures(run, trained) for arm, trained in methods.items()}
    figures = merge(
        found,
        sentences.language_model_figures(run, found[OWN]),
        sentences.cross_figures(run, arms),
        {OWN: last_logged(run, "energy_gap")},
    )
    text = sentences.protocol(run.config, run.dataset)
    text += " gaussian_prior: N(0, I) through the same decoder; gaussian_trained: a decoder trained with N(0, I)."
    return Evaluation(figures, text, sentences.write(run, "latent EBM"))


def evaluate_images(run):
    """Reconstructions of test images, Fréchet distances of samples to the training images, and their pictures."""
    method, state = run.trained
    train, test = images.examples(run)
    z, reconstructed = images.encode_test(run, run.trained, test)
    spaces = images.feature_spaces(run, train)
    decode = partial(jax.jit(method.functions["decode"]), state)
    arms = {
        OWN: partial(method.sample, state),
        "gaussian_prior": lambda key, n: decode(jax.random.normal(key, (n, run.config.model.latent_dim))),
    } | {name: partial(other.method.sample, other.state) for name, other in run.baselines.items()}
    if run.config.evaluate.long_chain_steps:
        arms["long_chain"] = prior_chains.long_samples(run)
    arms = images.draw_arms(run, arms, len(train) if spaces else 100) | {"real": test}
    figures = merge(
        {OWN: {"test_mse": images.squared_error(reconstructed, test)}},
        images.reconstruction_figures(run, test, run.baselines),
        images.pca_figures(train, test, z.shape[1]),
        images.frechet_figures(spaces, train, arms),
        {OWN: last_logged(run, "energy_gap")},
    )
    shown = images.draw(run, "latent EBM", arms[OWN], test, reconstructed, z)
    if test.ndim == 4 and run.config.evaluate.long_chain_steps:
        shown |= prior_chains.draw_transition(run)
    return Evaluation(figures, protocol(run.config, len(train), len(test)), shown)


def protocol(config, num_train, num_test):
    """How the figures were measured."""
    sampler, arms = config.sampler, ["gaussian_prior: N(0, I) through the same generator", *opponents.described(config)]
    if config.evaluate.long_chain_steps:
        arms.append(f"long_chain: prior chains of {config.evaluate.long_chain_steps} steps, through the same generator")
    return (
        f"{images.frechet_protocol(num_train, num_test)} Our samples: prior chains of {sampler.prior.num_steps} steps; "
        f"{'; '.join(arms)}. "
        f"test_mse: per pixel, one posterior sample ({sampler.posterior.num_steps} noisy, {sampler.refine_steps} "
        f"noise-free steps) of {num_test} test images; pca: PCA with {config.model.latent_dim} components. Last "
        "parameters, no selection."
    )


EXPERIMENT = Experiment(
    default_config="configs/latent_ebm/digits.py",
    limits=lambda config: LIMITS | opponents.LIMITS | prior_chains.LIMITS | {"sampler.refine_steps": 0},
    build=build,
    baselines=baselines,
    evaluate=evaluate,
)

if __name__ == "__main__":
    cli.main(EXPERIMENT, doc=__doc__)
