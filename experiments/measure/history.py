"""The logged metrics of a run, and the picture of its health."""

from ebmjax.training.metrics import read_rows
from ebmjax.viz import health


def logged_rows(run):
    """The rows logged up to the state that is evaluated."""
    return [row for row in read_rows(run.workdir / "metrics.jsonl") if row["step"] <= run.trained.state.step]


def last_logged(run, *names) -> dict[str, float]:
    """{name: value} of the last logged row; {} where nothing was logged."""
    rows = logged_rows(run)
    return {name: rows[-1][name] for name in names} if rows else {}


def draw_health(run, title: str, caption: str = "") -> dict:
    """{path: caption} of health.png, the logged metrics over the steps; {} where nothing was logged."""
    rows, path = logged_rows(run), run.workdir / "health.png"
    if not rows:
        return {}
    health.plot_health(rows, path, title=title)
    return {path: caption}
