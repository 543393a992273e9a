"""VERA without labels (Grathwohl, Kelly et al. 2021, arXiv 2010.04230) on StackedMNIST at 64 x 64 pixels: how many of
the 1,000 modes 10,000 samples cover. DCGAN's nets, as published.

    python -m experiments.unsupervised_vera --config=configs/unsupervised_vera/stacked_mnist.py

Ours: λ and γ are the published ones for CIFAR-10; the classifier that names the digits is a perceptron, not the
published ConvNet; the length.
Expected (paper, quoted from memory and so in no table): about 989 modes, KL .095. Not measured here.
Cost: hours of a GPU; 0.7 GB of memory for the data. Not run at full length.
"""

from configs.common import variant_of
from configs.unsupervised_vera.common import images, smoke


def get_config(variant=""):
    return variant_of(images("stacked:mnist@64"), variant, smoke)
