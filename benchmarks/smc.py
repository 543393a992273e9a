"""log Z by tempered SMC, ours and blackjax's adaptive_tempered_smc, in pairs; prints JSON lines.

    python -m benchmarks.smc --seeds 20

The target is the product of 6 double wells (64 modes), the base N(0, I): 1,024 particles, temperatures chosen at a
share .9 of the conditional ESS, systematic resampling, 12 MALA steps of .3 at each. Seeds take the two libraries in
turn; CPU seconds of the pinned process, medians over seeds. sd: of log Z over the seeds. off: its mean less the exact
value.
"""

import argparse
import json
import time
from functools import partial

from benchmarks.timing import pin

DIM, PARTICLES, MOVES, ESS, STEP = 6, 1024, 12, 0.9, 0.3


def main():
    """Parse the arguments, pin the process, time, print."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--seeds", type=int, default=20)
    parser.add_argument("--threads", type=int, default=1)
    args = parser.parse_args()
    pin(args.threads)
    import blackjax
    import jax
    import jax.numpy as jnp
    import numpy as np
    from blackjax.smc import resampling

    from ebmjax.energies import double_well, standard_gaussian
    from ebmjax.mcmc import base_from, mala, tempered_smc

    target, base = double_well(DIM, 4.0), base_from(standard_gaussian(DIM))

    @jax.jit
    def ours(key):
        move = partial(mala, step_size=STEP)
        found = tempered_smc(
            key, base, target.energy, make_kernel=move, num_particles=PARTICLES, num_steps=MOVES, ess=ESS
        )
        return found.log_z, found.num_temperatures

    log_base = lambda x: base.log_prob(x[None])[0]
    sampler = blackjax.adaptive_tempered_smc(
        log_base,
        lambda x: -target.energy(x[None])[0] - log_base(x),
        blackjax.mala.build_kernel(),
        blackjax.mala.init,
        {"step_size": jnp.full((1,), STEP**2 / 2)},  # their drift is h ∇ log p: h = s² / 2
        resampling.systematic,
        ESS,
        num_mcmc_steps=MOVES,
    )

    @jax.jit
    def theirs(key):
        start_key, key = jax.random.split(key)
        beta = lambda state: getattr(state, "tempering_param" if hasattr(state, "tempering_param") else "lmbda")

        def change_beta(carry):
            key, state, log_z, num = carry
            key, step_key = jax.random.split(key)
            state, info = sampler.step(step_key, state)
            return key, state, log_z + info.log_likelihood_increment, num + 1

        start = (key, sampler.init(base.sample(start_key, PARTICLES)), jnp.zeros(()), 0)
        _, _, log_z, num = jax.lax.while_loop(lambda carry: beta(carry[1]) < 1, change_beta, start)
        return log_z, num

    libraries = {"ebmjax": ours, "blackjax": theirs}
    found = {name: ([], [], []) for name in libraries}  # seconds, log Z, temperatures
    for run in libraries.values():
        jax.block_until_ready(run(jax.random.key(0)))
    for seed in range(args.seeds):
        for name, run in libraries.items():
            start = time.process_time()
            log_z, num = jax.block_until_ready(run(jax.random.key(seed)))
            for kept, value in zip(found[name], (time.process_time() - start, float(log_z), int(num))):
                kept.append(value)
    ratio = np.divide(found["blackjax"][0], found["ebmjax"][0])
    for name, (seconds, log_z, num) in found.items():
        line = {"case": name, "cpu_seconds": np.median(seconds), "sd": np.std(log_z, ddof=1)}
        line |= {"off": np.mean(log_z) - target.log_z, "temperatures": np.mean(num)}
        print(json.dumps({k: v if isinstance(v, str) else round(float(v), 4) for k, v in line.items()}))
    print(json.dumps({"case": "ratio of CPU seconds", "median": round(float(np.median(ratio)), 2)}))


if __name__ == "__main__":
    main()
