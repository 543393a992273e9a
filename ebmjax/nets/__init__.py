"""Flax (linen) modules: arrays in, arrays out."""

from ebmjax.nets.confined import Confined
from ebmjax.nets.conv import Conv, ConvTranspose, conv, conv_transpose
from ebmjax.nets.encoder import ConvEncoder, MLPEncoder
from ebmjax.nets.energy import ConvEnergy, NonlocalEnergy, conv_energy_layers
from ebmjax.nets.gauge import fix_gauge, fix_last_layer
from ebmjax.nets.generator import PUBLISHED, ConvGenerator
from ebmjax.nets.hypernet import Code, HyperNet
from ebmjax.nets.joint import ENERGY_FORMS, JointConvEnergy, JointMLPEnergy
from ebmjax.nets.layers import layer_features
from ebmjax.nets.mlp import ACTIVATIONS, INITIALISATIONS, MLP, MLPEnergy, MLPGenerator, MLPLogits
from ebmjax.nets.multilayer import MultilayerMLPGenerator
from ebmjax.nets.normed import (
    NormedGenerator,
    NormedMLPGenerator,
    ResidualGenerator,
    dcgan_generator,
    normed_generator_layers,
    residual_generator,
)
from ebmjax.nets.recurrent import CELLS
from ebmjax.nets.targets import TARGETS, Layer, Target
from ebmjax.nets.text import TextDecoder
from ebmjax.nets.wide_resnet import WideResNet

__all__ = [
    "ACTIVATIONS",
    "CELLS",
    "ENERGY_FORMS",
    "HyperNet",
    "INITIALISATIONS",
    "Layer",
    "MLP",
    "PUBLISHED",
    "Code",
    "Confined",
    "Conv",
    "ConvEncoder",
    "ConvEnergy",
    "ConvGenerator",
    "ConvTranspose",
    "JointConvEnergy",
    "JointMLPEnergy",
    "MLPEncoder",
    "MLPEnergy",
    "MLPGenerator",
    "MLPLogits",
    "MultilayerMLPGenerator",
    "NonlocalEnergy",
    "NormedGenerator",
    "NormedMLPGenerator",
    "ResidualGenerator",
    "TARGETS",
    "Target",
    "TextDecoder",
    "WideResNet",
    "conv",
    "conv_energy_layers",
    "conv_transpose",
    "dcgan_generator",
    "fix_gauge",
    "fix_last_layer",
    "layer_features",
    "normed_generator_layers",
    "residual_generator",
]
