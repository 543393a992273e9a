"""Alternating back-propagation (Han et al. 2017, arXiv 1606.08571) on CelebA, 64 x 64, each training image covered
by squares of 3 x 3 pixels that hide half of it.

    python -m ebmjax.data.prepare celeb_a && python -m experiments.abp --config=configs/abp/celeba64_squares.py

The paper's learning from incomplete faces (salt-and-pepper masks) hide .5, .7 or .9 of the pixels:
--config.missing.fraction=0.7. Generator and chain: configs/abp/common.py.
Expected: the paper reports recovery errors, which we could not read; not measured here.
Cost: 100,000 steps on a GPU; not run.
"""

from configs.abp.common import faces, smoke_images
from configs.common import variant_of


def get_config(variant=""):
    config = faces()
    config.missing.update(name="squares", fraction=0.5, size=3)
    return variant_of(config, variant, smoke_images)
