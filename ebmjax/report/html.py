"""Parts of a self-contained HTML page: no scripts and no requests, readable on phones, in light and dark mode.

Functions escape the values they take, unless an argument is documented as HTML.
"""

import html
import math
import re
from collections.abc import Iterable, Sequence

_HOME = re.compile(r"(?<![\w.~])(?:/(?:home|Users)/[^/\s'\"]+|/root(?![\w-]))")
_DIGITS = 4
_SUPERSCRIPT = str.maketrans("-0123456789", "⁻⁰¹²³⁴⁵⁶⁷⁸⁹")

STYLE = """
:root { color-scheme: light dark; --paper: #fcfcfb; --ink: #1d1f21; --soft: #5c6166; --line: #dcdedd; --shade: #f1f2f0;
  --accent: #1f5f99; --warn: #a33a1a; }
@media (prefers-color-scheme: dark) { :root { --paper: #17191b; --ink: #e4e5e3; --soft: #a2a6a8; --line: #383c3f;
  --shade: #212427; --accent: #7db7ea; --warn: #f0906c; } }
* { box-sizing: border-box; }
html { -webkit-text-size-adjust: 100%; }
body { margin: 0; background: var(--paper); color: var(--ink); font: 16px/1.55 system-ui, sans-serif; }
main { max-width: 66rem; margin: 0 auto; padding: 2rem 1rem 4rem; overflow-wrap: break-word; }
code, pre, dd, h1 { overflow-wrap: anywhere; }
th code { overflow-wrap: break-word; }
h1 { font-size: 1.75rem; line-height: 1.2; margin: 0 0 .75rem; }
h2 { font-size: 1.2rem; line-height: 1.3; margin: 2.5rem 0 .6rem; }
h3 { font-size: 1rem; margin: 1.5rem 0 .4rem; }
p { margin: .5rem 0; max-width: 46rem; }
code, pre { font: .875em/1.5 ui-monospace, SFMono-Regular, Menlo, Consolas, "DejaVu Sans Mono", monospace; }
pre { background: var(--shade); border-radius: 6px; padding: .7rem .9rem; margin: .5rem 0; white-space: pre-wrap; }
pre span { display: inline-block; max-width: 100%; }
.warn { color: var(--warn); }
.soft { color: var(--soft); }
dl.facts { display: flex; flex-wrap: wrap; gap: .4rem 1.75rem; margin: 0; }
dl.facts dt { font-size: .8rem; color: var(--soft); }
dl.facts dd { margin: 0; }
table { border-collapse: collapse; margin: .5rem 0; }
caption { text-align: left; color: var(--soft); font-size: .875rem; padding-bottom: .3rem; }
th, td { text-align: left; vertical-align: top; padding: .35rem 1.25rem .35rem 0; }
tr { border-bottom: 1px solid var(--line); }
th { font-weight: 600; }
thead th { font-weight: 400; font-size: .875rem; color: var(--soft); }
tbody th { font-weight: 400; }
tbody th.whole { font-weight: 600; }
.seed { display: block; }
.runs { width: 100%; }
td > p { margin: 0; }
td { font-variant-numeric: tabular-nums; }
td.number { font-weight: 600; text-align: right; white-space: nowrap; }
td.paper .soft { font-size: .8rem; line-height: 1.3; max-width: 16rem; }
td ul { list-style: none; margin: 0; padding: 0; display: flex; flex-wrap: wrap; gap: 0 1.5rem; }
details th, details td { padding-top: .15rem; padding-bottom: .15rem; }
tr.changed > * { font-weight: 600; }
details { margin: .75rem 0; }
summary { cursor: pointer; color: var(--accent); }
details[open] > summary { margin-bottom: .5rem; }
summary:focus-visible { outline: 2px solid var(--accent); outline-offset: 2px; }
figure { margin: 0; min-width: 0; }
figcaption { font-size: .875rem; color: var(--soft); margin-top: .35rem; }
img { display: block; max-width: 100%; height: auto; background: #fff; border-radius: 4px; }
.pictures { columns: 28rem 2; column-gap: 1.5rem; margin: .75rem 0; }
.pictures > * { break-inside: avoid; padding-bottom: 1.25rem; margin: 0; }
.thumbs, .curves { display: grid; gap: 1.5rem; align-items: start; margin: .75rem 0; }
.thumbs { grid-template-columns: repeat(auto-fill, minmax(min(100%, 10rem), 1fr)); }
.curves { grid-template-columns: repeat(auto-fill, minmax(min(100%, 19rem), 1fr)); }
.curves figcaption { display: flex; flex-wrap: wrap; justify-content: space-between; align-items: baseline;
  gap: 0 1rem; margin: 0 0 .15rem; }
.curves strong { color: var(--ink); font-variant-numeric: tabular-nums; }
svg { display: block; width: 100%; height: auto; }
svg text { font: 11px system-ui, sans-serif; fill: var(--soft); }
svg .axis { stroke: var(--line); fill: none; }
svg .curve { stroke: var(--accent); fill: none; stroke-width: 1.5; stroke-linejoin: round; stroke-linecap: round; }
svg .end { fill: var(--accent); }
svg .gap { stroke: var(--warn); fill: none; stroke-width: 1.5; }
@media (min-width: 40.01rem) {
  .figures th wbr, .whole wbr { display: none; }
  td.more { max-width: 0; padding-right: 0; } /* so that opening it does not move the columns */
}
@media (max-width: 40rem) {
  main { padding-top: 1.25rem; }
  table { width: 100%; }
  th, td { padding-right: .75rem; }
  td:last-child, th:last-child { padding-right: 0; }
  .figures thead { display: none; }
  .figures tr { display: grid; grid-template-columns: 1fr auto; }
  .figures td.beside, .figures td.paper, .figures td.difference { grid-column: 1 / -1; padding-top: 0; }
  .figures td.paper::before { content: "paper "; }
  .figures td.difference::before { content: "difference "; font-weight: 400; }
  .figures td:empty { display: none; }
  .figures td.more { grid-column: 1 / -1; }
  .figures td.number, .figures td.whole { padding-right: 0; text-align: right; }
  .seed { display: inline; }
}
"""


def page(title: str, body: str) -> str:
    """A whole HTML document. `body` is HTML; the policy in its head forbids every request."""
    policy = "default-src 'none'; img-src data:; style-src 'unsafe-inline'"
    return (
        f'<!DOCTYPE html>\n<html lang="en">\n<head>\n<meta charset="utf-8">\n'
        f'<meta http-equiv="Content-Security-Policy" content="{policy}">\n'
        f'<meta name="viewport" content="width=device-width, initial-scale=1">\n<link rel="icon" href="data:,">\n'
        f"<title>{text(title)}</title>\n<style>{STYLE}</style>\n</head>\n<body>\n<main>\n{body}\n</main>\n</body>\n</html>\n"
    )


def text(value) -> str:
    """`value` escaped for HTML, with home directories shortened to ~, so that a shared page has no user names."""
    return html.escape(_HOME.sub("~", str(value)))


def number(value) -> str:
    """A number for display: four significant digits, all digits of whole numbers, powers of ten if tiny or huge."""
    if isinstance(value, bool) or not isinstance(value, int | float):
        return "not finite" if value is None else text(value)
    if not math.isfinite(value):
        return "not finite"
    size = abs(value)
    if isinstance(value, int) and size < 1e15:
        written = f"{value:,}" if size >= 1e4 else str(value)
    elif value == 0:
        written = "0"
    elif 1e-3 <= size < 1e7:
        comma = "," if size >= 1e4 else ""
        written = f"{value:{comma}.{max(_DIGITS - 1 - math.floor(math.log10(size)), 0)}f}"
    else:
        mantissa, _, exponent = f"{value:.{_DIGITS - 1}e}".partition("e")
        written = f"{mantissa} × 10{str(int(exponent)).translate(_SUPERSCRIPT)}"
    return written.replace("-", "−")


def identifier(value) -> str:
    """An identifier as HTML, in which lines may break after an underscore or a dot."""
    return re.sub(r"([_.])(?=\w)", r"\1<wbr>", text(value))


def note(message: str, kind: str = "soft") -> str:
    """A line about something missing ("soft") or wrong ("warn")."""
    return f'<p class="{kind}">{text(message)}</p>'


def heading(level: int, title: str) -> str:
    """A heading of `level` 1 to 6."""
    return f"<h{level}>{text(title)}</h{level}>"


def facts(items: Iterable[tuple[str, str]]) -> str:
    """Names with their values, side by side if there is room; the values are HTML."""
    return '<dl class="facts">' + "".join(f"<div><dt>{text(k)}</dt><dd>{v}</dd></div>" for k, v in items) + "</dl>"


def table(header: Sequence[str], rows: Iterable[str], caption: str = "", kind: str = "") -> str:
    """A table of `rows`, each HTML from `row`. kind: a CSS class."""
    head = "".join(f'<th scope="col">{text(name)}</th>' for name in header)
    top = f"<caption>{text(caption)}</caption>" if caption else ""
    return f"<table{_class(kind)}>{top}<thead><tr>{head}</tr></thead><tbody>{''.join(rows)}</tbody></table>"


def row(name: str, *cells: str, kind: str = "") -> str:
    """A table row: its name, then cells of HTML. kind: a CSS class."""
    return f'<tr{_class(kind)}><th scope="row">{name}</th>' + "".join(cells) + "</tr>"


def details(summary: str, body: str) -> str:
    """`body` (HTML), folded under `summary`."""
    return f"<details><summary>{text(summary)}</summary>{body}</details>"


def _class(kind: str) -> str:
    return f' class="{kind}"' if kind else ""
