"""Glow (Kingma & Dhariwal 2018, arXiv 1807.03039) on MNIST, 28 x 28, in half an hour of one CPU core.

    python -m ebmjax.data.prepare mnist && python -m experiments.flow --config=configs/flow/mnist.py

The settings are ours, small enough for a CPU (configs/flow_stage.py). For a GPU: --config.model.flow.num_steps=16
--config.model.flow.width=128 --config.train.batch_size=128 and more steps, untried.
Expected: none published: the paper has no MNIST. Here, seed 0: 1.674 bits/dim on test images, a Gaussian 5.87.
Cost: half an hour of a CPU core.
"""

from configs.common import variant_of
from configs.flow.common import images, smoke_images
from configs.flow_stage import glow_of_mnist


def get_config(variant=""):
    config = images("mnist")
    glow_of_mnist(config)
    config.evaluate.batch_size = 250
    return variant_of(config, variant, smoke_images)
