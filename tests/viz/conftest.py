"""What the tests of figures share."""

import pytest

from ebmjax.viz import figures


@pytest.fixture
def drawn(monkeypatch):
    """The figures drawn during a test, in order."""
    sheets = []
    sheet = figures.sheet
    monkeypatch.setattr(figures, "sheet", lambda *size: sheets.append(sheet(*size)) or sheets[-1])
    return sheets
