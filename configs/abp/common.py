"""Alternating back-propagation's config (Han et al. 2017, arXiv 1606.08571)."""

from ml_collections import ConfigDict

from configs.common import adam, base, fake_data, images_evaluation, missing, short


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
    config.optimizer = ConfigDict({"generator": adam(1e-4, b1=0.5, schedule="exponential")})
    missing(config)
    images_evaluation(config)
    config.evaluate.inpainting_samples = 50  # their mean is the second figure of inpainting
    config.evaluate.short_run_baseline = False  # also train with chains that start afresh and compare
    return config


def faces() -> ConfigDict:
    """Incomplete faces of 64 x 64. The masks, σ and the number of steps of a chain are the paper's as we remember them;
    the generator and the latent size are those of the latent EBM for such images. The paper has 10,000 faces, this the
    whole training set."""
    config = abp("celeb_a@64")
    config.model.generator.update(name="celeba64", width=128)
    config.sampler.posterior.num_steps = 10
    config.train.num_steps = 100_000
    config.evaluate.update(max_examples=10_000, inpainting_samples=20)
    return config


def smoke(config: ConfigDict) -> None:
    """`short`, with short chains."""
    short(config)
    config.sampler.posterior.num_steps = config.sampler.encode.num_steps = config.sampler.refine_steps = 5


def smoke_images(config: ConfigDict) -> None:
    """The same on fake images, with a narrow net."""
    smoke(config)
    fake_data(config)
    config.model.generator.width = 2
