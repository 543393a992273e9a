"""Configs of NICE as an energy: settings of Grathwohl, Kelly et al. 2021 (arXiv 2010.04230) and of their code."""

from ml_collections import ConfigDict

from configs.common import adam, base, fake_name, short


def nice_likelihood(data: str) -> ConfigDict:
    """The published net; a data set's config states what differs."""
    config = base("nice_likelihood", data)
    config.train.batch_size = 200
    config.model = ConfigDict(
        {
            "space": "pixels",  # of the densities; or logits, of the published preparation
            "flow": {
                "name": "nice",  # any of flows.FLOWS, with its options
                "num_layers": 4,
                "widths": (1000, 1000, 1000, 1000),
                "activation": "softplus",
                "init_name": "torch",
            },
            "latent_dim": 100,
            "generator": {"name": "mlp", "widths": (500, 500, 500), "width": 64, "activation": "softplus"},
            "num_samples": 20,  # of the importance sampling
            "sigma": 0.01,
            "sigma_range": (0.01, 0.3),
            "entropy_weight": 1.0,
            "gradient_penalty": 0.0,
        }
    )
    config.optimizer = ConfigDict(
        {
            "energy": adam(1e-4, b1=0.0, b2=0.9, warmup_steps=0),
            "generator": adam(1e-3, b1=0.0, b2=0.9, warmup_steps=0),
            "proposal": adam(0.02, warmup_steps=0),
            "likelihood": adam(1e-3, warmup_steps=0),
            "scores": adam(1e-3, warmup_steps=0),
        }
    )
    config.evaluate = ConfigDict({"batch_size": 500, "max_examples": 10_000, "arms": ("likelihood", "scores")})
    return config


def smoke(config: ConfigDict) -> None:
    """`short`, with small nets; fake images for those that need files."""
    short(config, 2, 16, 1, batch_size=64)
    config.model.flow.widths = (8,)
    config.model.num_samples = 2
    config.data.name = fake_name(config.data.name)
