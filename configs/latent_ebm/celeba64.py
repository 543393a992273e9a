"""Latent EBM prior (Pang et al. 2020, arXiv 2006.08205) on CelebA, 64 x 64.

    python -m experiments.latent_ebm --config=configs/latent_ebm/celeba64.py

On 40,000 images, as the papers of this line: theirs are a cached file whose choice is not told, here they are the first
of TFDS's training split (in its files' order, which is shuffled), cropped to a square and resized. The official code
reads that file, but has no settings for it. Width and layers are those of its descendants' code, the rest is the SVHN
script's. The length has no source: after 100,000 steps, which are 250 epochs, the rates are .609 of the first.
--config.data.num_train=0 takes all images. Needs about half a GB of device memory for the images.
The opponents of the table: --config.evaluate.opponents="('gaussian_trained', 'vae', 'short_run_5')".
Expected (paper, Table 1): FID 37.87, test MSE .013 (VAE 65.75 / .021, short-run inference 61.03 / .020, of five layers
47.95 / .015).
Cost: 100,000 steps on a GPU, not measured; not run at full length.
"""

from configs.common import variant_of
from configs.latent_ebm.common import convolutions, latent_ebm, smoke_images, table_1


def get_config(variant=""):
    config = latent_ebm("celeb_a@64")
    config.data.num_train = 40_000
    convolutions(config, "celeba64", 128)
    config.train.num_steps = 100_000
    table_1(config, 0.013, 37.87, "; most likely on 40,000 images")
    return variant_of(config, variant, smoke_images)
