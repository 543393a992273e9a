"""Flow contrastive estimation (Gao et al. 2020, arXiv 1912.00589) on MNIST, 28 x 28: a small Glow and a perceptron.

    python -m experiments.flow_contrastive --config=configs/flow_contrastive/mnist.py

The settings are ours, the flow small enough for half an hour of one CPU core; the game is untried.
Expected: none published: the paper has no MNIST; not measured here.
Cost: not measured beyond the flow's half hour.
"""

from configs.common import variant_of
from configs.flow_contrastive.common import images, smoke_images
from configs.flow_stage import glow_of_mnist


def get_config(variant=""):
    config = images("mnist")
    glow_of_mnist(config.flow)
    config.model.energy.name = "mlp"
    config.model.energy.widths = (512, 256)
    config.train.num_steps = 5000
    return variant_of(config, variant, smoke_images)
