"""A VAE with an energy of x and z (Han et al. 2020, arXiv 2006.06059) on MNIST, 28 x 28, for a CPU.

    python -m ebmjax.data.prepare mnist && python -m experiments.vae_latent_ebm --config=configs/vae_latent_ebm/mnist.py

Perceptrons and sizes are our own. The published convolutions take 32 x 32 pixels: --config.data.name=mnist@32, and
--config.model.<network>.name=dcgan.
Expected: none published, not measured here.
Cost: not measured.
"""

from configs import encoders
from configs.common import variant_of
from configs.vae_latent_ebm.common import smoke_images, vae_latent_ebm


def get_config(variant=""):
    config = vae_latent_ebm("mnist")
    encoders.small(config)
    for net in ("generator", "encoder"):
        config.model[net].widths = (256, 256)
    config.train.update(num_steps=20_000, steps_per_dispatch=100, log_every=100, checkpoint_every=2000)
    config.evaluate.max_examples = 5000
    return variant_of(config, variant, smoke_images)
