"""Flax (linen) modules: arrays in, arrays out."""

from ebmjax.nets.confined import Confined
from ebmjax.nets.conv import Conv, ConvTranspose, conv, conv_transpose
from ebmjax.nets.energy import ConvEnergy, NonlocalEnergy, conv_energy_layers
from ebmjax.nets.generator import PUBLISHED, ConvGenerator
from ebmjax.nets.mlp import ACTIVATIONS, INITIALISATIONS, MLP, MLPEnergy, MLPGenerator
from ebmjax.nets.multilayer import MultilayerMLPGenerator
from ebmjax.nets.text import CELLS, TextDecoder

__all__ = [
    "ACTIVATIONS",
    "CELLS",
    "INITIALISATIONS",
    "MLP",
    "PUBLISHED",
    "Confined",
    "Conv",
    "ConvEnergy",
    "ConvGenerator",
    "ConvTranspose",
    "MLPEnergy",
    "MLPGenerator",
    "MultilayerMLPGenerator",
    "NonlocalEnergy",
    "TextDecoder",
    "conv",
    "conv_energy_layers",
    "conv_transpose",
]
