"""The landscape of a learned energy of images: along paths between examples, and along long chains from them."""

from functools import partial

import jax
import jax.numpy as jnp
import numpy as np

from ebmjax.diagnostics import stability_index
from ebmjax.evaluation import map_batches
from ebmjax.mcmc import sample_chain
from ebmjax.viz import landscape as viz
from ebmjax.viz import pictures
from experiments.build.chains import make_chain
from experiments.measure.long_chains import adjusted_run, long_run

LIMITS = {
    "evaluate.num_paths": 1,
    "evaluate.num_points": 3,
    "evaluate.num_chains": 2,
    "evaluate.long_run_steps": 100,
    "evaluate.mala.num_steps": 0,
}


def paths(run, x, z):
    """{name: `[K, N, ...]`} between the first K examples x and the next: straight lines, and decoded from z."""
    settings, (method, state) = run.config.evaluate, run.trained
    num = min(settings.num_paths, len(x) // 2)
    share = np.linspace(0, 1, settings.num_points).reshape(1, -1, *[1] * (x.ndim - 1)).astype(np.float32)
    lines = (1 - share) * x[:num, None] + share * x[num : 2 * num, None]
    decoded = method.functions["interpolate"](state, z[:num], z[num : 2 * num], settings.num_points)
    return {"straight line": lines, "decoded from z": np.asarray(decoded)}


def barriers(energies):
    """Rise above the higher end of each path, the mean over paths: energies `[K, N]`."""
    return np.mean(np.max(energies, axis=1) - np.max(energies[:, [0, -1]], axis=1))


def with_chain(trained, chain, energy):
    """`trained` with the function "run" that `long_run` needs: chains from x on `energy`."""

    def run_from(state, rng_key, x, num_steps=None):
        longer = chain if num_steps is None else chain._replace(num_steps=num_steps)
        return sample_chain(longer, energy, rng_key, x)[0].position

    return trained._replace(method=trained.method._replace(functions=trained.method.functions | {"run": run_from}))


def landscape(run, energy, test, z):
    """(metrics, {path: caption}) of an energy of x at test examples, whose latents are z."""
    settings, chain = run.config.evaluate, make_chain(run.config, "chain")
    fields = run.config.sampler.chain
    along = {}
    for name, x in paths(run, test, z).items():
        flat = map_batches(energy, x.reshape(-1, *test.shape[1:]), settings.batch_size)
        along[name] = flat.reshape(x.shape[:2])
    start = test[: settings.num_chains]
    index = partial(stability_index, step_size=fields.step_size, temperature=fields.temperature)
    stability = jax.jit(lambda key, x: index(energy, x, key))(run.rng_key, jnp.asarray(start))
    kept = long_run(run, with_chain(run.trained, chain, energy), start)
    if settings.mala.num_steps:
        kept |= {"adjusted": adjusted_run(run, energy, jnp.asarray(start)).end}
    end = kept[settings.long_run_steps]
    change = lambda x: np.mean(np.asarray(energy(jnp.asarray(x))) - np.asarray(energy(jnp.asarray(start))))
    metrics = {
        "barrier_line": barriers(along["straight line"]),
        "barrier_decoded": barriers(along["decoded from z"]),
        "stability_index": np.max(stability),
        "long_run_energy_change": change(end),
        "long_run_saturated": np.mean(np.abs(end) > 1),
        "long_run_distance": np.sqrt(np.mean(np.square(end - start))),
    }
    if "adjusted" in kept:
        metrics["mala_energy_change"] = change(kept["adjusted"])
    return metrics, draw(run, along, kept)


def draw(run, along, kept):
    """{path: caption} of the energy along the paths, and of the chains."""
    path = lambda stem: run.workdir / f"{stem}.png"
    viz.plot_energy_paths(along, path("barriers"), title="the learned energy between pairs of test examples")
    captions = {path("barriers"): "The energy along paths between test examples, above the higher of the two"}
    first = next(iter(kept.values()))
    if first.ndim == 4:
        steps = ", ".join(map(str, kept))
        strip = np.stack([x[:8] for x in kept.values()], axis=1).astype(np.float32)
        pictures.save_interpolations(strip, path("long_run"), title=f"chains from data, after {steps} steps")
        last = "; the last column: Metropolis-adjusted ones" if "adjusted" in kept else ""
        captions[path("long_run")] = f"Chains of the learned energy from test examples{last}"
    return captions


def protocol(config) -> str:
    """How the figures were measured."""
    settings, fields = config.evaluate, config.sampler.chain
    adjusted = (
        f"; mala: {settings.mala.num_steps} Metropolis-adjusted steps of {settings.mala.step_size}"
        if settings.mala.num_steps
        else ""
    )
    return (
        "barrier_line: the energy's rise above the higher of two test examples along the straight line; "
        "barrier_decoded: above the higher of the decoded ends, along decoded straight lines between their z; mean of "
        f"at most {settings.num_paths} pairs, nats. long_run: {settings.num_chains} chains "
        f"from test examples after {settings.long_run_steps} Langevin steps (s {fields.step_size}, T "
        f"{fields.temperature}): change of the mean energy, share of pixels outside [-1, 1], root-mean-square distance "
        f"per pixel from the start{adjusted}; stability_index: the largest s² λ / 2T at their starts."
    )
