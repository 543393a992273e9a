"""How values are written: figures, names, and what must not get out."""

import pytest

from ebmjax.report import html


@pytest.mark.parametrize(
    ("value", "written"),
    [
        (0.012938, "0.01294"),
        (-1.4423, "−1.442"),
        (143.9046, "143.9"),
        (9876.54, "9877"),
        (16500.92, "16,501"),
        (0.5, "0.5000"),
        (3000, "3000"),
        (1437000, "1,437,000"),
        (0.0, "0"),
        (1.25e-5, "1.250 × 10⁻⁵"),
        (-6.02e23, "−6.020 × 10²³"),
        (float("nan"), "not finite"),
        (None, "not finite"),
        ("<b>", "&lt;b&gt;"),
    ],
)
def test_numbers_have_four_significant_digits(value, written):
    assert html.number(value) == written


def test_text_is_escaped_and_hides_home_directories():
    assert html.text('<a b="c">&') == "&lt;a b=&quot;c&quot;&gt;&amp;"
    assert html.text("npz:/home/ann/data/x.npz") == "npz:~/data/x.npz"
    assert html.text("/Users/ann b /root/x") == "~ b ~/x"
    assert html.text("/data/home/x /rooted") == "/data/home/x /rooted"


def test_names_may_break_after_underscores_and_dots():
    assert html.identifier("a_b.c<") == "a_<wbr>b.<wbr>c&lt;"
