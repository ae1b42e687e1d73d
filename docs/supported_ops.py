"""Write the tables of operators and of torch modules in the docs from registries and tests.

With ``--check``, write nothing and fail where a table is stale.
"""

from __future__ import annotations

import inspect
import sys
from collections import Counter
from pathlib import Path

from cml_sklearn.fhe.concrete.substitutes import substitute
from cml_sklearn.onnx.onnx_utils import ONNX_OPS_TO_NUMPY_IMPL
from cml_sklearn.program.steps import Lookup
from cml_sklearn.quantization.decompositions import DECOMPOSED
from cml_sklearn.quantization.ops import ONNX_OPS_TO_QUANTIZED_IMPL
from cml_sklearn.quantization.quantized_op import reason_without_quantized_form
from tests.quantization.cases import CASES, Case, quantized
from tests.zoo import ZOO

DOCS = Path(__file__).parent


def row(op_type: str) -> str:
    """Line of the table."""
    form = ONNX_OPS_TO_QUANTIZED_IMPL.get(op_type, DECOMPOSED.get(op_type))
    if form is None:
        return f"| {op_type} | no: {reason_without_quantized_form(op_type)} | | |"
    how = (inspect.getdoc(form) or "").splitlines()[0].rstrip(".")
    case = next((case for case in CASES if case.op == op_type and not case.after), None)
    return f"| {op_type} | {how} | {example(case) if case else ''} | {cost(case) if case else ''} |"


def example(case: Case) -> str:
    """Shapes of a sample of a case's encrypted inputs."""
    return ", ".join("x".join(map(str, shape)) for shape in case.shapes)


def cost(case: Case) -> str:
    """Bootstraps by width of a case at 4 bits, as they are planned for Concrete."""
    _, module = quantized(case, 4)
    counts: Counter[int] = Counter()
    program = substitute(module.program)
    n_inputs = len(program.input_bounds)
    for instruction, bounds in zip(program.instructions, program.bounds[n_inputs:], strict=True):
        if isinstance(instruction.step, Lookup):
            counts[instruction.step.width] += bounds.low.size
    return ", ".join(f"{n} of {width}" for width, n in sorted(counts.items())) or "0"


def table() -> str:
    """All operators, with a count."""
    names = sorted(ONNX_OPS_TO_NUMPY_IMPL, key=str.lower)
    n_quantized = len(ONNX_OPS_TO_QUANTIZED_IMPL.keys() | DECOMPOSED.keys())
    lines = [
        f"{len(names)} operators in NumPy, {n_quantized} quantized.",
        "",
        "| operator | quantized, and tested under encryption | example | bootstraps, of bits |",
        "|---|---|---|---|",
        *map(row, names),
    ]
    return "\n".join(lines)


def zoo_table() -> str:
    """Torch modules by what they are: those that run, and those that are refused."""
    groups: dict[str, tuple[list[str], list[str]]] = {}
    for name, entry in ZOO.items():
        groups.setdefault(entry.group, ([], []))[bool(entry.refusal)].append(name)
    n_refused = sum(bool(entry.refusal) for entry in ZOO.values())
    lines = [
        f"{len(ZOO) - n_refused} modules run, {n_refused} are refused in words.",
        "",
        "| kind | runs | refused |",
        "|---|---|---|",
        *(f"| {k} | {'; '.join(runs)} | {'; '.join(not_)} |" for k, (runs, not_) in groups.items()),
    ]
    return "\n".join(lines)


def refreshed(page: str, mark: str, lines: str) -> str:
    """Page with the lines between two marks."""
    begin, end = f"<!-- {mark}: begin -->", f"<!-- {mark}: end -->"
    before, rest = page.split(begin)
    return f"{before}{begin}\n\n{lines}\n\n{end}{rest.split(end)[1]}"


def main() -> None:
    """Write the pages, or check them."""
    tables = {"operators": table(), "neural_networks": zoo_table()}
    marks = {"operators": "operators", "neural_networks": "zoo"}
    for name, lines in tables.items():
        path = DOCS / f"{name}.md"
        page = path.read_text(encoding="utf-8")
        fresh = refreshed(page, marks[name], lines)
        if "--check" not in sys.argv:
            path.write_text(fresh, encoding="utf-8")
        elif fresh != page:
            sys.exit(f"{path.name} is stale: run make supported-ops")


if __name__ == "__main__":
    main()
