"""Time one training step, or one of its chains, at published settings; prints one JSON line.

    python -m benchmarks.train_step latent_ebm --threads 1 --rounds 3
    python -m benchmarks.train_step latent_ebm --part prior

latent_ebm: SVHN settings of Pang et al. 2020: batch 100 of 32 x 32 x 3, prior chain 60 steps, posterior chain 20, both
updates. Parts: full (a step of `Method.train_step`), prior, posterior. Seconds are medians over rounds, after one round
to compile; cpu_seconds are those of the process. The process is pinned to --threads cores before JAX is imported, which
has no other way to limit threads.
"""

import argparse
import json
import os
import statistics
import time


def latent_ebm(batch: int, prior_steps: int, posterior_steps: int) -> dict:
    """{part: function of (state, x, key) to time}, and the state, from the SVHN config."""
    import jax

    from configs.latent_ebm.svhn import get_config
    from ebmjax.data import DataSpec
    from experiments.latent_ebm import build

    config = get_config()
    config.sampler.prior.num_steps, config.sampler.posterior.num_steps = prior_steps, posterior_steps
    config.sampler.refine_steps = 0
    method = build(config, DataSpec("svhn_cropped", (32, 32, 3), 73_257, 26_032, 10, 255))
    x = jax.random.uniform(jax.random.key(0), (batch, 32, 32, 3), minval=-1, maxval=1)
    state = jax.jit(method.init)(jax.random.key(1), {"x": x})
    parts = {
        "full": lambda state, x, key: method.train_step(state, {"x": x}),
        "prior": lambda state, x, key: method.functions["sample_latent"](state, key, batch),
        "posterior": lambda state, x, key: method.functions["encode"](state, key, x),
    }
    return {"parts": parts, "state": state, "x": x}


def main():
    """Parse the arguments, pin the process, time, print."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("case", choices=["latent_ebm"])
    parser.add_argument("--part", default="full", choices=["full", "prior", "posterior"])
    parser.add_argument("--batch", type=int, default=100)
    parser.add_argument("--prior-steps", type=int, default=60)
    parser.add_argument("--posterior-steps", type=int, default=20)
    parser.add_argument("--threads", type=int, default=2)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--device", default="cpu", help="cpu, cuda or tpu")
    args = parser.parse_args()
    os.environ["JAX_PLATFORMS"] = args.device
    os.sched_setaffinity(0, sorted(os.sched_getaffinity(0))[: args.threads])
    import jax

    case = latent_ebm(args.batch, args.prior_steps, args.posterior_steps)
    run = jax.jit(case["parts"][args.part])
    keys = jax.random.split(jax.random.key(2), args.rounds + 1)
    wall, cpu = [], []
    for key in keys:
        start, cpu_start = time.perf_counter(), time.process_time()
        jax.block_until_ready(run(case["state"], case["x"], key))
        wall.append(time.perf_counter() - start)
        cpu.append(time.process_time() - cpu_start)
    compile_seconds, wall, cpu = wall[0], wall[1:], cpu[1:]
    line = {"case": args.case, "part": args.part, "seconds": statistics.median(wall)}
    line |= {"cpu_seconds": statistics.median(cpu), "min": min(wall), "max": max(wall), "rounds": args.rounds}
    line |= {"threads": args.threads, "device": args.device, "first_call_seconds": compile_seconds}
    print(json.dumps(line))


if __name__ == "__main__":
    main()
