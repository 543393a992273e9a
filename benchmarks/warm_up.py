"""Effective draws per second after a warm-up, of our HMC and ChEES and of blackjax's NUTS; prints JSON lines.

    python -m benchmarks.warm_up --seeds 2 --rounds 5

The target is N(0, diag σ²) in 20 dimensions with σ from .01 to 10. 4 chains from N(0, I), 1,000 transitions of warm-up,
1,000 kept. Every method is compiled before it is timed; rounds take the methods in turn, in one process, and give
medians. ess: the least bulk ESS over the coordinates, ess_square: over their squares.
"""

import argparse
import json
import statistics
import time
from functools import partial

from benchmarks.timing import pin

WARM, KEPT, CHAINS = 1000, 1000, 4


def main():
    """Parse the arguments, pin the process, time, print."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--seeds", type=int, default=2)
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--threads", type=int, default=1)
    args = parser.parse_args()
    pin(args.threads)
    import jax
    import jax.numpy as jnp

    from ebmjax.diagnostics import summarise
    from ebmjax.mcmc import adapt_blackjax, from_blackjax, hmc, run_chain, warm_up

    scales = jnp.logspace(-2, 1, 20)
    energy = lambda x: 0.5 * jnp.sum((x / scales) ** 2, axis=-1)
    nuts = partial(from_blackjax, algorithm="nuts")
    ours = lambda make_kernel, **options: lambda key, x: warm_up(make_kernel, energy, key, x, WARM, **options)
    theirs = lambda key, x: adapt_blackjax(energy, key, x, WARM, adaptation="window")
    methods = {  # name -> ((key, start) -> tuned, transitions to drop)
        "hmc, 10 leapfrog steps, mass 1": (ours(hmc, mass=None), 0),
        "hmc, 10 leapfrog steps": (ours(hmc), 0),
        "hmc, ChEES": (ours(hmc, trajectory="chees"), 0),
        "hmc, dense mass, ChEES": (ours(hmc, trajectory="chees", mass="dense"), 0),
        "blackjax nuts, warm_up": (ours(nuts), 0),
        "blackjax nuts, window adaptation": (theirs, 100),
    }

    def prepare(adapt, drop, seed):
        """(the compiled warm-up and sampling, each () -> its result; the tuned kernel's position, as checked)."""
        warm_key, chain_key, start_key = jax.random.split(jax.random.key(seed), 3)
        start = jax.random.normal(start_key, (CHAINS, 20))
        tuned = adapt(warm_key, start)
        warm = jax.jit(lambda x: adapt(warm_key, x).position)
        collect = lambda state, info: state.position
        run = jax.jit(lambda x: run_chain(tuned.kernel, chain_key, x, KEPT + drop, collect=collect)[2][drop:])
        return partial(warm, start), partial(run, tuned.position)

    def seconds(function):
        start = time.perf_counter()
        jax.block_until_ready(function())
        return time.perf_counter() - start

    for seed in range(args.seeds):
        runs = {name: prepare(*method, seed) for name, method in methods.items()}
        figures = {}
        for name, (warm, run) in runs.items():
            first, x = seconds(warm), run()
            of_x, of_square = jax.jit(summarise)(x), jax.jit(summarise)(x**2)
            figures[name] = {
                "seed": seed,
                "ess": float(jnp.min(of_x["ess_bulk"])),
                "ess_square": float(jnp.min(of_square["ess_bulk"])),
                "rhat": float(jnp.maximum(jnp.max(of_x["rhat"]), jnp.max(of_square["rhat"]))),
                "compile_seconds": first,
            }
        times = {name: ([], []) for name in runs}
        for _ in range(args.rounds):
            for name, pair in runs.items():
                for kept, function in zip(times[name], pair):
                    kept.append(seconds(function))
        for name, (warm, run) in times.items():
            found = figures[name] | {"warm_seconds": statistics.median(warm), "seconds": statistics.median(run)}
            least = min(found["ess"], found["ess_square"])
            found["ess_per_second"] = least / found["seconds"]
            found["ess_per_second_with_warm_up"] = least / (found["seconds"] + found["warm_seconds"])
            print(json.dumps({"case": name} | {k: round(v, 4) for k, v in found.items()} | {"threads": args.threads}))


if __name__ == "__main__":
    main()
