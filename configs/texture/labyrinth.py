"""Textures by alternating back-propagation (Han et al. 2017, arXiv 1606.08571) on an embedded image, winding stripes.

    python -m experiments.texture

The default of the experiment. All settings are ours.
Expected (seed 0): filter_distance .19, of another image of the texture .11, of shuffled pixels .56; pixel_distance .30,
of a Gaussian texture with the image's power spectrum .40.
Cost: three minutes of a CPU core.
"""

from configs.common import variant_of
from configs.texture.common import smoke, texture


def get_config(variant=""):
    config = texture("labyrinth")
    return variant_of(config, variant, smoke)
