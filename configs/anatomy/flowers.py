"""Non-convergent learning (Nijkamp et al. 2020, arXiv 1903.12370) on Oxford Flowers, 32 x 32: as published.

    python -m ebmjax.data.prepare oxford_flowers102@32
    python -m experiments.anatomy --config=configs/anatomy/flowers.py

The settings of the official code: "vanilla" net, 150 steps with ε = .01 from uniform noise, Adam with 1e-4, data noise
.03. Published training uses all 8,189 images, this set's training part has 1,020 of them (flowers_convergent.py).
Expected: none published (the paper shows pictures), not measured here.
Cost: 100,000 steps of 150 gradients for 100 images, a GPU's work; not run at full length.
"""

from configs.anatomy.common import anatomy, smoke_images
from configs.common import variant_of


def get_config(variant=""):
    return variant_of(anatomy("oxford_flowers102@32"), variant, smoke_images)
