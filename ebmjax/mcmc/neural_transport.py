"""Neural transport: a kernel in the latent space of a map z -> x, where the target is (nearly) N(0, I)."""

from collections.abc import Callable

from ebmjax.energies import pullback
from ebmjax.mcmc.options import check
from ebmjax.pytree import at_least_float32
from ebmjax.types import Array, ChainState, Info, Kernel, Potential, PyTree

Transport = Callable[[PyTree], tuple[PyTree, Array]]
"""z -> (x, log|det ∂x/∂z| `[B]`): the decoder of a flow with its parameters bound, or `Target.transport`."""


def neural_transport(
    potential: Potential,
    *,
    transport: Transport,
    make_kernel: Callable[[Potential], Kernel],
    inverse: Callable[[PyTree], PyTree] | None = None,
) -> Kernel:
    """The kernel `make_kernel` on the pulled-back energy E(g(z)) - log|det ∂g/∂z|.

    **Everything in `ChainState` and `Info` is latent**: position z, the energy of z, its gradient. Persistent chains
    store z. `in_data_space(transport)` gives the points x = g(z), as a `collect` function of `run_chain` or for one
    state. Temperature, step size and others are options of the latent kernel.

    For an energy that tilts the flow's own density, E = e - log q, the same latent energy is ||z||² / 2 + e(g(z)):
    `make_kernel(tilt(standard_normal, lambda z: e(g(z))))` without any log-determinant.

    Args:
        potential: x -> energy[B], in data space.
        transport: z -> (x, log|det ∂x/∂z|).
        make_kernel: (Potential) -> Kernel, typically `functools.partial(hmc, step_size=...)`.
        inverse: x -> z. If given, the kernel's `init` (so `position` of `run_chain`) takes points x of data space;
            else it takes z, typically draws of N(0, I).

    Raises:
        ValueError: an option that is not a function.

    Reference: Hoffman et al. 2019 (arXiv 1903.03704); Nijkamp et al. 2020 (arXiv 2006.06897).
    """
    check("neural_transport", potential=potential, transport=transport, make_kernel=make_kernel, inverse=inverse)
    kernel = make_kernel(pullback(potential, transport))
    if inverse is None:
        return kernel
    return kernel._replace(init=lambda position: kernel.init(inverse(at_least_float32(position))))


def in_data_space(transport: Transport) -> Callable[[ChainState, Info | None], PyTree]:
    """(state, info) -> x of the chains, `[B, ...]`: `run_chain(..., collect=in_data_space(transport))`."""
    return lambda state, info=None: transport(state.position)[0]
