"""Flow contrastive estimation (Gao et al. 2020, arXiv 1912.00589): an energy and a flow, trained against each other.

First trains the flow by maximum likelihood (in the folder flow/ of the work directory), then both by telling data from
the flow's samples. In the plane it is compared with noise-contrastive estimation and with a longer-trained flow.
"""

import jax.numpy as jnp

from ebmjax.data import to_float, with_labels
from ebmjax.flows import triangular_affine
from ebmjax.methods import flow_contrastive
from ebmjax.nets import Confined, MLPLogits
from ebmjax.training import cli
from ebmjax.training.config import ConfigError, require
from ebmjax.training.experiment import Evaluation, Experiment
from ebmjax.training.metrics import read_rows
from ebmjax.training.optimizers import make_optimizers
from ebmjax.viz import health
from experiments.contrastive_figures import (
    GRID_LIMIT,
    classification,
    density_figures,
    label_figures,
    sample_figures,
    toy_figures,
)
from experiments.flow import by_likelihood, draw_samples, flow_of, num_levels, prepare
from experiments.pieces import make_data_energy

LOWEST = {
    "model.energy.width": 1,
    "model.energy.widths": 1,
    "model.confinement": 0,
    "labels.per_class": 0,
    "labels.weight": 0,
    "gate.threshold": 0,
    "gate.energy_every": 0,
    **{f"optimizer.{group}.learning_rate": 0 for group in ("energy", "log_normalizer", "flow")},
    "evaluate.batch_size": 1,
    "evaluate.max_examples": 2,
    "evaluate.feature_steps": 0,
    "evaluate.num_importance": 2,
}


def build(config, data_spec, flow, *, noise=None, noise_params=None):
    """The method of a config, from the trained `flow`; with `noise`, the energy against it, held fixed (NCE)."""
    for field, low in LOWEST.items():
        require(config, field, low)
    require(config, "gate.decay", 0, 1)
    labels, weight = config.labels.weight, config.model.confinement
    energy = make_data_energy(config, data_spec.shape) if labels == 0 else make_logits(config, data_spec)
    optimizers = make_optimizers(config.optimizer, config.train.num_steps, 1)
    gate = config.gate.to_dict()
    if noise is not None:
        del optimizers["flow"]
        gate["threshold"] = 2.0  # above any accuracy: the energy alone learns
    return flow_contrastive(
        Confined(energy, weight) if weight else energy,
        noise or flow_of(config.flow, data_spec),
        flow_params=noise_params if noise is not None else flow.state.params["flow"],
        optimizers=optimizers,
        num_levels=num_levels(data_spec),
        label_weight=labels,
        **gate,
    )


def make_logits(config, data_spec):
    """Class logits in the place of an energy: an MLP of config.model.energy's widths. Raises ConfigError."""
    fields = config.model.energy
    if data_spec.num_classes is None:
        raise ConfigError(f"labels.weight = {config.labels.weight}: {data_spec.name} has no labels")
    if fields.name != "mlp" or config.model.confinement:
        raise ConfigError("labels.weight > 0 needs model.energy.name = mlp and model.confinement = 0")
    return MLPLogits((*fields.widths, data_spec.num_classes), fields.activation, fields.init)


def data_of(config, dataset, title):
    """What the game sees of the labels: labels.per_class a class, drawn by the seed, if it learns from them at all."""
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
    """As long as the method: NCE against a Gaussian and against the trained flow, both fixed; and more of the flow."""
    if not config.evaluate.baselines:
        return {}
    if len(data_spec.shape) != 1:
        raise ConfigError(f"evaluate.baselines = True is for points and tables, not for examples of {data_spec.shape}")
    (dim,) = data_spec.shape
    return {
        "nce_gaussian": build(config, data_spec, flow, noise=matched_gaussian(dim)),
        "nce_flow": build(
            config, data_spec, flow, noise=flow_of(config.flow, data_spec), noise_params=flow.state.params["flow"]
        ),
        "flow_longer": by_likelihood(config.flow, data_spec, config.train.num_steps),
    }


def evaluate(run):
    """Energy, flow and opponents against the data, and the state of the game."""
    data = run.dataset
    if data.max_value is not None:
        most = run.config.evaluate.max_examples
        train, test = (to_float(x[:most], data.max_value) for x in (data.x_train, data.x_test))
        metrics, others, paths = sample_figures(run, train, test)
        found, more = density_figures(run, test)
        metrics, others = metrics | found, others | more
        found, more = label_figures(run, train, test)
        metrics, others = metrics | found, others | more
    else:
        metrics, others, paths = toy_figures(run) if data.x_train.shape[1:] == (2,) else ({}, {}, [])
        metrics |= classification(run, data.x_test[: run.config.evaluate.max_examples])
    rows = [row for row in read_rows(run.workdir / "metrics.jsonl") if row["step"] <= run.trained.state.step]
    if rows:
        health.plot_health(rows, run.workdir / "health.png", title=f"flow contrastive estimation on {data.name}")
        paths.append(run.workdir / "health.png")
        metrics["energy_updates"] = sum(row["num_energy_updates"] for row in rows) / rows[-1]["step"]
    return Evaluation(metrics, others, protocol(run.config), paths)


def protocol(config):
    """How the figures were measured."""
    longer = config.train.num_steps
    return (
        f"_flow: the flow of maximum likelihood ({config.flow.train.num_steps} steps), from which both start; "
        "_flow_fce, samples: the flow after the game; _nce_gaussian, _nce_flow: the same energy against fixed "
        f"noise, a Gaussian matched to the first batch, or that flow; _flow_longer: the flow by {longer} steps "
        f"of maximum likelihood. In the plane densities are normalised on 400 x 400 cells of [-{GRID_LIMIT}, "
        f"{GRID_LIMIT}]²: KL(true || .), mean test log-likelihood, in nats; log_z_error: |c - log Z| there. "
        "value, accuracy: of the classifier, on test data and as many samples of the flow. bits_per_dim of "
        "the model rests on the learned c and is no bound. accuracy_labels: of the class logits on test images, "
        f"{config.labels.per_class} labels a class (0: all); _supervised: of a classifier fitted to these alone. "
        "energy_updates: share of the steps. Averaged "
        "parameters where training averages, no selection."
    )


EXPERIMENT = Experiment(
    name="flow_contrastive",
    default_config="configs/flow_contrastive/eight_gaussians.py",
    prepare=prepare,
    build=build,
    data_of=data_of,
    baselines=baselines,
    evaluate=evaluate,
    draw_samples=draw_samples,
)

if __name__ == "__main__":
    cli.main(EXPERIMENT, doc=__doc__)
