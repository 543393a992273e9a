"""Convolutions of images with PyTorch's output sizes, in the form that is fast on the platform.

Images are NHWC, kernels [kh, kw, in, out]: kernel[i, j] is PyTorch's weight[:, :, i, j] of ConvTranspose2d, and the
transpose of that of Conv2d. `form` is "plain" (XLA's convolution), "fast" (matrix products, ebmjax/nets/conv_cpu.py) or
"auto": fast on CPU, plain elsewhere. Both compute the same function up to rounding.

"auto" reads `jax.default_backend()` when traced. A switch inside the program (`lax.platform_dependent`) would trace
both forms, and a gradient through a scan would store the residuals of both. Code placed on the CPU of a machine with a
GPU is therefore correct, but slow unless it passes "fast".
"""

from collections.abc import Callable

import flax.linen as nn
import jax
import jax.numpy as jnp
from jax import lax

from ebmjax.nets import conv_cpu, init
from ebmjax.types import Array

LAYOUT = ("NHWC", "HWIO", "NHWC")


def conv(x: Array, kernel: Array, *, stride: int = 1, padding: int = 0, form: str = "auto") -> Array:
    """Cross-correlation x[B, H, W, C], kernel[kh, kw, C, F] -> [B, n, m, F], n = (H + 2 · padding - kh) // stride + 1.

    y[i, j] = Σ x[stride · i - padding + k, stride · j - padding + l] kernel[k, l], and x is 0 outside (Conv2d).
    stride, padding: of both axes and all sides. Raises ValueError for channels that differ or an empty result.
    """
    x, kernel = _checked("conv", x, kernel, lambda size, k: (size + 2 * padding - k) // stride + 1)
    if is_fast(form):
        return conv_cpu.conv(x, kernel, stride, padding)
    pad = (padding, padding)
    return lax.conv_general_dilated(x, kernel, (stride, stride), (pad, pad), dimension_numbers=LAYOUT)


def conv_transpose(x: Array, kernel: Array, *, stride: int = 1, padding: int = 0, form: str = "auto") -> Array:
    """Adjoint of `conv`: x[B, H, W, C], kernel[kh, kw, C, F] -> [B, n, m, F], n = (H - 1) · stride - 2 · padding + kh.

    Pixel x[i, j] adds x[i, j] kernel[k, l] to y[stride · i - padding + k, stride · j - padding + l] (ConvTranspose2d).
    Raises ValueError for channels that differ or an empty result.
    """
    x, kernel = _checked("conv_transpose", x, kernel, lambda size, k: (size - 1) * stride - 2 * padding + k)
    if is_fast(form):
        return conv_cpu.conv_transpose(x, kernel, stride, padding)
    pads = [(k - 1 - padding, k - 1 - padding) for k in kernel.shape[:2]]
    flipped, dilation = kernel[::-1, ::-1], (stride, stride)
    return lax.conv_general_dilated(x, flipped, (1, 1), pads, lhs_dilation=dilation, dimension_numbers=LAYOUT)


def is_fast(form: str) -> bool:
    """Whether to use matrix products: `form` "fast", or "auto" where JAX's default platform is a CPU."""
    if form not in ("auto", "plain", "fast"):
        raise ValueError(f"form must be 'auto', 'plain' or 'fast', got {form!r}")
    return form == "fast" or (form == "auto" and jax.default_backend() == "cpu")


def _checked(name: str, x: Array, kernel: Array, output_size: Callable[[int, int], int]) -> tuple[Array, Array]:
    """x, kernel in one dtype. Raises unless channels agree and output_size(size, kernel_size) is ≥ 1 on both axes."""
    if x.ndim != 4 or kernel.ndim != 4 or x.shape[3] != kernel.shape[2]:
        raise ValueError(f"{name} needs x[B, H, W, C] and kernel[kh, kw, C, F], got {x.shape} and {kernel.shape}")
    if min(map(output_size, x.shape[1:3], kernel.shape[:2])) < 1:
        raise ValueError(f"{name} of x {x.shape} by kernel {kernel.shape} has no output: enlarge x or change padding")
    dtype = jnp.result_type(x, kernel)
    return x.astype(dtype), kernel.astype(dtype)


class Conv(nn.Module):
    """`conv` with parameters "kernel" [k, k, C, features], "bias" [features]: `[B, H, W, C]` -> `[B, n, m, features]`.

    kernel_init, bias_init: PyTorch's defaults U(±1/√fan_in), fan_in = C · k · k, unless given. form: as in `conv`.
    """

    features: int
    kernel_size: int
    stride: int = 1
    padding: int = 0
    use_bias: bool = True
    kernel_init: Callable = init.torch_kernel
    bias_init: Callable | None = None
    form: str = "auto"

    @nn.compact
    def __call__(self, x: Array) -> Array:
        k = self.kernel_size
        kernel = self.param("kernel", self.kernel_init, (k, k, x.shape[-1], self.features))
        y = conv(x, kernel, stride=self.stride, padding=self.padding, form=self.form)
        if not self.use_bias:
            return y
        bias_init = self.bias_init or init.torch_bias(x.shape[-1] * k * k)
        return y + self.param("bias", bias_init, (self.features,))


class ConvTranspose(nn.Module):
    """`conv_transpose` with parameters "kernel" [k, k, C, features], "bias": `[B, H, W, C]` -> `[B, n, m, features]`.

    kernel_init, bias_init: PyTorch's defaults U(±1/√fan_in) unless given; PyTorch's fan_in is features · k · k here.
    """

    features: int
    kernel_size: int
    stride: int = 1
    padding: int = 0
    use_bias: bool = True
    kernel_init: Callable = init.torch_transpose_kernel
    bias_init: Callable | None = None
    form: str = "auto"

    @nn.compact
    def __call__(self, x: Array) -> Array:
        k = self.kernel_size
        kernel = self.param("kernel", self.kernel_init, (k, k, x.shape[-1], self.features))
        y = conv_transpose(x, kernel, stride=self.stride, padding=self.padding, form=self.form)
        if not self.use_bias:
            return y
        bias_init = self.bias_init or init.torch_bias(self.features * k * k)
        return y + self.param("bias", bias_init, (self.features,))
