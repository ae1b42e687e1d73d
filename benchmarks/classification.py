"""Classifiers on encrypted data: scores, seconds, bytes.

Run with ``python -m benchmarks.classification --help``.
"""

from __future__ import annotations

import typer

from benchmarks.core import make_command
from benchmarks.subject import OurSubject

main = make_command("classification", OurSubject)
app = typer.Typer(add_completion=False)
app.command(help="Measure classifiers on encrypted data.")(main)

if __name__ == "__main__":
    app()
