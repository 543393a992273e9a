"""Flow-backbone EBM (Nijkamp et al. 2022, arXiv 2006.06897): an energy tilts a frozen flow; chains move in its latents.

First trains the flow by maximum likelihood (in the folder flow/ of the work directory; --config.flow.run=RUN uses that
of a run of experiments.flow instead), then the energy. The evaluation compares the tilted flow with the flow, estimates
log Z, and measures how chains mix in latent and in data space. The backbone may also be the generator of a VAE; it has
no density, so chains run in latent space only.
"""

from functools import partial

import jax
import numpy as np

from ebmjax.evaluation import map_batches, sample_in_batches
from ebmjax.flows import quantize
from ebmjax.mcmc import make_bank
from ebmjax.methods import flow_backbone
from ebmjax.report.results import OWN, merge
from ebmjax.training import cli
from ebmjax.training.experiment import Evaluation, Experiment
from ebmjax.viz import chains
from experiments.build.backbones import make_backbone, prepare
from experiments.build.chains import make_adapting_chain
from experiments.build.flows import num_levels
from experiments.build.networks import make_data_energy
from experiments.build.optimizers import optimizers_of
from experiments.measure.estimates import PROTOCOL
from experiments.measure.flow_backbone import ARMS, image_figures, normalizer_figures, plane_figures
from experiments.measure.history import draw_health
from experiments.measure.spaces import compare_spaces, independent_draws

LIMITS = {
    "chains.num_chains": 0,
    "chains.per_step": 0,
    "evaluate.num_importance": 2,
    "evaluate.num_annealed": 2,
    "evaluate.num_betas": 2,
    **{f"evaluate.mixing.{field}": 4 for field in ("num_chains", "num_steps")},
    "evaluate.mixing.num_warmup": 8,
    "evaluate.mixing.num_leapfrog": 1,
    "evaluate.mixing.batch_size": 1,
    "evaluate.mixing.target_acceptance": (0.01, 0.99),
}
AUTOCORRELATION = "Autocorrelation of E and of 10 random projections of x, averaged over the chains."


def build(config, data_spec, **prepared):
    """The method of a config, on the backbone that `prepare` trained."""
    contrasted = config.model.objective == "noise_contrastive"
    optimizers = optimizers_of(config, data_spec)
    if not contrasted:
        del optimizers["log_normalizer"]
    num_chains = 0 if contrasted else config.chains.num_chains
    backbone, levels = make_backbone(config, data_spec, prepared)
    return flow_backbone(
        make_data_energy(config, data_spec.shape),
        backbone,
        chain=make_adapting_chain(config, "chain"),
        chains=make_bank(num_chains, config.chains.per_step or config.train.batch_size) if num_chains else None,
        optimizers=optimizers,
        objective=config.model.objective,
        energy_l2=config.model.energy_l2,
        num_levels=levels,
    )


def evaluate(run):
    """Log Z, chains in both spaces from the same points, and the model against its backbone."""
    settings, (method, state), ((base, backbone),) = run.config.evaluate, run.trained, run.prepared.items()
    shape, size = run.dataset.x_train.shape[1:], settings.mixing.batch_size
    dim = int(np.prod(shape)) if base == "flow" else run.config.decoder.model.latent_dim
    keys = jax.random.split(run.rng_key, 4)
    start = jax.random.normal(keys[0], (settings.mixing.num_chains, dim))
    walks = compare_spaces(method.functions, state, start, keys[1], settings.mixing)
    num = min(settings.max_examples, len(run.dataset.x_train))
    x = independent_draws(method.functions, state, keys[2], num, dim, settings.mixing)
    base_x = sample_in_batches(partial(backbone.method.sample, backbone.state), keys[3], num, size)
    energies = map_batches(jax.jit(partial(method.functions["energy"], state)), base_x, size)
    found, shown = {}, {}
    if shape == (2,) and base == "flow":
        found, shown = plane_figures(run, x)
    elif run.dataset.max_value is not None:
        x, base_x = (quantize(y, num_levels(run.dataset)) for y in (x, base_x))
        found, shown = image_figures(run, x, base_x, base, walks)
    figures = merge(
        found,
        {OWN: normalizer_figures(run) | {f"sd_energy_{base}": np.std(energies)}},
        {ARMS[space]: walk.figures for space, walk in walks.items()},
    )
    path = run.workdir / "autocorrelation.png"
    chains.plot_autocorrelation({f"{space} space": walk.autocorrelation for space, walk in walks.items()}, path)
    shown |= {path: AUTOCORRELATION} | draw_health(run, f"flow-backbone EBM on {run.dataset.name}")
    return Evaluation(figures, protocol(run.config, num), shown)


def protocol(config, num):
    """How the figures were measured."""
    settings, mixing = config.evaluate, config.evaluate.mixing
    # A decoder has no density, so no chains run in data space.
    base, spaces = "flow", "latent space and (data_space) in data space"
    if config.get("decoder"):
        base, spaces = "decoder", "latent space"
    return (
        f"log_z of the tilt, in nats: importance, {settings.num_importance} samples of the {base}; annealed, "
        f"{settings.num_annealed} latent chains over {settings.num_betas} temperatures; quadrature, on the "
        f"grid; _error: standard errors; {PROTOCOL} "
        f"rhat, ess, class_changes: HMC of {mixing.num_leapfrog} leapfrog steps (mean of a "
        f"random number) in {spaces}, {mixing.num_chains} chains from the same samples of the {base}, "
        f"{mixing.num_warmup} transitions of warm-up, in both spaces alike: the first half learns the diagonal mass "
        f"from all chains, the second the step size for an acceptance of {mixing.target_acceptance}; "
        f"{mixing.num_steps} kept; rank-normalised split R-hat and bulk ESS, the worst of E and 10 random "
        "projections of x; class_changes: of a small classifier's answer in 1,000 transitions of a chain. "
        f"sd_energy_{base}: of E over its samples, nats. kl_true_model: KL from the known law, on the grid. "
        f"frechet_features: {num} independent latent chains of {mixing.num_warmup} transitions ({base}: samples of "
        f"the {base}; real: the test images) to the training images, over the classifier's last hidden layer, on the "
        "data's grey levels. Parameters averaged where training averages, no selection."
    )


EXPERIMENT = Experiment(
    default_config="configs/flow_backbone/eight_gaussians.py",
    limits=lambda config: LIMITS,
    prepare=prepare,
    build=build,
    evaluate=evaluate,
)

if __name__ == "__main__":
    cli.main(EXPERIMENT, doc=__doc__)
