"""Flax (linen) modules: arrays in, arrays out."""

from ebmjax.nets.conv import Conv, ConvTranspose, conv, conv_transpose
from ebmjax.nets.generator import PUBLISHED, ConvGenerator
from ebmjax.nets.mlp import ACTIVATIONS, INITIALISATIONS, MLP, MLPEnergy, MLPGenerator

__all__ = [
    "ACTIVATIONS",
    "INITIALISATIONS",
    "MLP",
    "PUBLISHED",
    "Conv",
    "ConvGenerator",
    "ConvTranspose",
    "MLPEnergy",
    "MLPGenerator",
    "conv",
    "conv_transpose",
]
