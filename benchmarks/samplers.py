"""Chain-steps per second of a kernel on an analytic target; prints one JSON line.

    python -m benchmarks.samplers funnel --sampler langevin --chains 10000 --steps 100 --threads 1

Targets: gauss100 (d = 100, N(0, I)), funnel (d = 10), double_well (d = 2), and the others of ebmjax.energies.TARGETS.
A Langevin or MALA step has drift h ∇U and noise √(2h), that is step_size √(2h), with h = 1e-2 (funnel 1e-3); hmc takes
10 leapfrog steps of 0.1. One call is --steps transitions of --chains chains from N(0, I).
"""

import argparse
import json
from typing import Any

from benchmarks.timing import measure, pin


def main():
    """Parse the arguments, pin the process, time, print."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("target")
    parser.add_argument("--sampler", default="langevin")
    parser.add_argument("--chains", type=int, default=10_000)
    parser.add_argument("--steps", type=int, default=100)
    parser.add_argument("--threads", type=int, default=1)
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--device", default="cpu", help="cpu, cuda or tpu")
    args = parser.parse_args()
    pin(args.threads, args.device)
    import jax

    from ebmjax.energies import TARGETS
    from ebmjax.mcmc import KERNELS, run_chain

    for name, table in (("target", TARGETS), ("sampler", KERNELS)):
        if getattr(args, name) not in table:
            parser.error(f"unknown {name} {getattr(args, name)!r}; known: {', '.join(sorted(table))}")
    target, builder = TARGETS[args.target](), KERNELS[args.sampler]
    options: dict[str, Any] = {"step_size": (2 * (1e-3 if args.target == "funnel" else 1e-2)) ** 0.5}
    if args.sampler == "hmc":
        options: dict[str, Any] = {"step_size": 0.1, "num_leapfrog": 10, "jitter": 0}
    kernel = builder(target.energy, **options)

    @jax.jit
    def run(rng_key):
        start_key, chain_key = jax.random.split(rng_key)
        start = jax.random.normal(start_key, (args.chains, target.dim))
        return run_chain(kernel, chain_key, start, args.steps)[0].position

    line = {"case": f"{args.sampler}/{args.target}", "library": "ebmjax", "chains": args.chains, "steps": args.steps}
    line |= measure(lambda i: run(jax.random.key(i)).block_until_ready(), args.rounds)
    seconds = line["cpu_seconds" if args.threads == 1 and args.device == "cpu" else "seconds"]
    line["million_chain_steps_per_second"] = args.chains * args.steps / seconds / 1e6
    print(json.dumps(line | {"threads": args.threads, "device": args.device}))


if __name__ == "__main__":
    main()
