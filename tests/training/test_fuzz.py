"""Whatever is typed: the run begins, or one line says what is wrong. No traceback, no hang."""

import contextlib
import io
import math
import os
import time
from pathlib import Path

import hypothesis.strategies as st
import jax
import pytest
from hypothesis import HealthCheck, example, given, settings
from ml_collections import ConfigDict

from configs.latent_ebm.digits import get_config
from ebmjax.data import DataError
from ebmjax.training import cli, run, sampling
from ebmjax.training.arguments import parse
from ebmjax.training.config import ConfigError, flatten, from_json, to_json
from ebmjax.training.settings import to_settings
from ebmjax.training.workdir import reconcile
from experiments import find
from experiments.latent_ebm import EXPERIMENT

ROOT = Path(__file__).parents[2]
CONFIGS = [f"configs/latent_ebm/{name}" for name in ("digits.py:smoke", "digits.py", "mnist.py:smoke", "common.py")]
DEFAULTS = flatten(get_config("smoke"))
FIELDS = sorted(DEFAULTS)

words = st.text(st.characters(blacklist_categories=("Cs", "Cc")), max_size=12)
numbers = st.integers() | st.integers(-3, 300) | st.floats() | st.floats(-1, 2)
tuples = st.lists(st.integers(-2, 300) | st.text("ab", max_size=2), max_size=3).map(tuple)
names = st.sampled_from(
    ["langevin", "hmc", "mlp", "svhn", "relu", "cosine", "rollback", "stop", "digits", "latent_ebm"]
)
datasets = ["digits", "digts", "", "npz:", "npz:none.npz", "fake:8x8x1", "fake:0x0x0", "fake:x", "fake:8x8", "mnist@64"]
values = numbers.map(str) | tuples.map(str) | st.booleans().map(str) | names | words


of_type = {
    bool: st.booleans(),
    int: st.integers(1, 300) | st.integers(1, 10).map(lambda n: 5 * n) | st.integers(),
    float: st.floats(1e-3, 2) | st.floats(0, 0.999) | st.floats(),
    str: names | words,
    tuple: st.lists(st.integers(1, 300), min_size=1, max_size=3).map(tuple) | tuples,
}


@st.composite
def well_typed(draw):
    """An override that can be parsed; whether it makes sense is for the program to say."""
    field = draw(st.sampled_from(FIELDS))
    if field == "data.name":
        return f"--config.data.name={draw(st.sampled_from(datasets))}"
    return f"--config.{field}={draw(of_type[type(DEFAULTS[field])])}"


@st.composite
def override(draw):
    field = draw(st.sampled_from(FIELDS))
    if draw(st.integers(0, 9)) == 0:  # misspelled
        field = draw(st.sampled_from([field[:-1], field + "s", field.split(".")[0], f"{field}.x", field.upper(), ""]))
    separator = draw(st.sampled_from(["=", "=", "=", "=", " ", ""]))
    value = draw(st.sampled_from(datasets) if field == "data.name" else values)  # or TFDS is asked for each
    return f"--config.{field}{separator}{value}"


other = st.one_of(
    st.sampled_from(CONFIGS).map(lambda path: f"--config={ROOT}/{path}"),
    st.sampled_from(["train", "evaluate", "sample", "", "tarin"]).map("--mode={}".format),
    st.sampled_from(["run", "a/b", "", "file", "file/run"]).map("--workdir={}".format),
    st.sampled_from(["--distributed", "--nodistributed", "--coordinator=a:1", "--num_processes=2", "--process_id=-1"]),
    st.sampled_from(
        ["--config", "--config=", "--", "-", "--help=1", "--flagfile=x", "--config=x.py", "--config=a:b:c"]
    ),
    words,
    words.map("--{}".format),
)


@pytest.fixture(scope="module")
def empty_folder(tmp_path_factory):
    """For checks of command lines; absl writes every config as text, which nothing reads and takes half of the time."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(ConfigDict, "__str__", lambda self: "")
        yield tmp_path_factory.mktemp("empty")


@pytest.fixture(scope="module")
def nothing_runs(tmp_path_factory):
    """Stops before training, in an empty folder; with devices in use, so that no other process can be waited for."""
    jax.devices()
    before, patch = os.getcwd(), pytest.MonkeyPatch()
    os.chdir(tmp_path_factory.mktemp("fuzz"))
    Path("file").write_text("")
    for module in (run, sampling):
        patch.setattr(module, "train", lambda *arguments: (None, 0.0))
    for module, names in ((run, ("begin", "finish")), (sampling, ("draw", "write", "about"))):
        for name in names:
            patch.setattr(module, name, lambda *arguments: None)
    yield
    patch.undo()
    os.chdir(before)


LINES = st.lists(well_typed(), min_size=1, max_size=6) | st.lists(override() | override() | other, max_size=6)
FIXED = settings(deadline=None, derandomize=True, suppress_health_check=list(HealthCheck))


@pytest.mark.slow
@settings(FIXED, max_examples=300)
@given(argv=LINES)
def test_many_command_lines(nothing_runs, argv):
    one_line_or_a_run(argv)


@settings(FIXED, max_examples=40)
@given(argv=LINES)
@example(argv=["--config.train.guard.max_growth=0.5"])
@example(argv=["--config.train.on_divergence=continue"])
@example(argv=["--config.model.latent_dim=9999999999999999999999"])
@example(argv=["--config.train.num_steps=9999999999999999999999"])
@example(argv=["--config.sampler.prior.step_size=nan"])
def test_one_line_or_a_run(nothing_runs, argv):
    one_line_or_a_run(argv)


# Every kind of value, right and wrong, for the check that comes before data and networks.
ODD = [
    *("nan", "inf", "-inf", "1e999", "1e39", "-1", "0", "1e3", "0x10", "0x" + "f" * 5000, "9" * 5000, "1_000", "", " "),
    *("None", "True", "()", "(1,)", "(1.5,)", "(0.5, nan)", "(1e999,)", "((1,),)", "(1,", "('a',)", "[3, 4]", "{1: 2}"),
    *("ü✓", "名", "\udcff", "a\nb", "\x00", "a" * 5000, "'", "cosine", "rollback", "digits"),
]
COMMANDS = {name: find(name) for name in ("latent_ebm", "anatomy", "flow")}
KNOWN = {name: flatten(parse([name], str(ROOT / command.default_config)).config) for name, command in COMMANDS.items()}
FLAGS = ["--workdir", "--mode", "--distributed", "--coordinator", "--num_processes", "--process_id", "--config", "--x"]
MANGLED = [lambda f: f + "s", lambda f: f[:-1], lambda f: f.split(".")[0], lambda f: f + ".x", lambda f: f + "[0]"]


@st.composite
def argument(draw, known):
    """A flag or an override of a field, with a value of the field's type or an odd one."""
    value = draw(st.sampled_from(ODD))
    if draw(st.integers(0, 4)) == 0:
        return draw(st.sampled_from(FLAGS)) + draw(st.sampled_from(["=", ""])) + value
    field = draw(st.sampled_from(sorted(known)))
    default = known[field]
    name = draw(st.sampled_from(MANGLED))(field) if draw(st.integers(0, 9)) == 0 else field
    value = draw(st.sampled_from([str(default), str(default), value]))
    return f"{draw(st.sampled_from(['--', '--', '--', '-', '--no']))}config.{name}={value}"


@st.composite
def command_lines(draw):
    name = draw(st.sampled_from(sorted(COMMANDS)))
    return name, draw(st.lists(argument(KNOWN[name]), min_size=1, max_size=3))


@settings(FIXED, max_examples=300, database=None)
@given(line=command_lines())
def test_a_checked_config_or_one_line(line, empty_folder):
    """Up to where the data would be loaded; twice the same field, and fields of all types, in three experiments."""
    name, words = line
    experiment = COMMANDS[name]
    try:
        arguments = parse([name, *words], str(ROOT / experiment.default_config))
        config, _ = reconcile(experiment, arguments, arguments.workdir or empty_folder)
        experiment.check(config)
        to_settings(config)
        assert from_json(to_json(config), empty_folder).to_dict() == config.to_dict()
        assert all(math.isfinite(x) for x in flatten(config).values() if isinstance(x, float))
    except (ConfigError, DataError) as error:
        message = str(error)
        assert 0 < len(message) <= 1000 and len(message.splitlines()) == 1


def one_line_or_a_run(argv):
    out, err, code = io.StringIO(), io.StringIO(), 0
    started = time.monotonic()
    with contextlib.redirect_stdout(out), contextlib.redirect_stderr(err):
        try:
            cli.main(EXPERIMENT, ["latent_ebm", *argv])
        except SystemExit as ended:
            code = ended.code
    assert time.monotonic() - started < 30
    lines = [line for line in err.getvalue().splitlines() if not line.startswith(("latent_ebm: ", "using "))]
    assert "Traceback" not in out.getvalue() + err.getvalue()
    assert code in (0, 1, 2)
    if code:
        assert len(lines) == 1 and lines[0].startswith("error: ") and len(lines[0]) < 1000, lines
    else:
        assert not lines
