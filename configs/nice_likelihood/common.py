"""The configs of likelihood by NICE: settings of Grathwohl, Kelly et al. 2021 (arXiv 2010.04230) and of their code."""

from ml_collections import ConfigDict

from configs.common import base
from configs.vera.common import adam


def nice_likelihood(data: str) -> ConfigDict:
    """The published net; a data set's config states what differs."""
    config = base("nice_likelihood", data)
    config.train.batch_size = 200
    config.model = ConfigDict(
        {
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
            "energy": adam(1e-4),
            "generator": adam(1e-3),
            "proposal": adam(0.02, b1=0.9, b2=0.999),
            "likelihood": adam(1e-3, b1=0.9, b2=0.999),
            "scores": adam(1e-3, b1=0.9, b2=0.999),
        }
    )
    config.evaluate = ConfigDict({"batch_size": 500, "max_examples": 10_000, "arms": ("likelihood", "scores")})
    return config


def smoke(config: ConfigDict) -> None:
    """Seconds instead of minutes: for tests, of no scientific value."""
    config.train.num_steps = 2
    config.train.batch_size = 16
    config.train.steps_per_dispatch = config.train.log_every = config.train.checkpoint_every = 1
    config.model.flow.widths = (8,)
    config.model.num_samples = 2
    config.evaluate.batch_size = config.evaluate.max_examples = 64
