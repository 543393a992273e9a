"""Flows and their training by maximum likelihood, from a config."""

from ml_collections import ConfigDict

from ebmjax.flows import make_flow
from ebmjax.methods import flow_mle
from ebmjax.training.config import ConfigError
from experiments.build.chains import stage_config
from experiments.build.optimizers import optimizers_of
from experiments.build.trained import restore


def num_levels(data):
    """Grey levels of images; None for tables."""
    return None if data.max_value is None else data.max_value + 1


def flow_of(config, data_spec):
    """The flow of config.model.flow: name, of `FLOWS`, and its options."""
    options = config.model.flow.to_dict()
    return make_flow(options.pop("name"), data_spec.shape, **options)


def by_likelihood(config, data_spec, groups=None, *, num_steps=None):
    """The flow of config.model.flow, trained by maximum likelihood. groups, num_steps: as in `optimizers_of`."""
    optimizers = optimizers_of(config, data_spec, groups, num_steps=num_steps)
    return flow_mle(flow_of(config, data_spec), optimizers=optimizers, num_levels=num_levels(data_spec))


def prepare(config, data_spec):
    """`Experiment.prepare` of a method that needs a trained flow: that of the run config.flow.run, if given, or a
    stage that trains config.flow (sections model.flow, train, optimizer.flow)."""
    if config.flow.get("run"):
        return {"flow": flow_of_run(config)}
    own = stage_config(config, {name: part for name, part in config.flow.to_dict().items() if name != "run"})
    return {"flow": (own, by_likelihood(config.flow, data_spec))}


def flow_of_run(config):
    """The flow trained by the run config.flow.run. Raises ConfigError unless that is a run of experiments.flow with the
    data and the flow of `config`."""
    theirs, trained = restore(config.flow.run)
    if theirs.experiment != "flow":
        raise ConfigError(f"flow.run = {config.flow.run} is a run of experiments.{theirs.experiment}, not of a flow")
    # form and remat change only how it is computed.
    fields = [
        {"data.name": c.data.name, "data.num_train": c.data.get("num_train", 0)}
        | {k: v for k, v in c.model.flow.to_dict().items() if k not in ("form", "remat")}
        for c in (theirs, ConfigDict({"data": config.data, "model": config.flow.model}))
    ]
    if fields[0] != fields[1]:
        raise ConfigError(f"flow.run = {config.flow.run} trained {fields[0]}, but this config has {fields[1]}")
    return trained
