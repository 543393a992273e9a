"""VERA without labels (Grathwohl, Kelly et al. 2021, arXiv 2010.04230) on CIFAR-10, by DCGAN's nets.

    python -m experiments.unsupervised_vera --config=configs/unsupervised_vera/cifar10.py

The nets of the official program without further flags; λ and γ those of its command with labels. Which of its nets the
paper trained without labels is not known to us.
Expected: none published that is known to us; not measured here.
Cost: hours of a GPU; not run at full length.
"""

from configs.common import variant_of
from configs.unsupervised_vera.common import images, smoke


def get_config(variant=""):
    return variant_of(images("cifar10"), variant, smoke)
