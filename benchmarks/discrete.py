"""ESS per second of Gibbs with gradients beside Gibbs sweeps in plain JAX, on models of 100 units; prints a JSON line.

    python -m benchmarks.discrete rbm --flips 4 --opponent site

Models: rbm (100 visible, --hidden hidden units, weights N(0, --scale²), biases N(0, --bias²) and N(0, 1); most units
of trained machines are nearly sure of their state, as with --bias 4) and ising (10 x 10, periodic, coupling --scale).
Opponents, a sweep being one update of all units: energy (site by site, by the energy of the changed state, kept if it
is taken: as for any energy), site (site by site, from the model's own conditional), block (all visible, then all
hidden units; of ising the two colours of a checkerboard). ESS: the least, over the energy and the Hamming distances to
four fixed states, of the bulk ESS of --chains chains. Samplers alternate, round by round; the ratio is the median of
the rounds' ratios.
"""

import argparse
import json
import statistics
import time

from benchmarks.timing import pin


def make_model(name: str, scale: float, hidden: int, bias: float):
    """(potential, shape of a state, {opponent: sweep (rng_key, x) -> x})."""
    import jax
    import jax.numpy as jnp
    import numpy as np

    from ebmjax.energies import ising, rbm

    random = np.random.default_rng(0)
    bits = lambda key, logits: (jax.random.uniform(key, logits.shape) < jax.nn.sigmoid(logits)).astype(logits.dtype)

    if name == "rbm":
        w, b, c = (
            scale * random.normal(size=(100, hidden)),
            bias * random.normal(size=100),
            random.normal(size=hidden),
        )
        w, b, c = (jnp.asarray(a, jnp.float32) for a in (w, b, c))
        potential = rbm(w, b, c)

        def site(key, v):  # the inputs of the hidden units are kept from site to site
            def update(carry, site_and_key):
                (v, inputs), (i, key) = carry, site_and_key
                rest = inputs - v[:, i, None] * w[i]
                new = bits(key, b[i] + jnp.sum(jax.nn.softplus(rest + w[i]) - jax.nn.softplus(rest), axis=1))
                return (v.at[:, i].set(new), rest + new[:, None] * w[i]), None

            return jax.lax.scan(update, (v, c + v @ w), (jnp.arange(100), jax.random.split(key, 100)))[0][0]

        def block(key, v):
            keys = jax.random.split(key)
            return bits(keys[1], b + bits(keys[0], c + v @ w) @ w.T)
    else:
        lattice = ising(scale)
        potential = lambda x: lattice(x.reshape(-1, 10, 10))
        rows, columns = np.divmod(np.arange(100), 10)
        beside = [(rows + 1) % 10 * 10 + columns, (rows - 1) % 10 * 10 + columns]
        beside = jnp.asarray(beside + [rows * 10 + (columns + 1) % 10, rows * 10 + (columns - 1) % 10])

        def site(key, x):
            def update(x, site_and_key):
                i, key = site_and_key
                new = bits(key, 2 * scale * jnp.sum(2 * x[:, beside[:, i]] - 1, axis=1))
                return x.at[:, i].set(new), None

            return jax.lax.scan(update, x, (jnp.arange(100), jax.random.split(key, 100)))[0]

        even = jnp.asarray((rows + columns) % 2 == 0)

        def block(key, x):
            for colour, own in zip((even, ~even), jax.random.split(key)):
                x = jnp.where(colour, bits(own, 2 * scale * jnp.sum(2 * x[:, beside] - 1, axis=1)), x)
            return x

    def through_energy(key, x):
        def update(carry, site_and_key):
            (x, energy), (site, key) = carry, site_and_key
            flipped = x.at[:, site].set(1.0 - x[:, site])
            there = potential(flipped)
            flip = bits(key, energy - there)
            return (jnp.where(flip[:, None] > 0, flipped, x), jnp.where(flip > 0, there, energy)), None

        return jax.lax.scan(update, (x, potential(x)), (jnp.arange(100), jax.random.split(key, 100)))[0][0]

    return potential, {"energy": through_energy, "site": site, "block": block}


def main():
    """Parse the arguments, pin the process, run in turn, print."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("model", choices=("rbm", "ising"))
    parser.add_argument("--scale", type=float, default=0.3)
    parser.add_argument("--hidden", type=int, default=50)
    parser.add_argument("--bias", type=float, default=1.0)
    parser.add_argument("--flips", type=int, default=1)
    parser.add_argument("--opponent", choices=("energy", "site", "block"), default="site")
    parser.add_argument("--chains", type=int, default=64)
    parser.add_argument("--transitions", type=int, default=20_000, help="kept, after a tenth of it")
    parser.add_argument("--sweeps", type=int, default=2_000, help="kept, after a tenth of it")
    parser.add_argument("--threads", type=int, default=1)
    parser.add_argument("--rounds", type=int, default=5)
    args = parser.parse_args()
    pin(args.threads)
    import jax
    import jax.numpy as jnp
    import numpy as np

    from ebmjax.diagnostics import summarise
    from ebmjax.mcmc import gibbs_with_gradients, run_chain

    potential, sweeps = make_model(args.model, args.scale, args.hidden, args.bias)
    kernel = gibbs_with_gradients(potential, num_flips=args.flips)
    states = jnp.asarray(np.random.default_rng(1).integers(0, 2, (4, 100)), jnp.float32)
    distances = lambda x: jnp.sum(jnp.abs(x[:, None] - states), axis=2)
    statistics_of = lambda x, energy: jnp.concatenate([energy[:, None], distances(x)], axis=1)
    start = lambda key: jax.random.bernoulli(key, 0.5, (args.chains, 100)).astype(jnp.float32)

    def flips(key):
        collect = lambda state, info: statistics_of(state.position, state.energy)
        return run_chain(kernel, key, start(key), args.transitions * 11 // 10, collect=collect)[1:]

    def gibbs(key):
        def one(x, own):
            x = sweeps[args.opponent](own, x)
            return x, statistics_of(x, potential(x))

        return None, jax.lax.scan(one, start(key), jax.random.split(key, args.sweeps * 11 // 10))[1]

    kept = {"gwg": (jax.jit(flips), args.transitions), "gibbs": (jax.jit(gibbs), args.sweeps)}
    ess = jax.jit(lambda draws: jnp.min(summarise(draws)["ess_bulk"]))
    rounds = {name: [] for name in kept}
    acceptance, means = 0.0, {}
    for i in range(args.rounds + 1):  # the first compiles
        for name, (run, num) in kept.items():
            began = time.process_time()
            info, draws = jax.block_until_ready(run(jax.random.key(i)))
            seconds = time.process_time() - began
            rounds[name].append(float(ess(draws[-num:])) / seconds)
            means.setdefault(name, []).append(np.asarray(draws[-num:], np.float64).mean((0, 1)))
            acceptance = acceptance if info is None else float(jnp.mean(info.acceptance_rate))
    ratios = [a / b for a, b in zip(rounds["gwg"][1:], rounds["gibbs"][1:])]
    line = {
        "case": f"gwg/{args.model}",
        "scale": args.scale,
        "hidden": args.hidden,
        "bias": args.bias,
        "flips": args.flips,
        "opponent": args.opponent,
    }
    line |= {f"{name}_ess_per_cpu_second": statistics.median(found[1:]) for name, found in rounds.items()}
    line |= {"ratio": statistics.median(ratios), "ratio_min": min(ratios), "ratio_max": max(ratios)}
    apart = np.abs(np.mean(means["gwg"], 0) - np.mean(means["gibbs"], 0))
    line |= {"acceptance": acceptance, "mean_energies_apart": float(apart[0]), "threads": args.threads}
    print(json.dumps(line | {"rounds": args.rounds}))


if __name__ == "__main__":
    main()
