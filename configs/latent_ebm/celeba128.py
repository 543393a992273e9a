"""Latent EBM prior (Pang et al. 2020, arXiv 2006.08205) on CelebA, 128 x 128: the official script's settings.

    python -m experiments.latent_ebm --config=configs/latent_ebm/celeba128.py

Batch 400 (there 4 GPUs x 100), energy 1000 wide with GELU, 400 epochs of 30,000 images there; here TFDS's whole
training split. Needs about 8 GB of device memory for the images.
Expected: none published (pictures alone), not measured here.
Cost: a GPU's work, not measured; not run at full length.
"""

from configs.common import variant_of
from configs.latent_ebm.common import latent_ebm, smoke_images


def get_config(variant=""):
    config = latent_ebm("celeb_a@128")
    config.model.generator.name = "celeba128"
    config.model.generator.width = 128
    config.model.energy.widths = (1000, 1000)
    config.model.energy.activation = "gelu"
    config.sampler.posterior.num_steps = 40
    config.train.update(num_steps=30_000, batch_size=400)
    return variant_of(config, variant, smoke_images)
