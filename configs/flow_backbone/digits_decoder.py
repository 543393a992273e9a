"""A VAE's generator instead of a flow as the backbone (Nijkamp et al. 2022, arXiv 2006.06897) on 8 x 8 digits.

    python -m experiments.flow_backbone --config=configs/flow_backbone/digits_decoder.py

p(z) ∝ exp(-E(g(z))) N(z; 0, I): the same energy, chains and evaluation as digits.py in the 16 latent dimensions of the
generator. The generator has no density, so no chains run in data space. All settings are ours.
Expected: none published for these images. Here, seed 0: R-hat 1.018, frechet_features 4.6, the VAE's generator 22.9,
real test digits 4.2.
Cost: a minute and a half of a CPU core.
"""

from ml_collections import ConfigDict

from configs.common import adam, variant_of
from configs.flow_backbone import digits
from configs.flow_backbone.common import smoke
from configs.flow_stage import WARMED_COSINE


def get_config(variant=""):
    config = digits.get_config()
    config.decoder = ConfigDict(
        {
            "model": {"latent_dim": 16, "widths": (128, 128), "activation": "leaky_relu", "sigma": 0.3},
            "train": config.train.to_dict(),
            "optimizer": {group: adam(1e-3, **WARMED_COSINE) for group in ("generator", "encoder")},
        }
    )
    config.decoder.train.num_steps = 2000
    return variant_of(config, variant, smoke)
