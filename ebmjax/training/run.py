"""A run, from a parsed command line to a finished work directory: train, evaluate, draw, write results.json."""

import time
from collections.abc import Callable
from contextlib import nullcontext
from pathlib import Path

import jax
from ml_collections import ConfigDict

from ebmjax.files import named_in_errors
from ebmjax.methods.wrappers import first_replica, for_evaluation
from ebmjax.report.published import paper_of
from ebmjax.report.results import OWN, write_results
from ebmjax.report.run_page import write_report
from ebmjax.training import hosts, job_data
from ebmjax.training.arguments import Arguments
from ebmjax.training.config import ConfigError, check_same_run, from_json, input_errors, to_json
from ebmjax.training.devices import enable_compilation_cache, make_mesh
from ebmjax.training.experiment import Experiment, Job, Run, Trained
from ebmjax.training.hosts import print_once
from ebmjax.training.loop import Hooks, Interrupted, fit, restored
from ebmjax.training.metrics import rollbacks_of
from ebmjax.training.settings import restored_only, to_settings
from ebmjax.training.signals import stop_on_signal
from ebmjax.training.workdir import alone_in, begin, check_same_data, explain_divergence, reconcile, steps_done
from ebmjax.types import Method

NUM_DRAWN = 100


def run(experiment: Experiment, arguments: Arguments) -> None:
    """Train and evaluate, or only evaluate. Raises ConfigError or DataError for bad input."""
    job = open_job(experiment, arguments)
    mode = job.mode
    with explain_divergence(job.workdir):
        prepared, seconds_before = prepare(job)
        method = build(job, prepared)
        with alone_in(job.workdir):
            with input_errors():  # reported before hours of training
                others = experiment.baselines(job.config, job.data_spec, **prepared)
            done = steps_done(job.workdir)
            if mode == "train":
                if hosts.is_first():
                    begin(job.workdir, job.config, job.command)
                if done >= job.settings.num_steps:
                    print_once(f"training is finished ({done} steps): only evaluating")
            trained, seconds = train(job, method)
            key = jax.random.fold_in(jax.random.key(job.config.seed), 2)
            finished = Run(job.config, job.workdir, job.dataset, trained, {}, key, prepared)
            others |= experiment.later_baselines(job.config, job.data_spec, trained)
            baselines, more = train_baselines(job, others, at_least=done if mode == "evaluate" else 0)
            if hosts.is_first():
                times = {"seconds": seconds, "baseline_seconds": seconds_before + more}
                finish(job, finished._replace(baselines=baselines), times)
            hosts.wait_for_all("done")


def open_job(experiment: Experiment, arguments: Arguments) -> Job:
    """Join the other processes, check the config, and load the data."""
    with input_errors():
        if arguments.hosts is not None:
            hosts.connect(arguments.hosts)
    workdir = arguments.workdir or Path("runs") / experiment.name / arguments.name
    config, command = reconcile(experiment, arguments, workdir)
    experiment.check(config)
    settings = to_settings(config)
    enable_compilation_cache()
    with input_errors():
        mesh = make_mesh(settings.batch_size)
    hosts.connect_devices(mesh)
    processes = f", {jax.process_count()} processes" if hosts.several() else ""
    devices = f"{mesh.size} x {jax.default_backend()}{processes}"
    print_once(f"{experiment.name}: {arguments.mode} on {config.data.name}, in {workdir} ({devices})")
    if mesh.size < (there := jax.device_count()):
        print_once(
            f"using {mesh.size} of {there} devices: train.batch_size = {settings.batch_size} does not divide over more"
        )
    experiment, dataset = job_data.open_data(experiment, config.data, workdir, arguments.mode)
    job = Job(experiment, config, dataset, settings, workdir, arguments.mode, command)
    if arguments.mode != "sample":
        job_data.check_examples(job)
    return job


def prepare(job: Job) -> tuple[dict[str, Trained], float]:
    """(the stages that the method is built on, trained or restored, each in its own folder; seconds of training)."""
    with input_errors():
        stages = job.experiment.prepare(job.config, job.data_spec)
    prepared, seconds = {}, 0.0
    for name, stage in stages.items():
        if isinstance(stage, Trained):
            prepared[name] = stage
            continue
        config, method = stage
        own = job._replace(config=config, settings=to_settings(config), workdir=job.workdir / name)
        with nullcontext() if job.mode == "sample" else alone_in(own.workdir):
            prepared[name], more = train(own, method, name)
        seconds += more
    return prepared, seconds


def build(job: Job, prepared: dict[str, Trained]) -> Method:
    """The experiment's method. A ValueError of the builder is bad input; any other exception is a bug."""
    with input_errors():
        return job.experiment.build(job.config, job.data_spec, **prepared)


def train_baselines(job: Job, methods: dict[str, Method], at_least: int) -> tuple[dict[str, Trained], float]:
    """(the baselines, trained or restored, each in its own folder; seconds of training). Without training, those with
    fewer steps than `at_least` are left out."""
    baselines, seconds = {}, 0.0
    for name, method in methods.items():
        folder = job.workdir / "baselines" / name
        if steps_done(folder) < at_least:
            print_once(f"the baseline {name} is left out: it has fewer than {at_least} steps")
            continue
        baselines[name], more = train(job._replace(workdir=folder), method, name)
        seconds += more
    return baselines, seconds


def train(job: Job, method: Method, title: str = "train") -> tuple[Trained, float]:
    """(the method, trained or restored in the job's folder; seconds of training).

    title: "train" for the method itself, else the name of a baseline or a stage. For sampling the folder is only read.
    """
    # Compiled once and shared by the grids drawn while training, the evaluation and --mode=sample.
    method = method._replace(sample=jax.jit(method.sample, static_argnums=2))
    folder, experiment, config = job.workdir, job.experiment, job.config
    data = experiment.data_of(config, job.dataset, title)

    def check(meta):
        check_same_run(from_json(meta["config"], folder), config, folder)
        check_same_data(meta.get("data"), job.dataset.fingerprint, folder)

    if job.mode == "sample":
        return Trained(method, for_evaluation(restored(method, data, job.settings, folder, check))), 0.0
    settings = job.settings if job.mode == "train" else restored_only(job.settings)
    if job.mode == "train" and hosts.is_first():
        job_data.keep(folder, data)
    draw_key = jax.random.fold_in(jax.random.key(config.seed), 3)

    def draw(step, state):
        if experiment.draw_samples is not None and title == "train":
            (folder / "samples").mkdir(exist_ok=True)
            x = method.sample(for_evaluation(state), draw_key, NUM_DRAWN)
            path = folder / "samples" / f"{step:07d}.png"
            with named_in_errors(path):
                experiment.draw_samples(x, path)

    with stop_on_signal() as stop_requested:
        meta = {"config": to_json(config), "data": job.dataset.fingerprint}
        state, seconds = fit(method, data, settings, folder, Hooks(title, meta, check, draw, stop_requested))
        if hosts.any_process(stop_requested()):  # during the last chunk, or while a finished run was restored
            raise Interrupted(int(state.step), settings.num_steps, title)
    return Trained(method, for_evaluation(state)), seconds


def restore(workdir: Path, find: Callable[[str], Experiment], arm: str = OWN) -> tuple[ConfigDict, Trained]:
    """A trained run from its folder, which is only read: its config, and its method with the newest state.

    find: (name) -> the experiment. arm: one of the run's baselines instead of its method; not one of those that are
    built on the trained method. With several draws of labels the functions are those of the first.
    """
    path = workdir / "config.json"
    if not path.exists() or not steps_done(workdir):
        raise ConfigError(f"{workdir} holds no trained run")
    config = from_json(path.read_text(), path)
    try:
        experiment = find(str(config.get("experiment")))
    except ConfigError as error:
        raise ConfigError(f"{path}: {error}") from error
    experiment, dataset = job_data.open_data(experiment, config.data, workdir, "sample")
    job = Job(experiment, config, dataset, to_settings(config), workdir, "sample", "")
    prepared, _ = prepare(job)
    if arm == OWN:
        (method, state), _ = train(job, build(job, prepared))
        return config, Trained(first_replica(method, state), state)
    folder = workdir / "baselines" / arm
    with input_errors():
        methods = experiment.baselines(config, job.data_spec, **prepared)
    if arm not in methods or not steps_done(folder):
        raise ConfigError(f"{workdir} holds no trained arm {arm!r}; its arms are {', '.join(methods) or 'none'}")
    (method, state), _ = train(job._replace(workdir=folder), methods[arm], arm)
    return config, Trained(first_replica(method, state), state)


def finish(job: Job, finished: Run, times: dict[str, float]) -> None:
    """Evaluate, draw, write results.json and report.html, and print the table of figures."""
    config, path, name = job.config, job.workdir / "results.json", job.experiment.name
    write_report(job.workdir)  # so that there is a page while the evaluation runs, or if it fails
    started = time.monotonic()
    print_once("evaluating ...")
    found = job.experiment.evaluate(finished)
    times |= {"evaluation_seconds": time.monotonic() - started}
    origin = {
        "experiment": name,
        "method": str(config.get("method") or name),
        "dataset": job.dataset.name,
        "seed": config.seed,
        "num_steps": int(finished.trained.state.step),
        "rollbacks": rollbacks_of(job.workdir),
        "command": job.command or None,
        **{part: round(seconds, 1) for part, seconds in times.items()},
    }
    captions = {picture.name: caption for picture, caption in found.pictures.items()}
    paper = paper_of(config.to_dict(), job.dataset.name)
    write_results(path, origin, found.figures, found.protocol, pictures=captions, paper=paper)
    print("wrote:", *(f"  {p}" for p in [*found.pictures, path, write_report(job.workdir)]), sep="\n")
