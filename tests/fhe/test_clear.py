"""The reference engine finds what circuits would answer silently wrong."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from cml_sklearn.exceptions import BitWidthError, InvalidInputError
from cml_sklearn.fhe.clear import ClearEngine
from cml_sklearn.fhe.clear.engine import ClearClient, ClearServer
from cml_sklearn.fhe.protocol import CircuitOptions
from cml_sklearn.program.builder import ProgramBuilder
from cml_sklearn.program.steps import Declare
from tests.programs import codes_for, lookup_program, range_to


def test_ranges_that_do_not_hold_are_found() -> None:
    builder = ProgramBuilder([range_to(7, 2)])
    program = builder.build([builder.add(Declare(3), 0)])
    circuit = ClearEngine().compile(program, CircuitOptions())
    circuit.simulate(np.array([[3, 0]]))
    with pytest.raises(BitWidthError, match="makes integers from 0 to 4, outside the proven range"):
        circuit.simulate(np.array([[4, 0]]))


def test_inputs_out_of_range_or_shape_are_refused() -> None:
    client = ClearEngine().compile(lookup_program(), CircuitOptions()).client
    with pytest.raises(BitWidthError, match="input 0"):
        client.encrypt(np.array([[4, 0]]))
    with pytest.raises(InvalidInputError, match="input 0 has the shape"):
        client.encrypt(np.array([[1, 0, 0]]))


def test_other_keys_are_refused() -> None:
    ours, theirs = (ClearEngine().compile(lookup_program(), CircuitOptions()) for _ in range(2))
    encrypted = ours.client.encrypt(*codes_for(lookup_program(), 2))
    with pytest.raises(InvalidInputError, match="other keys"):
        ours.server.run(encrypted, theirs.client.evaluation_keys)
    with pytest.raises(InvalidInputError, match="other keys"):
        theirs.client.decrypt(encrypted)


def test_halves_are_saved_and_loaded(tmp_path: Path) -> None:
    program = lookup_program()
    circuit = ClearEngine().compile(program, CircuitOptions())
    circuit.client.save(tmp_path / "client")
    circuit.server.save(tmp_path / "server")
    client = ClearClient.load(tmp_path / "client")
    server = ClearServer.load(tmp_path / "server")
    codes = codes_for(program, 3)
    answer = server.run(client.encrypt(*codes), client.evaluation_keys)
    np.testing.assert_array_equal(client.decrypt(answer)[0], program(*codes)[0])


def test_the_report_counts_lookups() -> None:
    report = ClearEngine().compile(lookup_program(), CircuitOptions()).report
    assert replace(report, p_error=0.5).engine == "clear"
    assert (report.pbs_count, report.pbs_by_width, report.security_bits) == (2, {2: 2}, 0)
    assert (report.max_bit_width, report.input_bytes, report.output_bytes) == (2, 16, 16)
