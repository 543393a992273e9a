"""Out-of-distribution detection: a latent EBM (Pang et al. 2020, arXiv 2006.08205) trained on all of MNIST, tested
against another data set.

    for name in mnist fashion_mnist; do python -m ebmjax.data.prepare $name; done
    python -m experiments.anomaly --config=configs/anomaly/mnist_other.py

The perceptrons of mnist_cpu.py. Any data set of 28 x 28 grey images can be named, also a file:
--config.anomaly.other=npz:omniglot.npz.
Expected: none published. Here, with Omniglot, seed 0: auroc_joint_mean .790, N(0, I) .797, PCA .609.
Cost: 20 minutes of a CPU core.
"""

from configs.anomaly import mnist_cpu
from configs.common import variant_of


def get_config(variant=""):
    config = mnist_cpu.get_config()
    config.anomaly.held_out = ()
    config.anomaly.other = "fashion_mnist"
    return variant_of(config, variant, smoke)


def smoke(config):
    """`smoke` of mnist_cpu.py, against the same fake images."""
    mnist_cpu.smoke(config)
    config.anomaly.held_out = ()
    config.anomaly.other = "fake:28x28x1"
