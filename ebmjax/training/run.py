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
from ebmjax.training.config import Arguments, ConfigError, check_same_run, from_json, to_json, write_atomically
from ebmjax.training.ema import for_evaluation
from ebmjax.training.experiment import Experiment, Run, Trained
from ebmjax.training.loop import Settings, check_settings, fit
from ebmjax.training.signals import stop_on_signal
from ebmjax.types import Method

NUM_DRAWN = 100


def run(experiment: Experiment, arguments: Arguments) -> None:
    """Do what the command line asks. Raises ConfigError or DataError for what cannot be done."""
    workdir = arguments.workdir or Path("runs") / experiment.name / arguments.name
    config = reconcile(experiment, arguments, workdir)
    settings = to_settings(config)
    enable_compilation_cache()
    where = f"{jax.device_count()} x {jax.devices()[0].device_kind}"
    say(f"{experiment.name}: {arguments.mode} on {config.data.name}, in {workdir} ({where})")
    dataset = load(config.data.name)
    try:
        method = experiment.build(config, spec(dataset))
    except ValueError as error:  # builders refuse values out of range; anything else they raise is a bug to be seen
        raise ConfigError(str(error)) from error
    done = steps_done(workdir)
    if arguments.mode == "train":
        workdir.mkdir(parents=True, exist_ok=True)
        write_atomically(workdir / "config.json", to_json(config) + "\n")
        if done >= settings.num_steps:
            say(f"training is finished ({done} steps): only evaluating")
    elif done < 1:
        raise ConfigError(f"--mode={arguments.mode}: {workdir} holds no trained run yet")
    else:
        settings = settings._replace(num_steps=done)
    trained, seconds = train(experiment, config, method, dataset, settings, workdir, "train")
    key = jax.random.fold_in(jax.random.key(config.seed), 2)
    if arguments.mode == "sample":
        sample(experiment, Run(config, workdir, dataset, trained, {}, key))
        return
    baselines = {}
    for name, other in experiment.baselines(config, spec(dataset)).items():
        folder = workdir / "baselines" / name
        baselines[name], _ = train(experiment, config, other, dataset, settings, folder, name)
    finish(experiment, Run(config, workdir, dataset, trained, baselines, key), seconds)


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
            title=title,
            on_checkpoint=draw,
            stop_requested=stop_requested,
        )
    return Trained(method, for_evaluation(state)), seconds


def restore(workdir: Path) -> tuple[ConfigDict, Trained]:
    """A trained run by its folder alone: its config, and its method with the newest state."""
    path = workdir / "config.json"
    if not path.exists() or not steps_done(workdir):
        raise ConfigError(f"{workdir} holds no trained run")
    config = from_json(path)
    experiment = importlib.import_module(f"experiments.{config.experiment}").EXPERIMENT
    dataset = load(config.data.name)
    settings = to_settings(config)._replace(num_steps=steps_done(workdir))
    method = experiment.build(config, spec(dataset))
    return config, train(experiment, config, method, dataset, settings, workdir, "train")[0]


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
    """The config to use: the run's own where none was given, else the given one if it may go on with the run."""
    path, config = workdir / "config.json", arguments.config
    if path.exists():
        saved = from_json(path)
        if not arguments.explicit and arguments.workdir is not None:
            config = saved
        elif steps_done(workdir):  # before the first checkpoint there is nothing to lose
            check_same_run(saved, config, workdir)
    elif arguments.mode != "train":
        raise ConfigError(f"--mode={arguments.mode}: there is no {path}; name a trained run with --workdir=FOLDER")
    owner = config.get("experiment")
    if owner != experiment.name:
        raise ConfigError(f"this config belongs to another experiment: python -m experiments.{owner}")
    return config


def to_settings(config: ConfigDict) -> Settings:
    """`config.train` as checked settings."""
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
