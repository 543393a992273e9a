"""Latent EBM prior (Pang et al. 2020, arXiv 2006.08205) on SVHN, 32 x 32: the released script as it runs.

    python -m experiments.latent_ebm --config=configs/latent_ebm/svhn.py

The script runs its defaults: an energy with GELU, K0 = 60, K1 = 20, rates times .998 per epoch, 201 epochs (the grid in
its file is never called). The one-page code of the paper's supplement has other settings (svhn_one_page.py). Which of
the two made the paper's table is unknown.
The opponents of the table: --config.evaluate.opponents="('gaussian_trained', 'vae', 'short_run_5')".
Expected (paper, Table 1): FID 29.44, test MSE .008 (VAE 46.78 / .019, short-run inference 44.86 / .018, of five layers
35.23 / .011).
Cost: 201 epochs of 732 steps, about 600 GFLOP each; docs/benchmarks.md has the time of a step on CPU and GPU. Not run
at full length.
"""

from configs.common import variant_of
from configs.latent_ebm.common import convolutions, latent_ebm, smoke_images, table_1


def get_config(variant=""):
    config = latent_ebm("svhn_cropped")
    convolutions(config, "svhn", 64)
    config.train.num_steps = 201 * 732
    table_1(config, 0.008, 29.44)
    return variant_of(config, variant, smoke_images)
