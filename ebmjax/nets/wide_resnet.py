"""Wide residual networks without normalisation: classifiers of images whose logits are energies."""

import flax.linen as nn
import jax.numpy as jnp

from ebmjax.nets.conv import Conv
from ebmjax.nets.mlp import INITIALISATIONS
from ebmjax.types import Array


class WideBlock(nn.Module):
    """x + conv(act(conv(act(x)))), 3 x 3, the second of `stride`: `[B, H, W, C]` -> `[B, H / s, W / s, features]`.

    If the shape changes, the shortcut is a 1 x 1 convolution of x before its activation, as in the authors' code.
    dropout: rate in [0, 1) after the first convolution, where `apply` gets rngs={"dropout": key}; without a key, none.
    """

    features: int
    stride: int = 1
    slope: float = 0.2
    form: str = "auto"
    dropout: float = 0.0

    @nn.compact
    def __call__(self, x: Array) -> Array:
        y = Conv(self.features, 3, 1, 1, form=self.form)(nn.leaky_relu(x, self.slope))
        y = nn.Dropout(self.dropout, deterministic=not self.has_rng("dropout"))(y)
        y = Conv(self.features, 3, self.stride, 1, form=self.form)(nn.leaky_relu(y, self.slope))
        same = self.stride == 1 and x.shape[-1] == self.features
        return y + (x if same else Conv(self.features, 1, self.stride, name="shortcut", form=self.form)(x))


class WideResNet(nn.Module):
    """WRN-depth-widen without normalisation: images `[B, H, W, C]` -> logits `[B, num_outputs]`.

    depth: 6 n + 4, else ValueError; n blocks in each of three stages of 16, 32 and 64 times `widen` features, the last
    two of which halve the image. slope: of the LeakyReLU. Pixels are averaged at the end, so H and W may be any
    multiples of 4. dropout: in every block, if there is a key for it (`WideBlock`); published 0 for JEM, .3 for VERA on
    CIFAR-10. Normalisation would couple the rows of a batch, and thus the chains of an energy.

    References: Zagoruyko & Komodakis 2016 (arXiv 1605.07146); Grathwohl et al. 2020 (arXiv 1912.03263), its code, for
    the net without normalisation, whose convolutions have biases (28, 10).
    """

    num_outputs: int
    depth: int = 28
    widen: int = 10
    slope: float = 0.2
    form: str = "auto"
    dropout: float = 0.0

    @nn.compact
    def __call__(self, x: Array) -> Array:
        if self.depth < 10 or self.depth % 6 != 4:
            raise ValueError(
                f"depth = {self.depth} of a wide residual network must be 6 n + 4, n ≥ 1: 10, 16, 22, 28 ..."
            )
        x = Conv(16, 3, 1, 1, form=self.form)(x)
        for features, stride in ((16, 1), (32, 2), (64, 2)):
            for i in range((self.depth - 4) // 6):
                x = WideBlock(features * self.widen, 1 if i else stride, self.slope, self.form, self.dropout)(x)
        x = jnp.mean(nn.leaky_relu(x, self.slope), axis=(1, 2))
        kernel_init, bias_init = INITIALISATIONS["torch"](x.shape[-1])
        return nn.Dense(self.num_outputs, kernel_init=kernel_init, bias_init=bias_init)(x)
