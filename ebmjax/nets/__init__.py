"""Flax (linen) modules: arrays in, arrays out."""

from ebmjax.nets.confined import Confined
from ebmjax.nets.conv import Conv, ConvTranspose, conv, conv_transpose
from ebmjax.nets.encoder import ConvEncoder, LayeredEncoder, MLPEncoder
from ebmjax.nets.energy import ConvEnergy, NonlocalEnergy, conv_energy_layers
from ebmjax.nets.gauge import fix_gauge, fix_last_layer
from ebmjax.nets.generator import PUBLISHED, ConvGenerator
from ebmjax.nets.hypernet import Code, HyperNet
from ebmjax.nets.joint import ENERGY_FORMS, JointConvEnergy, JointMLPEnergy
from ebmjax.nets.layers import layer_features
from ebmjax.nets.mlp import ACTIVATIONS, INITIALISATIONS, MLP, MLPEnergy, MLPGenerator, MLPLogits
from ebmjax.nets.multilayer import FlatLatents, MultilayerMLPGenerator
from ebmjax.nets.multilayer_conv import SCALES, MultilayerConvGenerator
from ebmjax.nets.normed import NormedGenerator, normed_generator_layers
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
    "SCALES",
    "Code",
    "Confined",
    "Conv",
    "ConvEncoder",
    "ConvEnergy",
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
    "TARGETS",
    "Target",
    "TextDecoder",
    "WideResNet",
    "conv",
    "conv_energy_layers",
    "conv_transpose",
    "fix_gauge",
    "fix_last_layer",
    "layer_features",
    "normed_generator_layers",
]
