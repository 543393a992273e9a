"""Latent EBM prior (Pang et al. 2020, arXiv 2006.08205) on CelebA, 128 x 128: the released script as it runs.

    python -m experiments.latent_ebm --config=configs/latent_ebm/celeba128.py

The script runs its defaults: batch 400 (4 GPUs x 100), an energy 1000 wide with GELU, K0 = 80, K1 = 40, and 400 epochs
of 30,000 images, at whose end the rates are .451 of the first. The grid in its file, which is never called, has K0 = 60
and K1 = 20 or 40; which of them made the paper's pictures is unknown. Its images are a cached file, whose choice is not
told; here they are the first of TFDS's training split. Needs about 1.5 GB of device memory for the images.
Expected: none published (pictures alone), not measured here.
Cost: a GPU's work, not measured; not run at full length.
"""

from configs.common import variant_of
from configs.latent_ebm.common import convolutions, latent_ebm, smoke_images


def get_config(variant=""):
    config = latent_ebm("celeb_a@128")
    config.data.num_train = 30_000
    convolutions(config, "celeba128", 128)
    config.model.energy.widths = (1000, 1000)
    config.sampler.prior.num_steps = 80
    config.sampler.posterior.num_steps = 40
    config.train.update(num_steps=30_000, batch_size=400)
    return variant_of(config, variant, smoke_images)
