"""The page of a run: what it shows, that nothing in the files can break or extend it, that it needs nothing else."""

import json
import os
import re
from html.parser import HTMLParser

import numpy as np
import pytest

from ebmjax.report.run_page import write_report
from ebmjax.viz import pictures

VOID = {"meta", "link", "img", "wbr", "path", "circle", "br"}
RESULTS = {
    "experiment": "toy",
    "method": "toy_method",
    "dataset": "digits",
    "metrics": {"test_mse": 0.0129384, "frechet_pixels": 0.19554, "energy_gap": -1.4423},
    "baselines": {
        "pca": {"test_mse": 0.0461},
        "real": {"frechet_pixels": 0.36714},
        "gaussian_prior": {"frechet_pixels": 2.4919},
    },
    "protocol": "How the figures were measured.",
    "seed": 3,
    "num_steps": 30,
    "seconds": 12.5,
    "commit": "0123456789abcdef0123-dirty",
    "command": "python -m experiments.toy --config=configs/toy/a.py '--config.model.widths=(64, 64)'",
    "pictures": {"samples.png": "", "ring.png": "A ring & its samples."},
    "versions": {"python": "3.11.7", "jax": "0.10.2"},
}
CONFIG = {"experiment": "toy", "data": {"name": "digits"}, "model": {"widths": [64, 64]}, "train": {"num_steps": 30}}


class Page(HTMLParser):
    """The elements of a page as (tag, attributes, own text), checked to nest properly."""

    def __init__(self, text):
        super().__init__()
        self.elements, self._open = [], []
        self.feed(text)
        self.close()
        assert not self._open, f"not closed: {self._open}"

    def handle_starttag(self, tag, attrs):
        self.elements.append([tag, dict(attrs), ""])
        if tag not in VOID:
            self._open.append((tag, self.elements[-1]))

    def handle_startendtag(self, tag, attrs):
        self.elements.append([tag, dict(attrs), ""])

    def handle_endtag(self, tag):
        assert self._open.pop()[0] == tag

    def handle_data(self, data):
        for _, element in self._open:
            element[2] += data

    def all(self, tag, kind=None):
        return [e for e in self.elements if e[0] == tag and (kind is None or kind in e[1].get("class", "").split())]

    def texts(self, tag, kind=None):
        return [e[2] for e in self.all(tag, kind)]


@pytest.fixture
def workdir(tmp_path):
    """A finished run."""
    folder = tmp_path / "run"
    (folder / "samples").mkdir(parents=True)
    (folder / "baselines" / "opponent").mkdir(parents=True)
    write(folder, "results.json", RESULTS)
    write(folder, "config.json", CONFIG)
    rows = [{"step": 10 * i, "energy_gap": -0.5 * i, "grad_norm_energy": 1.0 + i} for i in range(1, 4)]
    for place in (folder, folder / "baselines" / "opponent"):
        (place / "metrics.jsonl").write_text("".join(json.dumps(row) + "\n" for row in rows))
    x = np.linspace(-1, 1, 4 * 8 * 8).reshape(4, 8, 8, 1)
    for name in ("samples", "ring", "extra_picture", "health", "samples/0000010", "samples/0000030"):
        pictures.save_grid(x, folder / f"{name}.png")
    return folder


def write(folder, name, value):
    (folder / name).write_text(value if isinstance(value, str) else json.dumps(value))


def made(folder):
    return Page(write_report(folder).read_text(encoding="utf-8"))


def test_a_run_that_is_not_evaluated_says_how_far_it_got(workdir):
    (workdir / "results.json").unlink()
    (workdir / "checkpoints" / "5").mkdir(parents=True)
    page = made(workdir)
    assert dict(zip(page.texts("dt"), page.texts("dd")))["Steps"] == "5 of 30"


def test_what_the_page_shows(workdir):
    page = made(workdir)
    assert page.texts("h1") == ["toy_method on digits"]
    assert page.texts("title") == ["toy_method on digits"]
    assert [text.split(",")[0] for text in page.texts("h2")] == [
        *("Figures", "Protocol", "Pictures", "Training curves", "Settings", "Origin", "Reproduce")
    ]
    facts = dict(zip(page.texts("dt"), page.texts("dd")))
    assert facts["Seed"] == "3" and facts["Steps"] == "30" and facts["training seconds"] == "12.5"
    assert facts["Commit"] == "0123456789ab with uncommitted changes"
    assert facts["jax"] == "0.10.2"
    assert page.texts("td", "number") == ["0.01294", "0.1955", "−1.442"]
    assert page.texts("td", "beside") == ["0.04610 pca", "0.3671 real2.492 gaussian_prior", ""]
    captions = ["Samples of the trained model.", "A ring & its samples.", "Extra picture.", "Samples after 10 steps."]
    assert [image[1]["alt"] for image in page.all("img")] == captions
    assert len(page.all("svg")) == 4 and "Baseline opponent" in page.texts("summary")
    assert [e[2].split("[")[0] for e in page.all("tr", "changed")] == ["model.widths"]
    assert page.texts("pre") == [RESULTS["command"]]
    assert not page.texts("p", "warn")


def test_the_figures_of_a_paper_stand_beside_ours(workdir):
    paper = {
        "source": "table 1",
        "protocol": "2,000 <images>",
        "data": ["digits"],
        "figures": {"test_mse": 0.01, "x": 1},
    }
    write(workdir, "results.json", RESULTS | {"paper": paper})
    page = made(workdir)
    assert [e[2] for e in page.all("th")[:5]] == ["metric", "this run", "paper", "difference", "compare with"]
    assert page.texts("td", "paper") == ["0.01000 table 1; 2,000 <images>"]
    assert page.texts("td", "difference") == ["+0.002938"]
    assert not [name for name in page.texts("dt") if name.startswith("paper")]


def test_a_run_that_diverged_begins_with_the_cause(workdir):
    why = "train diverged at step 40: energy_gap = 5e+04 is <over> 1000 times its usual 1"
    write(workdir, "diverged.txt", why + "\n")
    page = made(workdir)
    first = next(element for element in page.elements if element[0] in ("p", "dl"))
    assert first[2] == why and first[1]["class"] == "warn"


def test_the_page_is_self_contained_and_readable_without_script(workdir):
    page = made(workdir)
    assert not {"script", "iframe", "object", "embed"} & {tag for tag, *_ in page.elements}
    for tag, attributes, _ in page.elements:
        assert not [name for name in attributes if name.startswith("on")]
        for name in ("src", "href", "srcset", "data", "action"):
            assert attributes.get(name, "data:").startswith("data:"), f"{tag} asks for {attributes[name][:40]}"
    text = (workdir / "report.html").read_text(encoding="utf-8")
    assert "http" not in re.sub(r"data:image/\w+;base64,[^\"]*", "", text).replace("http-equiv", "")
    assert "@import" not in text and "url(" not in text
    assert page.all("html")[0][1]["lang"] == "en"
    assert any(meta[1].get("name") == "viewport" for meta in page.all("meta"))
    assert all(image[1]["alt"] for image in page.all("img"))
    assert all(svg[1]["role"] == "img" and svg[1]["aria-label"] for svg in page.all("svg"))
    assert all(cell[1]["scope"] in ("row", "col") for cell in page.all("th"))


def test_everything_is_escaped(workdir):
    bad = "<script>alert('x')</script>\"&"
    results = RESULTS | {name: bad for name in ("method", "dataset", "protocol", "seed", "commit", "command")}
    results |= {"metrics": {bad: 1.0, "text": bad}, "baselines": {bad: {bad: bad}}, "versions": {bad: bad}, bad: bad}
    write(workdir, "results.json", results | {"pictures": {"samples.png": bad, bad + ".png": bad}})
    write(workdir, "config.json", {bad: {bad: bad}})
    (workdir / "metrics.jsonl").write_text(json.dumps({"step": 1, bad: 1.0}) + "\n")
    page = made(workdir)
    assert not page.all("script")
    assert page.texts("h1") == [f"{bad} on {bad}"]
    assert bad in [image[1]["alt"] for image in page.all("img")]


def test_the_same_files_give_the_same_page_and_nothing_else_is_left(workdir):
    first = write_report(workdir).read_bytes()
    before = sorted(os.listdir(workdir))
    assert write_report(workdir) == workdir / "report.html"
    assert (workdir / "report.html").read_bytes() == first
    assert sorted(os.listdir(workdir)) == before


def test_home_directories_stay_private(workdir):
    write(workdir, "config.json", CONFIG | {"data": {"name": "npz:/home/ann/x.npz"}})
    write(workdir, "results.json", RESULTS | {"command": "python -m x --config.data.name=npz:/home/ann/x.npz"})
    made(workdir)
    text = (workdir / "report.html").read_text(encoding="utf-8")
    assert "ann/" not in text and "npz:~/x.npz" in text and str(workdir.parent) not in text


def test_large_pictures_travel_as_jpeg(workdir):
    noise = np.random.default_rng(0).uniform(-1, 1, (4, 300, 300, 3))
    pictures.save_grid(noise, workdir / "samples.png", columns=2)
    source = made(workdir).all("img")[0][1]["src"]
    assert source.startswith("data:image/jpeg") and len(source) < (workdir / "samples.png").stat().st_size


@pytest.mark.parametrize(
    ("name", "content", "said"),
    [
        ("results.json", None, "There is no results.json"),
        ("results.json", '{"metrics": {', "results.json cannot be read"),
        ("results.json", [1, 2], "results.json cannot be read"),
        ("config.json", None, "There is no config.json"),
        ("config.json", "", "config.json cannot be read"),
        ("results.json", {"metrics": [1], "baselines": None, "pictures": 3, "command": "a 'b"}, "No figures yet"),
        ("results.json", {"metrics": {"a": None}}, "not finite"),
        ("results.json", {"metrics": {"a": 0.5}, "baselines": {"pca": 0.25, "real": [1]}, "paper": [1]}, "0.5000"),
        ("results.json", {"metrics": {"a": "b"}, "paper": {"figures": {"a": 0.25}}}, "0.2500"),
        ("metrics.jsonl", None, "No training metrics"),
        ("metrics.jsonl", '{"step": 10, "a": 1.0}\n{"step": 2', "1 line(s) could not be read"),
        ("metrics.jsonl", "\x00\xff\n", "1 line(s) could not be read"),
        ("samples.png", None, "samples.png is missing"),
        ("samples.png", "no picture", "samples.png cannot be read"),
    ],
)
def test_what_is_missing_or_broken_is_said(workdir, name, content, said):
    (workdir / name).unlink()
    if content is not None:
        write(workdir, name, content)
    assert said in made(workdir).texts("main")[0]


def test_a_truncated_picture_is_said(workdir):
    data = (workdir / "ring.png").read_bytes()
    (workdir / "ring.png").write_bytes(data[: len(data) // 2])
    assert "ring.png cannot be read" in made(workdir).texts("main")[0]


def test_an_empty_folder_has_a_page_and_no_folder_has_none(tmp_path):
    page = made(tmp_path)
    assert page.texts("h1") == [f"{tmp_path.name} on unknown data"]
    assert len(page.texts("p", "warn")) == 2
    with pytest.raises(ValueError, match="is not a folder"):
        write_report(tmp_path / "none")


def test_a_long_training_makes_no_larger_page(workdir):
    lines = (f'{{"step": {i}, "energy_gap": {(i * 7919) % 1000}}}\n' for i in range(20_000))
    (workdir / "metrics.jsonl").write_text("".join(lines))
    page = made(workdir)
    points = re.findall("[ML]", page.all("path", "curve")[0][1]["d"])
    assert 100 < len(points) <= 500
