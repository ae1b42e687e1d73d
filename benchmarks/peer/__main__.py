"""The same commands and rows on Concrete-ML, run in its own environment."""

from __future__ import annotations

from benchmarks.commands import make_app
from benchmarks.peer import cnn
from benchmarks.peer.subject import PeerSubject

app = make_app(PeerSubject, "The benchmarks on Concrete-ML.")
app.command("cnn")(cnn.main)

if __name__ == "__main__":
    app()
