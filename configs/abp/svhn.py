"""Alternating back-propagation (Han et al. 2017, arXiv 1606.08571) on SVHN, 32 x 32.

    python -m ebmjax.data.prepare svhn_cropped && python -m experiments.abp --config=configs/abp/svhn.py

Expected: FID 49.71, reported for this method by Cui et al. 2023 (arXiv 2306.06323), Table 1; the protocol is not
stated, so it is not in our tables. Not measured here. Generator, latent size, noise and chain are those of the latent
EBM's published script, so that the two can be compared.
Cost: 201 epochs of 732 steps on a GPU; not run at full length.
"""

from configs.abp.common import abp, smoke_images
from configs.common import variant_of


def get_config(variant=""):
    config = abp("svhn_cropped")
    config.model.generator.name = "svhn"
    config.train.num_steps = 201 * 732
    return variant_of(config, variant, smoke_images)
