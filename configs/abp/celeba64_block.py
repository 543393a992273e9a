"""Alternating back-propagation (Han et al. 2017, arXiv 1606.08571) on CelebA, 64 x 64, each training image without
a block of 20 x 20 pixels.

    python -m ebmjax.data.prepare celeb_a && python -m experiments.abp --config=configs/abp/celeba64_block.py

The paper's learning from incomplete faces with one region missing, of 20 or 30 pixels' side:
--config.missing.size=30. Generator and chain: configs/abp/common.py.
Expected: the paper reports recovery errors, which we could not read; not measured here.
Cost: 100,000 steps on a GPU; not run.
"""

from configs.abp.common import faces, smoke_images
from configs.common import variant_of


def get_config(variant=""):
    config = faces()
    config.missing.update(name="block", size=20)
    return variant_of(config, variant, smoke_images)
