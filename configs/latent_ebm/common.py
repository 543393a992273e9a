"""The latent EBM's config: the published settings of Pang et al. 2020 (arXiv 2006.08205), 32 x 32 images or text."""

from ml_collections import ConfigDict

from configs.common import base
from configs.text_short_run.common import evaluation
from configs.text_short_run.common import smoke as smoke_sentences


def _optimizer(learning_rate):
    return ConfigDict(
        {
            "learning_rate": learning_rate,
            "b1": 0.5,
            "b2": 0.999,
            "clip_norm": 0.0,  # 0: no clipping
            "schedule": "exponential",  # constant, cosine (to final_fraction) or exponential (decay_rate per epoch)
            "final_fraction": 0.05,
            "decay_rate": 0.998,
        }
    )


def latent_ebm(data: str) -> ConfigDict:
    """The published values; a data set's config states what differs."""
    config = base("latent_ebm", data)
    config.train.batch_size = 100
    config.model = ConfigDict(
        {
            "latent_dim": 100,
            "sigma": 0.3,  # standard deviation of p(x | z)
            "generator": {"name": "mlp", "widths": (256, 256), "width": 64, "activation": "leaky_relu"},
            "energy": {"widths": (200, 200), "activation": "leaky_relu", "init": "torch"},
        }
    )
    # x' = x - s² / (2T) ∇E + s ε with s = step_size, T = temperature (docs/conventions.md).
    config.sampler = ConfigDict(
        {
            "name": "langevin",
            "prior": {"num_steps": 60, "step_size": 0.4, "temperature": 1.0},
            "posterior": {"num_steps": 20, "step_size": 0.1, "temperature": 1.0},
            "refine_steps": 100,  # noise-free posterior steps where reconstructions are evaluated
        }
    )
    config.optimizer = ConfigDict({"energy": _optimizer(2e-5), "generator": _optimizer(1e-4)})
    config.evaluate.batch_size = 500
    config.evaluate.max_examples = 50_000  # of training images, samples and test images each
    config.evaluate.feature_steps = 1500  # of the small classifier behind frechet_features; 0: none
    config.evaluate.gaussian_baseline = False  # also train the generator with N(0, I) and compare
    return config


def smoke(config: ConfigDict) -> None:
    """Seconds instead of minutes: for tests, of no scientific value."""
    config.train.steps_per_dispatch = 5
    config.train.num_steps = 10
    config.train.batch_size = 16
    config.train.log_every = config.train.checkpoint_every = config.train.steps_per_dispatch
    config.sampler.prior.num_steps = 5
    config.sampler.posterior.num_steps = 5
    config.sampler.refine_steps = 5
    config.evaluate.max_examples = 64
    config.evaluate.batch_size = 32
    config.evaluate.feature_steps = 20


def smoke_images(config: ConfigDict, data: str) -> None:
    """`smoke` with narrow nets on fake images, so that a published config is exercised without its data."""
    smoke(config)
    config.data.name = data
    config.model.generator.width = 2
    config.train.steps_per_dispatch = 1
    config.train.num_steps = 2
    config.train.log_every = config.train.checkpoint_every = 1
    config.train.batch_size = 8


def latent_ebm_text(data: str) -> ConfigDict:
    """The settings for sentences of Pang & Wu 2021's code (arXiv 2108.11556, unconditional_gen); a data set's config
    states what differs."""
    config = latent_ebm(data)
    config.data.max_length = 40
    config.data.vocabulary_size = 10_000
    config.train.batch_size = 32
    config.model = ConfigDict(
        {
            "latent_dim": 32,
            "decoder": {
                "cell": "lstm",
                "embed_dim": 512,
                "hidden_dim": 512,
                "dropout": 0.2,
                "word_dropout": 0.0,
                "init_scale": 0.1,
            },
            "energy": {"widths": (200, 200), "activation": "gelu", "init": "torch"},
        }
    )
    config.sampler.prior = ConfigDict({"num_steps": 40, "step_size": 0.5, "temperature": 1.0})
    # Noise-free in the code: z is where 20 steps of gradient descent from N(0, I) get to.
    config.sampler.posterior = ConfigDict({"num_steps": 20, "step_size": 0.5, "temperature": 1.0, "noise_scale": 0.0})
    config.sampler.refine_steps = 0
    for group, rate, clip in (("energy", 1e-4, 1.0), ("generator", 1e-3, 5.0)):
        config.optimizer[group].learning_rate = rate
        config.optimizer[group].clip_norm = clip
        config.optimizer[group].b1 = 0.9
        config.optimizer[group].schedule = "constant"
    config.evaluate = ConfigDict({"gaussian_baseline": False, "language_model": True})
    evaluation(config)
    config.evaluate.cross_steps = 1000
    return config


def smoke_text(config: ConfigDict) -> None:
    """Seconds instead of minutes: for tests, of no scientific value."""
    smoke_sentences(config)
    config.model.energy.widths = (4,)
    config.sampler.prior.num_steps = config.sampler.posterior.num_steps = 3
