"""The flow-backbone EBM's config (Nijkamp et al. 2022, arXiv 2006.06897). The paper's widths are not known."""

from ml_collections import ConfigDict

from configs.common import base
from configs.flow_stage import adam, flow_stage, glow, small_glow, smoke_stage


def flow_backbone(data: str) -> ConfigDict:
    """The common fields; a data set's config states what differs."""
    config = base("flow_backbone", data)
    config.flow = flow_stage(config)
    config.model = ConfigDict(
        {
            "objective": "likelihood",  # or "noise_contrastive": E and log Z without chains
            "energy": {
                "name": "mlp",  # mlp (widths, activation, init, output_scale), conv or nonlocal (width, slope)
                "widths": (128, 128),
                "activation": "silu",
                "init": "he",
                "output_scale": 1.0,
                "width": 64,
                "slope": 0.05,
            },
            "energy_l2": 1e-4,
        }
    )
    # Chains in z on E(g(z)) + ||z||² / 2; the step size follows target_acceptance (0: it stays,
    # which langevin and other kernels that accept every proposal need).
    config.sampler = ConfigDict(
        {
            "name": "hmc",
            "chain": {"num_steps": 3, "step_size": 0.3},
            "options": {"hmc": {"num_leapfrog": 3}, "underdamped": {"friction": 1.0}},
            "target_acceptance": 0.8,
        }
    )
    # Persistent chains (0: fresh ones from N(0, I) for every step), and how many move in a step (0: train.batch_size).
    config.chains = ConfigDict({"num_chains": 256, "per_step": 0})
    config.optimizer = ConfigDict({"energy": adam(1e-3), "log_normalizer": adam(1e-2)})
    config.evaluate.max_examples = 2000  # of training images, samples and test images each
    config.evaluate.feature_steps = 1500  # of the small classifier of the labels; 0: none
    config.evaluate.num_importance = 50_000
    config.evaluate.num_annealed = 1000
    config.evaluate.num_betas = 51
    config.evaluate.mixing = ConfigDict(
        {
            "num_chains": 16,
            "num_warmup": 500,
            "num_steps": 1000,
            "num_leapfrog": 3,
            "step_size": 0.1,
            "target_acceptance": 0.8,
            "batch_size": 1000,  # independent chains at a time
        }
    )
    return config


def images(data: str) -> ConfigDict:
    """32 x 32 colour images: Glow and a convolutional energy, for a GPU. Our own sizes; nothing here was trained."""
    config = flow_backbone(data)
    glow(config)
    config.model.energy.name = "conv"
    config.model.energy.width = 64
    config.train.num_steps = 20_000
    config.train.batch_size = 64
    config.sampler.chain.step_size = 0.1
    config.chains.num_chains = 1024
    config.evaluate.max_examples = 10_000
    config.evaluate.num_importance = 2000
    config.evaluate.num_annealed = 100
    config.evaluate.mixing.batch_size = 250
    return config


def smoke(config: ConfigDict) -> None:
    """Seconds instead of minutes: for tests, of no scientific value."""
    smoke_stage(config)
    config.chains.num_chains = 32
    config.evaluate.max_examples = 64
    config.evaluate.feature_steps = 20
    config.evaluate.num_importance = 100
    config.evaluate.num_annealed = 16
    config.evaluate.num_betas = 5
    config.evaluate.mixing.num_chains = 4
    config.evaluate.mixing.num_warmup = config.evaluate.mixing.num_steps = 30
    config.evaluate.mixing.batch_size = 64


def smoke_images(config: ConfigDict) -> None:
    """`smoke` with narrow nets on fake images of 8 x 8 pixels."""
    smoke(config)
    small_glow(config)
    config.model.energy.width = 4
    config.chains.num_chains = 8
    config.evaluate.max_examples = 8
    config.evaluate.num_importance = config.evaluate.num_annealed = 8
    config.evaluate.mixing.num_warmup = config.evaluate.mixing.num_steps = 4
    config.evaluate.mixing.batch_size = 8
