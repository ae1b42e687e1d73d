"""Write the tables of operators and of torch modules in the docs from registries and tests.

With ``--check``, write nothing and fail where a table is stale. The complexity of an example, which
takes a compilation, is computed where its bootstraps are others than in the page, and else kept.
"""

from __future__ import annotations

import inspect
import sys
from collections import Counter
from collections.abc import Mapping
from pathlib import Path

from cml_sklearn.fhe.concrete.substitutes import substitute
from cml_sklearn.fhe.protocol import CircuitOptions
from cml_sklearn.onnx.onnx_utils import ONNX_OPS_TO_NUMPY_IMPL
from cml_sklearn.program.steps import Lookup
from cml_sklearn.quantization.decompositions import DECOMPOSED
from cml_sklearn.quantization.ops import ONNX_OPS_TO_QUANTIZED_IMPL
from cml_sklearn.quantization.quantized_op import reason_without_quantized_form
from tests.quantization.cases import CASES, Case, quantized
from tests.zoo import ZOO

OPERATORS = Path(__file__).parent / "reference" / "operators.md"
ZOO_PAGE = Path(__file__).parent / "guide" / "torch_onnx.md"

_N_COLUMNS = 5


_UNKNOWN = "?"
"""Complexity of an example whose bootstraps have changed, where nothing is compiled."""

Known = Mapping[tuple[str, str], str]
"""Complexity by operator and bootstraps, as a page has them."""


def row(op_type: str, known: Known, *, compiles: bool) -> str:
    """Line of the table."""
    form = ONNX_OPS_TO_QUANTIZED_IMPL.get(op_type, DECOMPOSED.get(op_type))
    if form is None:
        return f"| {op_type} | no: {reason_without_quantized_form(op_type)} | | | |"
    how = (inspect.getdoc(form) or "").splitlines()[0].rstrip(".")
    case = next((case for case in CASES if case.op == op_type and not case.after), None)
    if case is None:
        return f"| {op_type} | {how} | | | |"
    counts = cost(case)
    gop = known.get((op_type, counts)) or (complexity(case) if compiles else _UNKNOWN)
    return f"| {op_type} | {how} | {example(case)} | {counts} | {gop} |"


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


def complexity(case: Case) -> str:
    """Billions of operations that Concrete's optimizer counts for a sample of a case at 4 bits."""
    _, module = quantized(case, 4)
    if not module.program.n_lookups and module.program.is_affine:
        return "0"
    gop = module.compile(CircuitOptions(), engine="concrete").report.complexity
    return f"{gop:.2g}"


def known_complexity(page: str) -> Known:
    """Complexities that a page has."""
    rows = (line.strip("| ").split(" | ") for line in page.splitlines() if line.startswith("| "))
    return {(r[0], r[3]): r[4] for r in rows if len(r) == _N_COLUMNS}


def table(known: Known, *, compiles: bool) -> str:
    """All operators, with a count."""
    names = sorted(ONNX_OPS_TO_NUMPY_IMPL, key=str.lower)
    n_quantized = len(ONNX_OPS_TO_QUANTIZED_IMPL.keys() | DECOMPOSED.keys())
    lines = [
        f"{len(names)} operators in NumPy, {n_quantized} quantized.",
        "",
        "| operator | quantized, tested under encryption | example | bootstraps, of bits | Gop |",
        "|---|---|---|---|---|",
        *(row(name, known, compiles=compiles) for name in names),
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
    checks = "--check" in sys.argv
    operators = OPERATORS.read_text(encoding="utf-8")
    lines_of_operators = table(known_complexity(operators), compiles=not checks)
    tables = {"operators": (OPERATORS, lines_of_operators), "zoo": (ZOO_PAGE, zoo_table())}
    for mark, (path, lines) in tables.items():
        page = path.read_text(encoding="utf-8")
        fresh = refreshed(page, mark, lines)
        if not checks:
            path.write_text(fresh, encoding="utf-8")
        elif fresh != page:
            sys.exit(f"{path.name} is stale: run make supported-ops")


if __name__ == "__main__":
    main()
