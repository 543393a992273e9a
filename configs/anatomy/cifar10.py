"""Non-convergent learning (Nijkamp et al. 2020, arXiv 1903.12370) on CIFAR-10: as published.

    python -m experiments.anatomy --config=configs/anatomy/cifar10.py

The settings of the official code: 150 steps with ε = .01 from uniform noise, Adam with 1e-4, data noise .03. Short
chains look like images; long ones from data oversaturate (long_run.png).
Expected: no figure is published for this data set, and none was measured here.
Cost: 100,000 steps of 150 gradients for 100 images, a GPU's work; not run at full length.
"""

from configs.anatomy.common import anatomy, smoke_images
from configs.common import variant_of


def get_config(variant=""):
    return variant_of(anatomy("cifar10"), variant, smoke_images)
