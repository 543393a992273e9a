"""Flax (linen) modules: arrays in, arrays out."""

from ebmjax.nets.confined import Confined
from ebmjax.nets.conv import Conv, ConvTranspose, conv, conv_transpose
from ebmjax.nets.encoder import ConvEncoder, LayeredEncoder, MLPEncoder
from ebmjax.nets.energy import ConvEnergy, ConvLogits, NonlocalEnergy, conv_energy_layers, dcgan_energy_layers
from ebmjax.nets.gauge import fix_gauge, fix_last_layer
from ebmjax.nets.generator import PUBLISHED, ConvGenerator
from ebmjax.nets.hypernet import Code, HyperNet
from ebmjax.nets.joint import ENERGY_FORMS, JointConvEnergy, JointMLPEnergy
from ebmjax.nets.layers import layer_features
from ebmjax.nets.mlp import ACTIVATIONS, INITIALISATIONS, MLP, MLPEnergy, MLPGenerator, MLPLogits
from ebmjax.nets.multilayer import FlatLatents, MultilayerMLPGenerator
from ebmjax.nets.multilayer_conv import SCALES, MultilayerConvGenerator
from ebmjax.nets.normed import (
    NormedGenerator,
    NormedMLPGenerator,
    ResidualGenerator,
    dcgan_generator,
    normed_generator_layers,
    residual_generator,
)
from ebmjax.nets.recurrent import CELLS
from ebmjax.nets.targets import INPUTS, TARGETS, Layer, Target, with_inputs
from ebmjax.nets.text import TextDecoder
from ebmjax.nets.wide_resnet import WideResNet

__all__ = [
    "ACTIVATIONS",
    "CELLS",
    "ENERGY_FORMS",
    "HyperNet",
    "INITIALISATIONS",
    "INPUTS",
    "Layer",
    "MLP",
    "PUBLISHED",
    "SCALES",
    "Code",
    "Confined",
    "Conv",
    "ConvEncoder",
    "ConvEnergy",
    "ConvLogits",
    "ConvGenerator",
    "ConvTranspose",
    "JointConvEnergy",
    "JointMLPEnergy",
    "FlatLatents",
    "LayeredEncoder",
    "MLPEncoder",
    "MLPEnergy",
    "MLPGenerator",
    "MLPLogits",
    "MultilayerConvGenerator",
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
    "dcgan_energy_layers",
    "dcgan_generator",
    "fix_gauge",
    "fix_last_layer",
    "layer_features",
    "normed_generator_layers",
    "residual_generator",
    "with_inputs",
]
