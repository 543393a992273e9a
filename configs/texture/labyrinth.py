"""Textures by alternating back-propagation (Han et al. 2017, arXiv 1606.08571) on an embedded image, winding stripes.

    python -m experiments.texture

The default of the experiment. All settings are ours.
Expected: not measured yet.
Cost: minutes of a CPU core.
"""

from configs.common import variant_of
from configs.texture.common import smoke, texture


def get_config(variant=""):
    config = texture("labyrinth")
    return variant_of(config, variant, smoke)
