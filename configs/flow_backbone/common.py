"""The flow-backbone EBM's config (Nijkamp et al. 2022, arXiv 2006.06897). The paper's widths are not known."""

from ml_collections import ConfigDict

from configs import flow_stage
from configs.common import adam, base, net, short


def flow_backbone(data: str) -> ConfigDict:
    """The common fields; a data set's config states what differs."""
    config = base("flow_backbone", data)
    config.flow = flow_stage.flow_stage(config)
    config.model = ConfigDict(
        {
            "objective": "likelihood",  # or "noise_contrastive": E and log Z without chains
            "energy": net("mlp", (128, 128), activation="silu", init="he"),
            "energy_l2": 1e-4,
        }
    )
    # Chains in z on E(g(z)) + ||z||² / 2; the step size follows target_acceptance (0: it is fixed,
    # which langevin and other kernels that accept every proposal need).
    config.sampler = ConfigDict(
        {
            "name": "hmc",
            "chain": {"num_steps": 3, "step_size": 0.3},
            "options": {"hmc": {"num_leapfrog": 3, "jitter": 0.5}, "underdamped": {"friction": 1.0}},
            "target_acceptance": 0.8,
        }
    )
    # Persistent chains (0: fresh ones from N(0, I) for every step), and how many move in a step (0: train.batch_size).
    config.chains = ConfigDict({"num_chains": 256, "per_step": 0})
    config.optimizer = ConfigDict(
        {group: adam(rate, **flow_stage.WARMED_COSINE) for group, rate in (("energy", 1e-3), ("log_normalizer", 1e-2))}
    )
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
    """32 x 32 colour images: Glow and a convolutional energy, for a GPU. Our own sizes, untried."""
    config = flow_backbone(data)
    flow_stage.glow(config)
    config.model.energy.update(name="conv", width=64)
    config.train.update(num_steps=20_000, batch_size=64)
    config.sampler.chain.step_size = 0.1
    config.chains.num_chains = 1024
    config.evaluate.update(max_examples=10_000, num_importance=2000, num_annealed=100)
    config.evaluate.mixing.batch_size = 250
    return config


def smoke(config: ConfigDict) -> None:
    """`short`, with few chains."""
    short(config, 10, 32, 5, num_importance=100, num_annealed=16, num_betas=5)
    config.chains.num_chains = 32
    config.evaluate.mixing.update(num_chains=4, num_warmup=30, num_steps=30, batch_size=64)


def smoke_images(config: ConfigDict) -> None:
    """The same with narrow nets on fake images of 8 x 8 pixels."""
    smoke(config)
    flow_stage.smoke_images(config)
    config.chains.num_chains = config.evaluate.num_annealed = 8
    config.evaluate.mixing.update(num_warmup=8, num_steps=4, batch_size=8)
