"""What both clients must make of the same files: test vectors of docs/deployment/client_format.md.

``python -m tests.deployment.web_vectors`` writes archives of small models and their vectors to
``tests/deployment/data/web``; only where a format changes.
"""

from __future__ import annotations

import hashlib
import json
import math
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from cml_sklearn.deployment import FheClient
from cml_sklearn.deployment.messages import Message
from cml_sklearn.deployment.preprocessing import preprocess
from cml_sklearn.fhe.seal.bindings import scheme
from cml_sklearn.fhe.seal.halves import SealClient
from cml_sklearn.fhe.seal.layouts import CoefficientLayout, SlotLayout
from cml_sklearn.fhe.seal.specifications import number_of_way
from cml_sklearn.quantization.postprocessing import (
    Affine,
    AnomalyScore,
    Argmax,
    ByOutput,
    ClientStep,
    Clip,
    Descent,
    Labels,
    Link,
    Logarithm,
    LogSoftmax,
    LogSumExp,
    MeanVote,
    Root,
    Round,
    Shares,
    Softmax,
    Squeeze,
    Threshold,
    TwoClasses,
    Votes,
    VoteShares,
    WeightedMedian,
    postprocess,
)

DATA = Path(__file__).parent / "data" / "web"
NAMES = ("before_ways", "linear", "mixed", "trees")
"""The archive of the first is kept as it was written before circuits had several ways."""
SIZES = (1, 3, 17, 200, 4096)
"""Samples of the batches whose layout is written down."""


def vectors(name: str) -> dict[str, Any]:
    """All that a client makes of a model's file and rows, but for what is random."""
    client, data = FheClient(DATA / f"{name}.zip"), read_rows(name)
    module, seal = client._modules[0], client._clients[0]
    assert isinstance(seal, SealClient)
    features = preprocess(client._transforms, data, allow_nan=True)
    codes = module.quantize_input(features)[0]
    integers = sample_integers(seal)
    scores = module.dequantize_output(*integers)[0]
    return {
        "digest": client.card.digest,
        "key_name": seal.key_name,
        "features": plain(features),
        "codes": plain(codes),
        "batches": {str(n): seal.batch_sizes(n) for n in (*SIZES, 5000)},
        "layouts": [layout_of(seal, codes, n) for n in SIZES],
        "ways": [
            {"least": way.least, "rotations": way.layouts.galois_elements}
            for way in seal.specification.ways
        ],
        "integers": plain(np.hstack(integers)),
        "scores": plain(scores),
        "methods": {
            method: plain(postprocess(steps, scores))
            for method, steps in sorted(module.postprocessing.items())
        },
        "message": Message("inputs", "seal", client.card.digest, 0, 3, 2, (b"\x01\x02", b""))
        .write()
        .hex(),
        "seal_header": header(seal).hex(),
    }


STEPS: tuple[tuple[ClientStep, Any], ...] = (
    (Affine(2.0, -1.0), [[0.5], [-3.0]]),
    (AnomalyScore(), [[0.0], [0.25], [3.0]]),
    (Argmax(), [[1.0, 3.0, 3.0], [0.0, -1.0, -2.0]]),
    (
        ByOutput((1, 2), ((Threshold(), Labels(("no", "yes"))), (Argmax(),))),
        [[0.5, 1.0, 2.0], [0.0, 3.0, 2.0]],
    ),
    (Clip(None, 1.0), [[-5.0, 5.0]]),
    (Clip(0.0, None), [[-5.0, 5.0]]),
    (
        Descent(np.array([[1, 2], [~0, ~3], [~2, ~1]])),
        [[-1.0, 0.0, 5.0], [0.0, 2.0, 5.0], [3.0, 2.0, -5.0], [3.0, 2.0, 0.5]],
    ),
    (Labels(np.array([10, 20, 30])), [0, 2, 5]),
    (Labels(np.array([0.5, 1.0])), [1, 0]),
    (Labels(np.array(["a", "Köln"])), [1, 0]),
    (Labels(np.array([False, True])), [1, 0]),
    (Labels((1, "x", None)), [2, 1, 0]),
    (Link("log"), [[-2.0, 0.5]]),
    (Link("logit"), [[-40.0], [0.0], [2.0]]),
    (LogSoftmax(), [[800.0, 799.0, -5000.0]]),
    (LogSumExp(), [[800.0, 799.0, -5.0], [-3.0, -3.0, -3.0]]),
    (Logarithm(1e-9), [[0.0, 0.5]]),
    (Root(), [[2.0, 0.0], [-1e-9, 9.0]]),
    (Round(), [[0.5, 1.5, -0.5, -1.5, 2.4999]]),
    (Shares(), [[1.0, 3.0], [0.0, 0.0]]),
    (Softmax(), [[800.0, 799.0, -5.0]]),
    (Squeeze(), [[1.0], [2.0]]),
    (Squeeze(), [[1.0, 2.0]]),
    (Threshold(0.5), [0.4, 0.5, 0.6]),
    (Threshold(0.5, inclusive=True), [0.4, 0.5, 0.6]),
    (TwoClasses(), [[0.25], [0.5]]),
    (TwoClasses(-1.0, 0.0), [[0.25, 0.5]]),
    (
        MeanVote(np.array([1.0, -2.0]), np.array([0.5, 7.0])),
        [[6.0, 3.0, 4.0], [0.0, 0.0, 0.0]],
    ),
    (MeanVote(np.array([1.0]), None), [[6.0, 4.0]]),
    (VoteShares(np.array([0.25, 0.75])), [[3.0, 1.0], [0.0, 0.0]]),
    (VoteShares(None), [[3.0, 1.0]]),
    (Votes(3), [[0.5, 0.0, -2.0], [-1.0, 3.0, 2.0]]),
    (Votes(3, confident=True), [[0.5, 0.0, -2.0], [-1.0, 3.0, 2.0]]),
    (WeightedMedian(np.array([1.0, 2.0, 1.0, 0.5])), [[3.0, 1.0, 2.0, 9.0], [1.0, 1.0, 0.0, 5.0]]),
)
"""Steps after decryption, and values for them."""


def step_vectors() -> list[dict[str, Any]]:
    """All steps, with what they make of some values."""
    return [
        {
            "step": described(step),
            "values": values,
            "result": by_row(step(np.array(values)), len(values)),
        }
        for step, values in STEPS
    ]


def described(value: Any) -> Any:
    """Form in which the client in JavaScript has what files hold."""
    if isinstance(value, np.ndarray):
        kind = {"f": "float", "i": "int", "b": "bool", "U": "text"}[value.dtype.kind]
        return {"shape": list(value.shape), "kind": kind, "values": value.ravel().tolist()}
    if isinstance(value, ClientStep):
        content = {name: described(part) for name, part in vars(value).items()}
        return {"class": type(value).__name__, **content}
    return [described(part) for part in value] if isinstance(value, tuple) else value


def by_row(result: Any, n_rows: int) -> Any:
    """Rows of results; lists of several outputs, too."""
    if isinstance(result, list):
        return [[plain(output)[row] for output in result] for row in range(n_rows)]
    return plain(result)


def read_rows(name: str) -> pd.DataFrame:
    """Rows that come to a client, as its users have them."""
    return pd.read_csv(DATA / f"{name}.csv", float_precision="round_trip")


def layout_of(seal: SealClient, codes: np.ndarray, n_samples: int) -> dict[str, Any]:
    """Where the integers of a batch stand: the SHA-256 of all of them in 8 bytes each."""
    ways = seal.specification.ways
    layouts = ways[number_of_way(ways, n_samples)].layouts
    layout, repeated = layouts.of(n_samples), np.resize(codes, (n_samples, codes.shape[1]))
    packed = list(layout.pack(layouts.columns(repeated)))
    places = np.arange(n_samples)
    if isinstance(layout, CoefficientLayout):
        places = layout.results(n_samples)
    return {
        "n_samples": n_samples,
        "in_slots": isinstance(layout, SlotLayout),
        "n_ciphertexts": len(packed),
        "sha256": hashlib.sha256(b"".join(p.astype("<i8").tobytes() for p in packed)).hexdigest(),
        "last_result": int(places[-1]),
    }


def sample_integers(seal: SealClient) -> tuple[np.ndarray, ...]:
    """Integers within the range of the outputs, their ends among them."""
    rng = np.random.default_rng(0)
    return tuple(
        np.stack([b.low, b.high, *(b.sample(rng) for _ in range(6))])
        for b in seal.specification.outputs
    )


def header(seal: SealClient) -> bytes:
    """Magic number, size and version of what SEAL saves here."""
    own = scheme(seal.specification.ways[0].parameters)
    return own.write(own.constant(1))[:5]


def plain(values: Any) -> Any:
    """Lists of numbers and texts; NaN is None."""
    listed = values.tolist() if isinstance(values, np.ndarray) else values
    if isinstance(listed, list):
        return [plain(value) for value in listed]
    return None if isinstance(listed, float) and math.isnan(listed) else listed


def write() -> None:
    """Make the models, their rows and their vectors."""
    from tests.deployment.web_models import save_samples

    DATA.mkdir(parents=True, exist_ok=True)
    save_samples(DATA)
    for name in NAMES:
        text = json.dumps(vectors(name), indent=None, separators=(",", ":"), allow_nan=False)
        (DATA / f"{name}.json").write_text(text + "\n")
    (DATA / "steps.json").write_text(json.dumps(step_vectors(), ensure_ascii=False) + "\n")


if __name__ == "__main__":
    write()
