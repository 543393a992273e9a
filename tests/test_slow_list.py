"""tests/slow.txt lists tests that exist: a renamed one would silently be quick again."""

import re
from pathlib import Path

TESTS = Path(__file__).parent


def test_every_listed_test_exists():
    lines = [line for line in (TESTS / "slow.txt").read_text().splitlines() if not line.startswith("#")]
    assert len(lines) > 50
    wrong = []
    for line in lines:
        path, name = re.match(r"([^:]+)::(\w+)", line).groups()
        file = TESTS / path
        if not file.exists() or f"def {name}(" not in file.read_text():
            wrong.append(line)
    assert not wrong, "\n".join(wrong)
