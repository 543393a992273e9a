"""The config of textures by alternating back-propagation (Han et al. 2017, arXiv 1606.08571)."""

from ml_collections import ConfigDict

from configs.common import adam, base, short


def texture(data: str) -> ConfigDict:
    """A small generator for the embedded texture; another config states what differs."""
    config = base("texture", data)
    config.train.update(num_steps=800, batch_size=8, steps_per_dispatch=20, log_every=40, checkpoint_every=400)
    # Squares of `side` pixels at random places of the training images; textures are made `scale` times as large.
    config.texture = ConfigDict({"side": 64, "num_squares": 32, "seed": 0, "scale": 2})
    config.model = ConfigDict(
        {
            "latent_channels": 4,  # at each place of the grid
            "sigma": 0.3,  # standard deviation of p(x | z)
            # Each layer doubles the image: those of `widths`, and the last one. kernel_size: even.
            "generator": {"widths": (64, 32, 16), "kernel_size": 4},
        }
    )
    # x' = x - s² / (2T) ∇E + s ε with s = step_size, T = temperature (docs/conventions.md).
    config.sampler = ConfigDict(
        {"name": "langevin", "posterior": {"num_steps": 10, "step_size": 0.1, "temperature": 1.0}}
    )
    config.optimizer = ConfigDict({"generator": adam(1e-3, schedule="cosine")})
    config.evaluate = ConfigDict({"num_samples": 4, "max_examples": 16, "batch_size": 8})
    return config


def smoke(config: ConfigDict) -> None:
    """`short`, with few chains and a narrow net."""
    short(config, 4, 2, 2)
    config.texture.update(side=64, num_squares=4)
    config.model.generator.widths = tuple(2 for _ in config.model.generator.widths)
    config.sampler.posterior.num_steps = 2
