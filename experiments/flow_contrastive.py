"""Flow contrastive estimation (Gao et al. 2020, arXiv 1912.00589): an energy and a flow, trained against each other.

First trains the flow by maximum likelihood (in the folder flow/ of the work directory), then the energy to tell data
from the flow's samples, and the flow against it. In the plane noise-contrastive estimation (NCE) and a longer-trained
flow are compared.
"""

import jax.numpy as jnp

from ebmjax.data import with_labels
from ebmjax.flows import triangular_affine
from ebmjax.methods import flow_contrastive
from ebmjax.nets import ConvLogits, MLPLogits, conv_energy_layers
from ebmjax.report.results import OWN, merge
from ebmjax.training import cli
from ebmjax.training.config import ConfigError
from ebmjax.training.experiment import Evaluation, Experiment
from experiments.build.flows import by_likelihood, flow_of, num_levels, prepare
from experiments.build.networks import make_confined_energy
from experiments.build.optimizers import optimizers_of
from experiments.measure import images
from experiments.measure.estimates import PROTOCOL
from experiments.measure.flow_contrastive import (
    GRID_LIMIT,
    classifier_figures,
    density_figures,
    label_figures,
    plane_figures,
    sample_figures,
)
from experiments.measure.history import draw_health, logged_rows

LIMITS = {
    "model.confinement": 0,
    "gate.threshold": 0,
    "gate.decay": (0, 1),
    "gate.energy_every": 0,
    "evaluate.num_importance": 2,
}


def build(config, data_spec, flow, *, noise=None, noise_params=None):
    """The method of a config, from the trained `flow`; with `noise`, NCE: the energy alone, against that noise."""
    labels = config.labels.weight
    optimizers, gate = optimizers_of(config, data_spec), config.gate.to_dict()
    if noise is not None:
        del optimizers["flow"]
        gate["threshold"] = 2.0  # above any accuracy: the energy alone learns
    return flow_contrastive(
        make_confined_energy(config, data_spec.shape) if labels == 0 else make_logits(config, data_spec),
        noise or flow_of(config.flow, data_spec),
        flow_params=noise_params if noise is not None else flow.state.params["flow"],
        optimizers=optimizers,
        num_levels=num_levels(data_spec),
        label_weight=labels,
        **gate,
    )


def make_logits(config, data_spec):
    """Class logits instead of an energy, from config.model.energy: "mlp" (widths) or "conv" (width, slope; images).

    Raises ConfigError if unfit.
    """
    fields, num, shape = config.model.energy, data_spec.num_classes, data_spec.shape
    if num is None:
        raise ConfigError(f"labels.weight = {config.labels.weight}: {data_spec.name} has no labels; set it to 0")
    if fields.name not in ("mlp", "conv") or config.model.confinement:
        raise ConfigError("labels.weight > 0 needs model.energy.name = mlp or conv, and model.confinement = 0")
    make_confined_energy(config, shape)  # raises for a shape that the network does not take
    if fields.name == "mlp":
        return MLPLogits((*fields.widths, num), fields.activation, fields.init)
    *layers, (_, kernel_size, stride, padding) = conv_energy_layers(fields.width, shape[0])
    return ConvLogits((*layers, (num, kernel_size, stride, padding)), fields.slope)


def data_of(config, dataset, title):
    """The data; if the method learns from labels, with labels.per_class of them per class, drawn by the seed."""
    if title != "train" or config.labels.weight == 0:
        return dataset
    return with_labels(dataset, config.labels.per_class, config.seed)


def matched_gaussian(dim):
    """A Gaussian with the mean and covariance of the first batch, as a flow."""
    flow = triangular_affine(dim)

    def init(rng_key, x):
        factor = jnp.linalg.cholesky(jnp.cov(x, rowvar=False))
        scale = jnp.diagonal(factor)
        return {"shift": jnp.mean(x, axis=0), "log_scale": jnp.log(scale), "lower": jnp.tril(factor, -1)}

    return flow._replace(init=init)


def baselines(config, data_spec, flow):
    """Trained as long as the method: NCE against a fixed Gaussian and the fixed flow, and the flow by likelihood."""
    if not config.evaluate.baselines:
        return {}
    if len(data_spec.shape) != 1:
        raise ConfigError(f"evaluate.baselines = True needs points or tables, not examples of shape {data_spec.shape}")
    (dim,) = data_spec.shape
    return {
        "nce_gaussian": build(config, data_spec, flow, noise=matched_gaussian(dim)),
        "nce_flow": build(
            config, data_spec, flow, noise=flow_of(config.flow, data_spec), noise_params=flow.state.params["flow"]
        ),
        "flow_longer": by_likelihood(config.flow, data_spec, num_steps=config.train.num_steps),
    }


def evaluate(run):
    """Figures of the energy, the flow and the baselines, and the energy's share of the updates."""
    data = run.dataset
    figures, shown = {}, {}
    if data.max_value is not None:
        train, test = images.examples(run)
        figures, shown = sample_figures(run, train, test)
        figures = merge(figures, density_figures(run, test), label_figures(run, train, test))
    else:
        if data.x_train.shape[1:] == (2,):
            figures, shown = plane_figures(run)
        figures = merge(figures, {OWN: classifier_figures(run, data.x_test[: run.config.evaluate.max_examples])})
    if rows := logged_rows(run):
        updates = sum(row["num_energy_updates"] for row in rows) / rows[-1]["step"]
        figures = merge(figures, {OWN: {"energy_updates": updates}})
    return Evaluation(
        figures, protocol(run.config), shown | draw_health(run, f"flow contrastive estimation on {data.name}")
    )


def protocol(config):
    """How the figures were measured."""
    return (
        f"flow: the flow by maximum likelihood ({config.flow.train.num_steps} steps), where the game starts; "
        "flow_fce, samples: the flow after the game; nce_gaussian, nce_flow: the same energy against fixed "
        "noise, a Gaussian matched to the first batch, or that flow; flow_longer: the flow by "
        f"{config.train.num_steps} steps of maximum likelihood. In the plane densities are normalised on 400 x 400 "
        f"cells of [-{GRID_LIMIT}, {GRID_LIMIT}]²: kl_true_model, from the known law, and mean test log-likelihood, in "
        "nats; log_z_error: |c - log Z| there. frechet_features: of the flow's samples, after the game, to the "
        "training images; real: of the test images. value, accuracy: of the classifier, on test data and as many "
        "samples of the flow. bits_per_dim of the model uses the learned c, log_normalizer, and is no bound; "
        f"log_z_importance: log Z, the goal of c, by {config.evaluate.num_importance} samples of the flow; "
        f"{PROTOCOL} "
        f"accuracy_labels: of the class logits on test images, {config.labels.per_class} labels a class (0: all); "
        "supervised: of a classifier fitted to these alone. energy_updates: share of the steps. Averaged parameters "
        "where training averages, no selection."
    )


EXPERIMENT = Experiment(
    default_config="configs/flow_contrastive/eight_gaussians.py",
    limits=lambda config: LIMITS,
    prepare=prepare,
    build=build,
    data_of=data_of,
    baselines=baselines,
    evaluate=evaluate,
    energy_net=make_confined_energy,
)

if __name__ == "__main__":
    cli.main(EXPERIMENT, doc=__doc__)
