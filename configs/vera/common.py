"""VERA's configs: settings of Grathwohl, Kelly et al. 2021 (arXiv 2010.04230) and of their code."""

from ml_collections import ConfigDict

from configs.common import base


def adam(learning_rate: float, b1: float = 0.0, b2: float = 0.9) -> ConfigDict:
    """Adam as in the paper, for one group of parameters."""
    return ConfigDict(
        {
            "learning_rate": learning_rate,
            "b1": b1,
            "b2": b2,
            "clip_norm": 0.0,  # 0: no clipping
            "schedule": "constant",  # constant, cosine (to final_fraction) or exponential (decay_rate per epoch)
            "final_fraction": 0.05,
            "decay_rate": 0.998,
            "warmup_steps": 0,
        }
    )


def vera(data: str) -> ConfigDict:
    """The published values for tables with 10 labels a class; a data set's config states what differs."""
    config = base("vera", data)
    config.method = "vera"  # or jem, the same classifier by chains
    config.train.batch_size = 200
    config.train.guard.min_spread = 0.0  # draws that stopped have no spread of their own
    config.data.standardise = False  # of tables: columns of mean 0 and standard deviation 1
    config.labels = ConfigDict(
        {
            "per_class": 10,  # 0: all
            "num_seeds": 5,  # draws of the labels, trained at once
            "weight": 1.0,  # of the cross-entropy (the paper's alpha)
            "entropy_weight": 0.0,  # of the entropy of p(y | x) at all examples (beta)
        }
    )
    config.model = ConfigDict(
        {
            "latent_dim": 128,
            # name: mlp (widths, activation, init), or wide_resnet (depth, widen, slope), of images.
            "energy": {
                "name": "mlp",
                "widths": (1000, 500, 500, 250, 250, 250),
                "activation": "leaky_relu",
                "init": "torch",
                "depth": 28,
                "widen": 10,
                "slope": 0.2,
            },
            "generator": {"name": "mlp", "widths": (500, 500, 500), "width": 64, "activation": "softplus"},
            # name: importance (num_samples draws) or hmc (num_samples transitions kept, as many before them).
            "posterior": {"name": "importance", "num_samples": 20},
            "sigma": 0.01,  # of the generator's noise, at the start
            "sigma_range": (0.01, 0.3),
            "entropy_weight": 1.0,  # lambda
            "gradient_penalty": 0.1,  # gamma
            "energy_l2": 0.0,
            "data_noise": 0.0,
        }
    )
    config.optimizer = ConfigDict(
        {"energy": adam(1e-3), "generator": adam(1e-3), "proposal": adam(0.02, b1=0.9, b2=0.999)}
    )
    config.supervised = ConfigDict({"input_noise": 0.5, "optimizer": adam(1e-3, b1=0.9, b2=0.999)})
    config.jem = ConfigDict(
        {
            "data_noise": 0.03,
            "energy_l2": 0.0,
            "gradient_penalty": 0.0,
            "optimizer": adam(1e-4, b1=0.9, b2=0.999),
        }
    )
    # JEM's chains: x' = x - ∇E + .01 ε, from a pool (docs/conventions.md).
    config.sampler = ConfigDict(
        {"name": "langevin", "chain": {"num_steps": 20, "step_size": 0.01, "temperature": 5e-5}}
    )
    config.initial = ConfigDict(
        {"name": "bank", "noise": "uniform", "scale": 1.0, "bank_size": 10_000, "num_chains": 0, "reinitialise": 0.05}
    )
    config.evaluate = ConfigDict(
        {
            "batch_size": 500,
            "max_examples": 10_000,
            "arms": ("supervised",),  # trained beside it: supervised, no_entropy, jem, vera
            "foreign": ("uniform", "between"),  # or data sets by name
            "refine_steps": 100,  # of samples; 0: none
            "refine_prior": False,  # whether z and the noise stay where the generator was trained
            "picture": (),  # shape of the image that a row of a table is, or ()
        }
    )
    return config


def smoke(config: ConfigDict) -> None:
    """Seconds instead of minutes: for tests, of no scientific value."""
    config.train.num_steps = 4
    config.train.batch_size = 16
    config.train.steps_per_dispatch = config.train.log_every = config.train.checkpoint_every = 2
    config.labels.num_seeds = 2
    config.model.posterior.num_samples = 2
    config.initial.bank_size = 32
    config.initial.num_chains = 0
    config.sampler.chain.num_steps = 2
    config.evaluate.max_examples = 64
    config.evaluate.batch_size = 64
    config.evaluate.refine_steps = 2
    config.evaluate.arms = tuple(name for name in config.evaluate.arms if name != "no_entropy")


def smoke_images(config: ConfigDict, data: str) -> None:
    """`smoke` with narrow nets on fake images, so that a published config is exercised without its data."""
    smoke(config)
    config.data.name = data
    config.train.batch_size = 8
    config.train.num_steps = 2
    config.train.steps_per_dispatch = config.train.log_every = config.train.checkpoint_every = 1
    config.model.energy.depth, config.model.energy.widen = 10, 1
    config.model.generator.width = 2
    config.evaluate.foreign = ("uniform", "between")
