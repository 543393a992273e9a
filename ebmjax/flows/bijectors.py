"""Bijectors that distrax does not have. As everywhere in `flows`, forward decodes, z -> x."""

from collections.abc import Callable
from functools import partial

import distrax
import jax
import jax.numpy as jnp
from jax import lax
from jax.scipy.linalg import solve_triangular

from ebmjax.types import Array, PyTree


class Rearrange(distrax.Bijector):
    """A rearrangement of entries: `forward` and `inverse` are functions of [..., event]; the log-determinant is 0."""

    def __init__(self, forward: Callable, inverse: Callable, event_ndims_in: int, event_ndims_out: int):
        super().__init__(event_ndims_in, event_ndims_out, is_constant_jacobian=True)
        self._forward, self._inverse = forward, inverse

    def forward_and_log_det(self, x):
        """Rearranged, and 0 for each event."""
        return self._forward(x), jnp.zeros(x.shape[: x.ndim - self.event_ndims_in], x.dtype)

    def inverse_and_log_det(self, y):
        """Rearranged back, and 0 for each event."""
        return self._inverse(y), jnp.zeros(y.shape[: y.ndim - self.event_ndims_out], y.dtype)


class Repeated(distrax.Bijector):
    """Bijectors of one form in sequence, the first nearest to x: one `lax.scan` over stacked parameters.

    Only one of them is compiled, whatever their number.

    make_bijector: params -> bijector of events of `event_ndims` axes. stacked: the params with a new first axis.
    remat: store only the input of each bijector for the backward pass, and recompute the rest.
    """

    def __init__(
        self, make_bijector: Callable[[PyTree], distrax.Bijector], stacked: PyTree, event_ndims: int, remat: bool
    ):
        super().__init__(event_ndims)
        self._make_bijector, self._stacked, self._remat = make_bijector, stacked, remat

    def _scan(self, method: str, x: Array, reverse: bool):
        def step(carry, params):
            x, log_det = carry
            x, more = getattr(self._make_bijector(params), method)(x)
            return (x, log_det + more), None

        # Inside a scan nothing can be merged across steps, so the barriers of prevent_cse have no use.
        body = jax.checkpoint(step, prevent_cse=False) if self._remat else step
        events = tuple(range(x.ndim - self.event_ndims_in, x.ndim))
        start = (x, jnp.zeros_like(jnp.sum(x, events)))  # spread over devices like x, unlike fresh zeros
        return lax.scan(body, start, self._stacked, reverse=reverse)[0]

    def forward_and_log_det(self, x):
        """The last bijector first."""
        return self._scan("forward_and_log_det", x, reverse=True)

    def inverse_and_log_det(self, y):
        """The first bijector first."""
        return self._scan("inverse_and_log_det", y, reverse=False)


class Conv1x1(distrax.Bijector):
    """An invertible matrix applied to the channels of every pixel [..., H, W, C]: encoding is y = W x.

    W = P L (U + diag(sign · exp(log_scale))) with L unit lower, U strictly upper triangular. All parameters are arrays
    that an optimiser may update; of `order` [C] and `sign` [C] only ranks and signs are used, which have no gradient,
    so that the permutation P and the signs do not change.

    Reference: Kingma & Dhariwal 2018 (arXiv 1807.03039), section 3.2.
    """

    def __init__(self, order: Array, sign: Array, lower: Array, upper: Array, log_scale: Array):
        super().__init__(event_ndims_in=3, is_constant_jacobian=True)
        self._rows = jnp.argsort(order)
        self._lower = jnp.tril(lower, -1) + jnp.eye(len(order), dtype=lower.dtype)
        self._upper = jnp.triu(upper, 1) + jnp.diag(jnp.where(sign < 0, -1.0, 1.0) * jnp.exp(log_scale))
        self._log_scale = log_scale

    def _log_det(self, x: Array) -> Array:
        value = x.shape[-3] * x.shape[-2] * jnp.sum(self._log_scale)
        return jnp.broadcast_to(value, x.shape[:-3])

    def inverse_and_log_det(self, y):
        """W applied to the channels; H W Σ log_scale."""
        matrix = _matmul(self._lower, self._upper)[self._rows]
        return _matmul(y, matrix.T), self._log_det(y)

    def forward_and_log_det(self, x):
        """W⁻¹ applied to the channels, by two triangular solves; -H W Σ log_scale."""
        transposed = jnp.eye(len(self._rows), dtype=self._lower.dtype)[jnp.argsort(self._rows)]  # P⁻¹
        inner = solve_triangular(self._lower, transposed, lower=True, unit_diagonal=True)
        matrix = solve_triangular(self._upper, inner)
        return _matmul(x, matrix.T), -self._log_det(x)


class FactorOut(distrax.Bijector):
    """One level of a multi-scale flow: z[..., D] -> x[..., H, W, C]; half of z are the last channels, unchanged.

    The other half is mapped by `inner`, z[..., D / 2] -> x[..., H, W, C / 2], to the first channels.

    Reference: Dinh et al. 2017 (arXiv 1605.08803), section 3.6.
    """

    def __init__(self, inner: distrax.Bijector):
        super().__init__(event_ndims_in=1, event_ndims_out=3)
        self._inner = inner

    def forward_and_log_det(self, x):
        """The latents of this level come first in z."""
        here, rest = jnp.split(x, 2, axis=-1)
        first, log_det = self._inner.forward_and_log_det(rest)
        return jnp.concatenate([first, here.reshape(first.shape)], axis=-1), log_det

    def inverse_and_log_det(self, y):
        """The latents of this level, then those of the levels inside."""
        first, here = jnp.split(y, 2, axis=-1)
        rest, log_det = self._inner.inverse_and_log_det(first)
        return jnp.concatenate([here.reshape(rest.shape), rest], axis=-1), log_det


class Autoregressive(distrax.Bijector):
    """y_i = shift_i(x_<i) + exp(log_scale_i(x_<i)) x_i on vectors: forward in one pass, inverse in d passes.

    network: x[..., d] -> (shift, log_scale), each [..., d], whose i-th outputs depend only on x_<i.

    Reference: Kingma et al. 2016 (arXiv 1606.04934), with z -> x in one pass; inverted it is Papamakarios et al. 2017
    (arXiv 1705.07057), with x -> z in one pass.
    """

    def __init__(self, network: Callable[[Array], tuple[Array, Array]]):
        super().__init__(event_ndims_in=1)
        self._network = network

    def forward_and_log_det(self, x):
        """One evaluation of the network."""
        shift, log_scale = self._network(x)
        return shift + jnp.exp(log_scale) * x, jnp.sum(log_scale, axis=-1)

    def inverse_and_log_det(self, y):
        """Pass i computes coordinate i; later ones are 0 until then, where the network's outputs are moderate."""

        def one_pass(i, x):
            shift, log_scale = self._network(x)
            return jnp.where(jnp.arange(y.shape[-1]) == i, (y - shift) * jnp.exp(-log_scale), x)

        x = lax.fori_loop(0, y.shape[-1], one_pass, jnp.zeros_like(y))
        return x, -jnp.sum(self._network(x)[1], axis=-1)


# With accelerators' default precision of products the inverse would not be accurate.
_matmul = partial(jnp.matmul, precision=lax.Precision.HIGHEST)
