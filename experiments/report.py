"""One self-contained page of all the runs in a folder: methods and data sets, with everything behind each figure.

python -m experiments.report runs/ --out report.html
"""

import argparse
import sys
from collections.abc import Sequence
from pathlib import Path

from ebmjax.report.overview import write_overview


def main(argv: Sequence[str] | None = None) -> None:
    """The command line. Exit code 2 and one line if there is nothing to show."""
    parser = argparse.ArgumentParser(prog="python -m experiments.report", description=__doc__.split("\n")[0])
    parser.add_argument("folder", type=Path, help="folder with the runs, e.g. runs/")
    parser.add_argument("--out", type=Path, default=Path("report.html"), help="the page to write")
    words = parser.parse_args(argv)
    try:
        runs = write_overview(words.folder, words.out)
    except (ValueError, OSError) as error:
        print(f"error: {error}", file=sys.stderr)
        sys.exit(2)
    print(f"wrote {words.out}: {len(runs)} run{'s' if len(runs) != 1 else ''}, {words.out.stat().st_size / 1e6:.1f} MB")


if __name__ == "__main__":
    main()
