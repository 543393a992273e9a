"""VERA's configs: settings of Grathwohl, Kelly et al. 2021 (arXiv 2010.04230) and of their code."""

from ml_collections import ConfigDict

from configs.common import adam, base, fake_data, fake_name, short


def vera(data: str) -> ConfigDict:
    """Settings with 10 labels a class; a data set's config states what differs.

    Defaults of the authors' train.py: batch size, rates and betas, λ = 1, α = 1, 20 draws of z, σ in [.01, .3]. Its
    defaults of the latent dimension and of γ are 2 and 0; 128 and .1 are those of their command for CIFAR-10. The
    paper's values for tables are not in the code, and not known to us.
    """
    config = base("vera", data)
    config.method = "vera"  # or jem, the same classifier trained by chains
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
    # So many training examples are held out to choose the best parameters, by accuracy measured every so many steps; 0:
    # none, and the last parameters are evaluated.
    config.validation = ConfigDict({"num_examples": 0, "every": 1000})
    config.model = ConfigDict(
        {
            "latent_dim": 128,
            # name: mlp (widths, activation, init), or wide_resnet (depth, widen, slope, dropout), of images.
            "energy": {
                "name": "mlp",
                "widths": (1000, 500, 500, 250, 250, 250),
                "activation": "leaky_relu",
                "init": "torch",
                "depth": 28,
                "widen": 10,
                "slope": 0.2,
                "dropout": 0.0,
            },
            # name: mlp, normed_mlp (widths, activation); of images residual, dcgan or one of nets.PUBLISHED (width).
            "generator": {"name": "mlp", "widths": (500, 500, 500), "width": 64, "activation": "softplus"},
            # name: importance (num_samples draws) or hmc (num_steps transitions, of which the first num_burn_in adapt).
            "posterior": {"name": "importance", "num_samples": 20, "num_steps": 4, "num_burn_in": 2},
            "sigma": 0.01,  # of the generator's noise, at the start
            "sigma_range": (0.01, 0.3),
            "entropy_weight": 1.0,  # lambda
            "gradient_penalty": 0.1,  # gamma
            "energy_l2": 0.0,
            "data_noise": 0.0,
        }
    )
    schedule: dict = {"warmup_steps": 0, "decay_epochs": ()}
    config.optimizer = ConfigDict(
        {
            "energy": adam(1e-3, b1=0.0, b2=0.9, **schedule),
            "generator": adam(1e-3, b1=0.0, b2=0.9, **schedule),
            "proposal": adam(0.02, **schedule),
        }
    )
    config.supervised = ConfigDict({"input_noise": 0.5, "optimizer": adam(1e-3, **schedule)})
    config.jem = ConfigDict(
        {"data_noise": 0.03, "energy_l2": 0.0, "gradient_penalty": 0.0, "optimizer": adam(1e-4, **schedule)}
    )
    # JEM's chains: x' = x - ∇E + .01 ε, from a pool (docs/conventions.md).
    config.sampler = ConfigDict(
        {"name": "langevin", "chain": {"num_steps": 20, "step_size": 0.01, "temperature": 5e-5}}
    )
    config.initial = ConfigDict(
        {
            "name": "bank",
            "noise": "uniform",
            "scale": 1.0,
            "bank_size": 10_000,
            "num_chains": 0,
            "reinitialise": 0.05,
            "fresh_steps": 0,  # of the chains of samples, from noise; 0: chains of the pool, no more samples than these
        }
    )
    config.evaluate = ConfigDict(
        {
            "batch_size": 500,
            "max_examples": 10_000,
            "arms": ("supervised",),  # trained to compare: supervised, no_entropy, jem, vera
            "foreign": ("uniform", "between"),  # or data sets by name
            "foreign_noise": 0.0,  # standard deviation of noise on test and foreign examples (JEM's code: .03)
            "ece_bins": 15,
            "refine_steps": 100,  # of samples; 0: none
            "refine_prior": False,  # whether z and the noise stay near N(0, I)
            "picture": (),  # shape of the image that a row of a table is, or ()
        }
    )
    # Of the first draw's classifier by projected gradients, radii in units of x (for images twice those in [0, 1]);
    # refine_steps: of chains (config.sampler) before the classification, 0 for none. Published: 5 chains, noise .03.
    config.evaluate.attacks = ConfigDict(
        {
            "num_examples": 0,  # 0: no attacks, which take minutes
            "num_steps": 40,
            "epsilons_linf": tuple(2 * n / 255 for n in (0, 1, 2, 4, 8, 16)),
            "epsilons_l2": (0.0, 0.2, 0.5, 1.0, 2.0),
            "refine_steps": (0, 1, 10),
            "num_chains": 5,
            "noise": 0.03,
        }
    )
    return config


def smoke(config: ConfigDict) -> None:
    """`short`, with few draws; an embedded table or fake images replace files."""
    short(config, 4, 16, 2, batch_size=64, refine_steps=2)
    config.data.name = "breast_cancer" if config.data.name.startswith("npz:") else fake_name(config.data.name)
    config.labels.num_seeds = config.model.posterior.num_samples = config.sampler.chain.num_steps = 2
    config.initial.update(bank_size=32, num_chains=0)
    config.evaluate.attacks.update(num_steps=2, refine_steps=(0, 1), num_chains=2, epsilons_linf=(0.0, 0.1))
    config.evaluate.arms = tuple(name for name in config.evaluate.arms if name != "no_entropy")


def smoke_images(config: ConfigDict) -> None:
    """The same on fake images, with narrow nets."""
    smoke(config)
    fake_data(config, batch_size=64)
    config.model.energy.update(depth=10, widen=1)
    config.model.generator.width = 2
    config.validation.update(num_examples=min(config.validation.num_examples, 8), every=1)
    config.evaluate.foreign = ("uniform", "between")
