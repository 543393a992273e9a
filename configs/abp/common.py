"""Alternating back-propagation's config (Han et al. 2017, arXiv 1606.08571)."""

from ml_collections import ConfigDict

from configs.common import adam, base


def abp(data: str) -> ConfigDict:
    """Our own values, near those of later papers of this line; a data set's config states what differs."""
    config = base("abp", data)
    config.train.batch_size = 100
    config.model = ConfigDict(
        {
            "latent_dim": 100,
            "sigma": 0.3,  # standard deviation of p(x | z)
            "generator": {"name": "mlp", "widths": (256, 256), "width": 64, "activation": "leaky_relu"},
        }
    )
    # x' = x - s² / (2T) ∇E + s ε with s = step_size, T = temperature (docs/conventions.md).
    config.sampler = ConfigDict(
        {
            "name": "langevin",
            "posterior": {"num_steps": 20, "step_size": 0.1, "temperature": 1.0},  # per visit of an example
            "encode": {"num_steps": 100, "step_size": 0.1, "temperature": 1.0},  # of data without a stored chain
            "refine_steps": 100,  # noise-free posterior steps where reconstructions are evaluated
        }
    )
    config.optimizer = ConfigDict({"generator": adam(1e-4)})
    config.optimizer.generator.schedule = "exponential"
    config.evaluate.batch_size = 500
    config.evaluate.max_examples = 50_000  # of training images, samples and test images each
    config.evaluate.feature_steps = 1500  # of the small classifier behind frechet_features; 0: none
    config.evaluate.inpainting_samples = 50  # whose mean is the second figure of inpainting
    config.evaluate.short_run_baseline = False  # also train with chains that start afresh and compare
    return config


def smoke(config: ConfigDict) -> None:
    """Seconds instead of minutes: for tests, of no scientific value."""
    config.train.steps_per_dispatch = 5
    config.train.num_steps = 10
    config.train.batch_size = 16
    config.train.log_every = config.train.checkpoint_every = config.train.steps_per_dispatch
    config.sampler.posterior.num_steps = 5
    config.sampler.encode.num_steps = 5
    config.sampler.refine_steps = 5
    config.evaluate.max_examples = 64
    config.evaluate.inpainting_samples = 2
    config.evaluate.batch_size = 32
    config.evaluate.feature_steps = 20


def smoke_images(config: ConfigDict, data: str) -> None:
    """`smoke` with a narrow net on fake images, so that a config is exercised without its data."""
    smoke(config)
    config.data.name = data
    config.model.generator.width = 2
    config.train.steps_per_dispatch = 1
    config.train.num_steps = 2
    config.train.log_every = config.train.checkpoint_every = 1
    config.train.batch_size = 8
