"""Flax (linen) modules: arrays in, arrays out."""

from ebmjax.nets.mlp import MLP, MLPEnergy, MLPGenerator

__all__ = ["MLP", "MLPEnergy", "MLPGenerator"]
