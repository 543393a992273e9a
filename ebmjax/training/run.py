"""From a parsed command line to a finished work directory: train, evaluate, draw and write results.json."""

import importlib
import os
import sys
import time
from pathlib import Path

import jax
import numpy as np
from ml_collections import ConfigDict

from ebmjax.data import Dataset, load, spec
from ebmjax.training import results
from ebmjax.training.config import Arguments, ConfigError, check_same_run, from_json, require, to_json
from ebmjax.training.ema import for_evaluation
from ebmjax.training.experiment import Experiment, Run, Trained
from ebmjax.training.files import only_one, write_atomically
from ebmjax.training.loop import Interrupted, Settings, check_settings, fit
from ebmjax.training.sharding import make_mesh
from ebmjax.training.signals import stop_on_signal
from ebmjax.types import Method

NUM_DRAWN = 100


def run(experiment: Experiment, arguments: Arguments) -> None:
    """Do what the command line asks. Raises ConfigError or DataError for what cannot be done."""
    workdir = arguments.workdir or Path("runs") / experiment.name / arguments.name
    config = reconcile(experiment, arguments, workdir)
    settings = to_settings(config)
    enable_compilation_cache()
    used, there = make_mesh(settings.batch_size).size, jax.device_count()
    say(f"{experiment.name}: {arguments.mode} on {config.data.name}, in {workdir} ({used} x {jax.default_backend()})")
    if used < there:
        say(f"using {used} of {there} devices: train.batch_size = {settings.batch_size} does not divide over more")
    dataset = load(config.data.name)
    method = build(experiment, config, dataset)
    workdir.mkdir(parents=True, exist_ok=True)
    try:
        with only_one(workdir):
            carry_out(experiment, arguments.mode, config, method, dataset, settings, workdir)
    except BlockingIOError:
        raise ConfigError(f"another process is at work in {workdir}: wait for it, or use another --workdir") from None


def carry_out(experiment, mode, config, method, dataset, settings, workdir) -> None:
    """Train what is not trained yet, then evaluate, or draw samples."""
    done = steps_done(workdir)
    if mode == "train":
        write_atomically(workdir / "config.json", to_json(config) + "\n")
        if done >= settings.num_steps:
            say(f"training is finished ({done} steps): only evaluating")
    else:
        settings = settings._replace(num_steps=done)
    trained, seconds = train(experiment, config, method, dataset, settings, workdir, "train")
    key = jax.random.fold_in(jax.random.key(config.seed), 2)
    if mode == "sample":
        sample(experiment, Run(config, workdir, dataset, trained, {}, key))
        return
    baselines = {}
    for name, other in experiment.baselines(config, spec(dataset)).items():
        folder = workdir / "baselines" / name
        if mode != "train" and steps_done(folder) < done:
            say(f"the baseline {name} is not trained as far: left out")
            continue
        baselines[name], _ = train(experiment, config, other, dataset, settings, folder, name)
    finish(experiment, Run(config, workdir, dataset, trained, baselines, key), seconds)


def build(experiment: Experiment, config: ConfigDict, dataset: Dataset) -> Method:
    """The experiment's method. Builders refuse values out of range by ValueError; whatever else they raise is a bug."""
    try:
        return experiment.build(config, spec(dataset))
    except ValueError as error:
        raise ConfigError(str(error)) from error


def train(
    experiment: Experiment,
    config: ConfigDict,
    method: Method,
    dataset: Dataset,
    settings: Settings,
    folder: Path,
    title: str,
) -> tuple[Trained, float]:
    """Train or restore one method in `folder`; returns it and the seconds its training took."""
    # Compiled once and shared by the grids drawn while training, the evaluation and --mode=sample.
    method = method._replace(sample=jax.jit(method.sample, static_argnums=2))
    arrays = {"x": dataset.x_train} | ({} if dataset.y_train is None else {"label": dataset.y_train})
    draw_key = jax.random.fold_in(jax.random.key(config.seed), 3)
    check = lambda meta: check_same_run(from_json(meta["config"], folder), config, folder)

    def draw(step, state):
        if experiment.draw_samples is not None and title == "train":
            (folder / "samples").mkdir(exist_ok=True)
            x = method.sample(for_evaluation(state), draw_key, NUM_DRAWN)
            experiment.draw_samples(x, folder / "samples" / f"{step:07d}.png")

    with stop_on_signal() as stop_requested:
        state, seconds = fit(
            method,
            arrays,
            dataset.max_value,
            settings,
            seed=config.seed,
            folder=folder,
            meta={"config": to_json(config)},
            check=check,
            title=title,
            on_checkpoint=draw,
            stop_requested=stop_requested,
        )
        if stop_requested():  # while the last chunk ran, or a finished run was restored
            raise Interrupted(int(state.step))
    return Trained(method, for_evaluation(state)), seconds


def restore(workdir: Path) -> tuple[ConfigDict, Trained]:
    """A trained run by its folder alone: its config, and its method with the newest state."""
    path = workdir / "config.json"
    if not path.exists() or not steps_done(workdir):
        raise ConfigError(f"{workdir} holds no trained run")
    config = from_json(path.read_text(), path)
    experiment = importlib.import_module(f"experiments.{config.experiment}").EXPERIMENT
    dataset = load(config.data.name)
    settings = to_settings(config)._replace(num_steps=steps_done(workdir))
    return config, train(experiment, config, build(experiment, config, dataset), dataset, settings, workdir, "train")[0]


def finish(experiment: Experiment, finished: Run, seconds: float) -> None:
    """Evaluate, draw, write results.json and show the table made from it."""
    config, path = finished.config, finished.workdir / "results.json"
    started = time.monotonic()
    say("evaluating ...")
    found = experiment.evaluate(finished)
    summary = {
        "experiment": experiment.name,
        "method": experiment.name,
        "dataset": finished.dataset.name,
        "metrics": {k: float(v) for k, v in found.metrics.items()},
        "baselines": {k: float(v) for k, v in found.baselines.items()},
        "protocol": found.protocol,
        "seed": config.seed,
        "num_steps": int(finished.trained.state.step),
        "seconds": round(seconds, 1),
        "evaluation_seconds": round(time.monotonic() - started, 1),
        "commit": results.commit(),
        "versions": results.versions(),
    }
    results.write(path, summary)
    results.print_table(path)
    print("wrote:", *(f"  {p}" for p in [*found.pictures, path]), sep="\n")


def sample(experiment: Experiment, finished: Run) -> None:
    """Draw from a trained run into samples.npy and, for images, samples.png."""
    method, state = finished.trained
    x = np.asarray(method.sample(state, finished.rng_key, NUM_DRAWN))
    np.save(finished.workdir / "samples.npy", x)
    print(f"wrote {finished.workdir / 'samples.npy'}: {len(x)} samples of shape {x.shape[1:]}")
    if experiment.draw_samples is not None:
        picture = finished.workdir / "samples.png"
        experiment.draw_samples(x, picture)
        print(f"wrote {picture}" if picture.exists() else "no picture: these examples are not images")


def reconcile(experiment: Experiment, arguments: Arguments, workdir: Path) -> ConfigDict:
    """The config to use: without --config that of the work directory, with the overrides, if it may go on with it."""
    path, config = workdir / "config.json", arguments.config
    if path.exists() and steps_done(workdir):  # before the first checkpoint there is nothing to go on with
        saved = from_json(path.read_text(), path)
        if arguments.workdir is not None and not arguments.given:
            config = saved.copy_and_resolve_references()
            try:
                config.update_from_flattened_dict(arguments.overrides)
            except (KeyError, TypeError) as error:
                raise ConfigError(f"{path}: {error}") from error
        check_same_run(saved, config, workdir)
    elif arguments.mode != "train":
        raise ConfigError(f"--mode={arguments.mode}: {workdir} holds no trained run; name one with --workdir=FOLDER")
    owner = config.get("experiment")
    if owner != experiment.name:
        whose = f"of experiments.{owner}" if owner else "of no experiment: it lacks the field experiment"
        raise ConfigError(f"experiments.{experiment.name} cannot run a config {whose}")
    return config


def to_settings(config: ConfigDict) -> Settings:
    """`config.train` as checked settings."""
    require(config, "seed", 0, 2**31 - 1)
    for field in Settings._fields:
        require(config, f"train.{field}", 0)
    settings = Settings(**{field: config.train[field] for field in Settings._fields})
    try:
        check_settings(settings)
    except ValueError as error:
        raise ConfigError(str(error)) from error
    return settings


def steps_done(workdir: Path) -> int:
    """Step of the newest checkpoint, read from the folder's names without opening anything; 0 without one."""
    folder = workdir / "checkpoints"
    return max((int(p.name) for p in folder.glob("*") if p.name.isdigit()), default=0)


def enable_compilation_cache() -> None:
    """Keep compiled programs between runs, unless JAX_COMPILATION_CACHE_DIR says where (empty: do not)."""
    if "JAX_COMPILATION_CACHE_DIR" not in os.environ:
        folder = Path(os.environ.get("EBMJAX_CACHE") or Path.home() / ".cache" / "ebmjax")
        jax.config.update("jax_compilation_cache_dir", str(folder / "xla"))


def say(text: str) -> None:
    """One line to the person who watches."""
    print(text, file=sys.stderr, flush=True)
