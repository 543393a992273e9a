"""Short-run MCMC's config: the settings of Nijkamp et al. 2019 (arXiv 1904.09770) and its official script."""

from ml_collections import ConfigDict

from configs.common import base


def short_run(data: str) -> ConfigDict:
    """The published values; a data set's config states what differs."""
    config = base("short_run", data)
    config.train.num_steps = 100_000
    config.train.batch_size = 64
    # name: mlp (widths, activation, init, output_scale), conv (width, slope) or nonlocal (width, slope).
    config.model = ConfigDict(
        {
            "energy": {
                "name": "conv",
                "width": 64,  # n_f; the script says: increase until compute is exhausted
                "slope": 0.2,
                "widths": (256, 256),
                "activation": "leaky_relu",
                "init": "torch",
                "output_scale": 1.0,
            },
            "data_noise": 0.03,  # the script says: decrease until training is unstable
            "energy_l2": 0.0,
            "gradient_penalty": 0.0,
        }
    )
    # x' = x - s² / (2T) ∇E + s ε with s = step_size, T = temperature: here x - 1 · ∇E + 0.01 ε (docs/conventions.md).
    config.sampler = ConfigDict(
        {"name": "langevin", "chain": {"num_steps": 100, "step_size": 0.01, "temperature": 5e-5}}
    )
    config.initial = ConfigDict({"noise": "uniform", "scale": 1.0})
    config.optimizer = ConfigDict(
        {
            "energy": {
                "learning_rate": 1e-4,
                "b1": 0.9,
                "b2": 0.999,
                "clip_norm": 0.0,  # 0: no clipping
                "schedule": "constant",  # constant, cosine (to final_fraction) or exponential (decay_rate per epoch)
                "final_fraction": 0.05,
                "decay_rate": 0.998,
            }
        }
    )
    config.evaluate.batch_size = 500
    config.evaluate.max_examples = 40_000  # of training images, samples and test images each
    config.evaluate.feature_steps = 1500  # of the small classifier behind frechet_features and class_share; 0: none
    config.evaluate.num_reconstructions = 100
    config.evaluate.reconstruction_steps = 200  # of Adam on the starting noise, through all K steps
    return config


def smoke(config: ConfigDict) -> None:
    """Seconds instead of minutes: for tests, of no scientific value."""
    config.train.num_steps = 10
    config.train.steps_per_dispatch = 5
    config.train.batch_size = 16
    config.train.log_every = config.train.checkpoint_every = 5
    config.sampler.chain.num_steps = 4
    config.evaluate.max_examples = 64
    config.evaluate.batch_size = 32
    config.evaluate.feature_steps = 20
    config.evaluate.num_reconstructions = 16
    config.evaluate.reconstruction_steps = 3


def smoke_images(config: ConfigDict, data: str) -> None:
    """`smoke` with a narrow net on fake images, so that a published config is exercised without its data."""
    smoke(config)
    config.data.name = data
    config.model.energy.width = 4
    config.train.num_steps = 2
    config.train.steps_per_dispatch = config.train.log_every = config.train.checkpoint_every = 1
    config.train.batch_size = 8
    config.evaluate.max_examples = 16
    config.evaluate.batch_size = 16
    config.evaluate.num_reconstructions = 4
