"""Neural networks on encrypted data: scores, seconds, bytes.

Run with ``python -m benchmarks.neural --help``.
"""

from __future__ import annotations

import typer

from benchmarks.core import make_command
from benchmarks.subject import OurSubject

main = make_command("neural", OurSubject)
app = typer.Typer(add_completion=False)
app.command(help="Measure neural networks on encrypted data; the task is told from the data.")(main)

if __name__ == "__main__":
    app()
