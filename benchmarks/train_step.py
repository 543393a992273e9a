"""Time one training step, or one of its chains, at published settings; prints one JSON line.

    python -m benchmarks.train_step latent_ebm --threads 1 --rounds 3
    python -m benchmarks.train_step latent_ebm --part prior
    python -m benchmarks.train_step short_run --steps 8

latent_ebm: SVHN settings of Pang et al. 2020: batch 100 of 32 x 32 x 3, prior chain 60 steps, posterior chain 20, both
updates. Parts: full (a step of `Method.train_step`), prior, posterior. short_run: CIFAR-10 settings of Nijkamp et al.
2019: batch 64 of 32 x 32 x 3, n_f = 64, 100 Langevin steps (--steps), one update. Parts: full, sample.

Seconds are medians over rounds, after one round to compile; cpu_seconds are those of the process. The process is pinned
to --threads cores before importing JAX, the only way to limit its threads.
"""

import argparse
import json

from benchmarks.timing import measure, pin


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


def short_run(batch: int, steps: int) -> dict:
    """{part: function of (state, x, key) to time}, and the state, from the CIFAR-10 config."""
    import jax

    from configs.short_run.cifar10 import get_config
    from ebmjax.data import DataSpec
    from experiments.short_run import build

    config = get_config()
    config.sampler.chain.num_steps = steps
    method = build(config, DataSpec("cifar10", (32, 32, 3), 50_000, 10_000, 10, 255))
    x = jax.random.uniform(jax.random.key(0), (batch, 32, 32, 3), minval=-1, maxval=1)
    state = jax.jit(method.init)(jax.random.key(1), {"x": x})
    parts = {
        "full": lambda state, x, key: method.train_step(state, {"x": x}),
        "sample": lambda state, x, key: method.sample(state, key, batch),
    }
    return {"parts": parts, "state": state, "x": x}


def main():
    """Parse the arguments, pin the process, time, print."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("case", choices=["latent_ebm", "short_run"])
    parser.add_argument("--part", default="full", help="full; prior, posterior of latent_ebm; sample of short_run")
    parser.add_argument("--batch", type=int, help="default 100, of short_run 64")
    parser.add_argument("--steps", type=int, default=100, help="Langevin steps of short_run")
    parser.add_argument("--prior-steps", type=int, default=60)
    parser.add_argument("--posterior-steps", type=int, default=20)
    parser.add_argument("--threads", type=int, default=2)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--device", default="cpu", help="cpu, cuda or tpu")
    args = parser.parse_args()
    pin(args.threads, args.device)
    import jax

    if args.case == "latent_ebm":
        case = latent_ebm(args.batch or 100, args.prior_steps, args.posterior_steps)
    else:
        case = short_run(args.batch or 64, args.steps)
    if args.part not in case["parts"]:
        parser.error(f"{args.case} has no part {args.part!r}; it has {', '.join(case['parts'])}")
    step = jax.jit(case["parts"][args.part])
    run = lambda i: jax.block_until_ready(step(case["state"], case["x"], jax.random.key(i)))
    line = {"case": args.case, "part": args.part} | measure(run, args.rounds)
    print(json.dumps(line | {"threads": args.threads, "device": args.device}))


if __name__ == "__main__":
    main()
