"""Cost and scores of trees on "concrete": the tables and the picture of docs/explanation/trees.md.

Gop is the optimizer's own cost in units of 1e9 operations, PBS the number of programmable
bootstraps, at the peer's p_error and at the default one: exact and repeatable.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import NamedTuple

from benchmarks.core import clear_score, fitted_score
from benchmarks.datasets import load
from benchmarks.models import MODELS
from benchmarks.pictures import legend_above, number_ticks, picture, plain_log, styles
from benchmarks.progress import tracked
from benchmarks.subject import PEER_P_ERROR, OurSubject
from benchmarks.tables import DOCS, figure, insert, markdown
from cml_sklearn.fhe.protocol import DEFAULT_P_ERROR

__all__ = ["Measured", "measured", "write"]

_PAGE = "explanation/trees.md"
_PICTURE = DOCS / "images" / "tree_bits.svg"
_LABELS = {"DT": "DT5", "XGB": "XGB50x3", "RF": "RF50x4"}
# (score, PBS, Gop) of Concrete-ML 1.9.0, always at n_bits=6
_PEER = {
    ("breast_cancer", "DT"): (0.9298, 127, 7.039),
    ("breast_cancer", "XGB"): (0.9708, 3200, 161.046),
    ("breast_cancer", "RF"): (0.9532, 5900, 327.012),
    ("wine", "DT"): (0.9444, 46, 2.332),
    ("wine", "XGB"): (0.9815, 8250, 416.166),
    ("wine", "RF"): (1.0, 5450, 302.362),
    ("digits", "DT"): (0.7167, 244, 13.452),
    ("digits", "XGB"): (0.9574, 32000, 1610.464),
    ("digits", "RF"): (0.887, 6800, 376.31),
    ("diabetes", "DT"): (0.2173, 253, 13.946),
    ("diabetes", "XGB"): (0.2412, 3200, 161.046),
    ("diabetes", "RF"): (0.3435, 6800, 376.31),
}
_N_BITS = {"digits": (3, 4, 6), "diabetes": (4, 6)}
_CURVE = range(1, 9)
_HEAD = ["data / model", "n_bits", "score", "float", "peer", "PBS", "peer", "Gop", "peer", "ratio"]
_HEAD += ["Gop, default"]


class Measured(NamedTuple):
    """Score, score of the float model on raw data, PBS and Gop."""

    score: float
    reference: float
    pbs: float
    gop: float


def write() -> None:
    """Measure all and write the page."""
    insert(_PAGE, "table", markdown(_HEAD, _cells()))
    curves = {
        label: [measured("breast_cancer", model, n_bits) for n_bits in _CURVE]
        for model, label in tracked(_LABELS.items(), lambda item: f"{item[1]} by n_bits")
    }
    cells = [
        [label, *(f"{x.score:.3f}, {x.gop:.1f} Gop" for x in curve)]
        for label, curve in curves.items()
    ]
    insert(_PAGE, "curve", markdown(["model", *(f"{n} bits" for n in _CURVE)], cells))
    _draw(curves)


def measured(name: str, model: str, n_bits: int, p_error: float = DEFAULT_P_ERROR) -> Measured:
    """Train, score and compile."""
    data = load(name)
    spec = MODELS[data.task][model]
    subject = OurSubject(spec, n_bits, 0, "concrete", p_error)
    score = fitted_score(subject, data)
    subject.compile(data.X_train)
    facts = subject.facts()
    return Measured(score, clear_score(spec, data, 0), facts["pbs"], facts["gop"])


def _cells() -> Iterator[list[str]]:
    """Lines of the table beside the peer's figures."""
    for (name, model), (peer_score, peer_pbs, peer_gop) in tracked(
        _PEER.items(), lambda item: " ".join(item[0])
    ):
        for n_bits in _N_BITS.get(name, (6,)):
            score, reference, pbs, gop = measured(name, model, n_bits, PEER_P_ERROR)
            default = measured(name, model, n_bits).gop
            scores = [figure("score", x) for x in (score, reference, peer_score)]
            costs = [f"{pbs:.0f}", f"{peer_pbs}", f"{gop:.2f}", f"{peer_gop:.1f}"]
            label = f"{name} / {_LABELS[model]}"
            yield [label, str(n_bits), *scores, *costs, f"{peer_gop / gop:.0f} x", f"{default:.2f}"]


def _draw(curves: dict[str, list[Measured]]) -> None:
    """Plot accuracy and Gop over n_bits."""
    looks = styles(curves)
    with picture(_PICTURE, 2.6) as figure:
        left, right = figure.subplots(1, 2)
        for label, curve in curves.items():
            left.plot(_CURVE, [x.score for x in curve], label=label, **looks[label])
            right.plot(_CURVE, [x.gop for x in curve], label=label, **looks[label])
        plain_log(right, "y")
        for axes, title in ((left, "accuracy, share"), (right, "cost of a sample, Gop")):
            number_ticks(axes, _CURVE, log=False)
            axes.set(xlabel="n_bits, bits", ylabel=title)
        legend_above(figure)
