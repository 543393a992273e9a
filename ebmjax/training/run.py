"""From a parsed command line to a finished work directory: train, evaluate, draw and write results.json."""

import time
from pathlib import Path

import jax
import numpy as np
from ml_collections import ConfigDict

from ebmjax.data import Dataset, load, spec
from ebmjax.training import hosts, results
from ebmjax.training.compiled import enable_compilation_cache
from ebmjax.training.config import Arguments, ConfigError, check_same_run, from_json, input_errors, to_json
from ebmjax.training.ema import for_evaluation
from ebmjax.training.experiment import Experiment, Run, Trained
from ebmjax.training.files import naming, write_atomically
from ebmjax.training.hosts import say
from ebmjax.training.loop import Interrupted, fit
from ebmjax.training.metrics import rollbacks_of
from ebmjax.training.replicas import of_first
from ebmjax.training.reproduce import command_of
from ebmjax.training.settings import Settings, restored_only, to_settings
from ebmjax.training.sharding import make_mesh
from ebmjax.training.signals import stop_on_signal
from ebmjax.training.workdir import alone_in, experiment_of, reconcile, steps_done, telling_why
from ebmjax.types import Method
from ebmjax.viz.report import write_report
from ebmjax.viz.workdir import DIVERGED

NUM_DRAWN = 100


def run(experiment: Experiment, arguments: Arguments) -> None:
    """Do what the command line asks. Raises ConfigError or DataError for what cannot be done."""
    with input_errors():
        if arguments.hosts is not None:
            hosts.connect(arguments.hosts)
    workdir = arguments.workdir or Path("runs") / experiment.name / arguments.name
    config = reconcile(experiment, arguments, workdir)
    settings = to_settings(config)
    enable_compilation_cache()
    with input_errors():
        mesh = make_mesh(settings.batch_size)
    hosts.meet(mesh)
    used, there = mesh.size, jax.device_count()
    processes = f", {jax.process_count()} processes" if hosts.several() else ""
    devices = f"{used} x {jax.default_backend()}{processes}"
    say(f"{experiment.name}: {arguments.mode} on {config.data.name}, in {workdir} ({devices})")
    if used < there:
        say(f"using {used} of {there} devices: train.batch_size = {settings.batch_size} does not divide over more")
    dataset = load(**config.data)
    with telling_why(workdir):
        prepared, before = prepare(experiment, arguments.mode, config, dataset, workdir)
        method = build(experiment, config, dataset, prepared)
        with alone_in(workdir):
            carry_out(experiment, arguments.mode, config, method, dataset, settings, workdir, prepared, before)


def prepare(experiment, mode, config, dataset, workdir) -> tuple[dict[str, Trained], float]:
    """Train or restore what the method is built on, each in a folder of its own, unless it comes trained; and the
    seconds their training took."""
    with input_errors():
        stages = experiment.prepare(config, spec(experiment.data_of(config, dataset, "train")))
    prepared, seconds = {}, 0.0
    for name, stage in stages.items():
        if isinstance(stage, Trained):
            prepared[name] = stage
            continue
        own, method = stage
        settings = to_settings(own) if mode == "train" else restored_only(to_settings(own))
        with alone_in(workdir / name):
            prepared[name], more = train(experiment, own, method, dataset, settings, workdir / name, name)
        seconds += more
    return prepared, seconds


def carry_out(experiment, mode, config, method, dataset, settings, workdir, prepared, before) -> None:
    """Train what is not trained yet, then evaluate, or draw samples."""
    done = steps_done(workdir)
    if mode == "train":
        if hosts.is_first():
            write_atomically(workdir / "config.json", to_json(config) + "\n")
            (workdir / DIVERGED).unlink(missing_ok=True)
        if done >= settings.num_steps:
            say(f"training is finished ({done} steps): only evaluating")
    else:
        settings = restored_only(settings)
    data_spec = spec(experiment.data_of(config, dataset, "train"))
    with input_errors():  # before hours of training
        others = experiment.baselines(config, data_spec, **prepared) if mode != "sample" else {}
    trained, seconds = train(experiment, config, method, dataset, settings, workdir, "train")
    key = jax.random.fold_in(jax.random.key(config.seed), 2)
    if mode == "sample":
        if hosts.is_first():
            sample(experiment, Run(config, workdir, dataset, trained, {}, key, prepared))
        hosts.wait_for_all("drawn")
        return
    baselines, baseline_seconds = {}, before
    for name, other in (others | experiment.later_baselines(config, data_spec, trained)).items():
        folder = workdir / "baselines" / name
        if mode != "train" and steps_done(folder) < done:
            say(f"the baseline {name} is not trained as far: left out")
            continue
        baselines[name], more = train(experiment, config, other, dataset, settings, folder, name)
        baseline_seconds += more
    if hosts.is_first():
        finished = Run(config, workdir, dataset, trained, baselines, key, prepared)
        finish(experiment, finished, seconds, baseline_seconds)
    hosts.wait_for_all("evaluated")


def build(experiment: Experiment, config: ConfigDict, dataset: Dataset, prepared: dict[str, Trained]) -> Method:
    """The experiment's method. Builders refuse values out of range by ValueError; whatever else they raise is a bug."""
    with input_errors():
        return experiment.build(config, spec(experiment.data_of(config, dataset, "train")), **prepared)


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
    dataset = experiment.data_of(config, dataset, title)
    arrays = {"x": dataset.x_train, "label": dataset.y_train, "labelled": dataset.labelled}
    arrays = {name: array for name, array in arrays.items() if array is not None}
    draw_key = jax.random.fold_in(jax.random.key(config.seed), 3)
    check = lambda meta: check_same_run(from_json(meta["config"], folder), config, folder)

    def draw(step, state):
        if experiment.draw_samples is not None and title == "train":
            (folder / "samples").mkdir(exist_ok=True)
            x = method.sample(for_evaluation(state), draw_key, NUM_DRAWN)
            path = folder / "samples" / f"{step:07d}.png"
            with naming(path):
                experiment.draw_samples(x, path)

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
        if hosts.any_process(stop_requested()):  # while the last chunk ran, or a finished run was restored
            raise Interrupted(int(state.step), settings.num_steps, title)
    return Trained(method, for_evaluation(state)), seconds


def restore(workdir: Path) -> tuple[ConfigDict, Trained]:
    """A trained run by its folder alone: its config, and its method with the newest state (of replicas: `of_first`)."""
    path = workdir / "config.json"
    if not path.exists() or not steps_done(workdir):
        raise ConfigError(f"{workdir} holds no trained run")
    config = from_json(path.read_text(), path)
    experiment = experiment_of(config, path)
    dataset = load(**config.data)
    settings = restored_only(to_settings(config))
    prepared, _ = prepare(experiment, "evaluate", config, dataset, workdir)
    method = build(experiment, config, dataset, prepared)
    method, state = train(experiment, config, method, dataset, settings, workdir, "train")[0]
    return config, Trained(of_first(method, state), state)


def finish(experiment: Experiment, finished: Run, seconds: float, baseline_seconds: float) -> None:
    """Evaluate, draw, write results.json and report.html, and show the table made from it."""
    config, path = finished.config, finished.workdir / "results.json"
    write_report(finished.workdir)  # something to look at while the evaluation runs, or if it fails
    started = time.monotonic()
    say("evaluating ...")
    found = experiment.evaluate(finished)
    captions = found.pictures if isinstance(found.pictures, dict) else dict.fromkeys(found.pictures, "")
    summary = {
        "experiment": experiment.name,
        "method": experiment.name,
        "dataset": finished.dataset.name,
        "metrics": {k: float(v) for k, v in found.metrics.items()},
        "baselines": {k: float(v) for k, v in found.baselines.items()},
        "protocol": found.protocol,
        "seed": config.seed,
        "num_steps": int(finished.trained.state.step),
        "rollbacks": rollbacks_of(finished.workdir),
        "seconds": round(seconds, 1),
        "baseline_seconds": round(baseline_seconds, 1),
        "evaluation_seconds": round(time.monotonic() - started, 1),
        "commit": results.commit(),
        "command": command_of(experiment.name, experiment.default_config, config),
        "pictures": {p.name: caption for p, caption in captions.items()},
        "machine": results.machine(),
        "versions": results.versions(),
    }
    results.write(path, summary | results.kept(path))
    results.print_table(path)
    print("wrote:", *(f"  {p}" for p in [*captions, path, write_report(finished.workdir)]), sep="\n")


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
