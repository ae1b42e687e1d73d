"""Write the table of operators in docs/operators.md from the registries.

With ``--check``, write nothing and fail where the table is stale.
"""

from __future__ import annotations

import inspect
import sys
from pathlib import Path

from cml_sklearn.onnx.onnx_utils import ONNX_OPS_TO_NUMPY_IMPL
from cml_sklearn.quantization import ops  # noqa: F401  fills the registry
from cml_sklearn.quantization.quantized_op import (
    ONNX_OPS_TO_QUANTIZED_IMPL,
    reason_without_quantized_form,
)

PAGE = Path(__file__).parent / "operators.md"
BEGIN, END = "<!-- operators: begin -->", "<!-- operators: end -->"


def row(op_type: str) -> str:
    """Line of the table."""
    quantized = ONNX_OPS_TO_QUANTIZED_IMPL.get(op_type)
    if quantized is None:
        return f"| {op_type} | yes | no: {reason_without_quantized_form(op_type)} | |"
    how = (inspect.getdoc(quantized) or "").splitlines()[0].rstrip(".")
    return f"| {op_type} | yes | yes | {how} |"


def table() -> str:
    """All operators, with a count."""
    names = sorted(ONNX_OPS_TO_NUMPY_IMPL, key=str.lower)
    lines = [
        f"{len(names)} operators in NumPy, {len(ONNX_OPS_TO_QUANTIZED_IMPL)} quantized.",
        "",
        "| operator | NumPy | quantized, and tested under encryption | how |",
        "|---|---|---|---|",
        *map(row, names),
    ]
    return "\n".join(lines)


def main() -> None:
    """Write the page, or check it."""
    page = PAGE.read_text(encoding="utf-8")
    before, rest = page.split(BEGIN)
    after = rest.split(END)[1]
    fresh = f"{before}{BEGIN}\n\n{table()}\n\n{END}{after}"
    if "--check" not in sys.argv:
        PAGE.write_text(fresh, encoding="utf-8")
    elif fresh != page:
        sys.exit(f"{PAGE.name} is stale: run make supported-ops")


if __name__ == "__main__":
    main()
