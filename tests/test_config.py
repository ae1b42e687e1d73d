"""Settings of a block: what they reach, and that they end with it."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor

import pytest
from joblib import Parallel, delayed

from cml_sklearn.config import AUTO, ENGINES, config_context, current_engine, resolve_mode
from cml_sklearn.exceptions import InvalidInputError
from cml_sklearn.fhe.engines import choose_engine
from tests.programs import linear_program


def test_blocks_set_and_reset() -> None:
    assert (resolve_mode(None), current_engine()) == (False, AUTO)
    with config_context(execute_in_fhe="simulate"):
        assert (resolve_mode(None), current_engine()) == ("simulate", AUTO)
        with config_context(engine="clear"):
            assert (resolve_mode(None), current_engine()) == ("simulate", "clear")
            assert choose_engine(linear_program()).engine.name == "clear"
        assert current_engine() == AUTO
    assert (resolve_mode(None), current_engine()) == (False, AUTO)


def test_an_error_ends_the_block() -> None:
    with pytest.raises(KeyError), config_context(execute_in_fhe=True, engine="clear"):
        raise KeyError
    assert (resolve_mode(None), current_engine()) == (False, AUTO)


def test_an_argument_wins_over_the_block() -> None:
    with config_context(execute_in_fhe=True):
        assert resolve_mode(False) is False
        assert resolve_mode("simulate") == "simulate"


@pytest.mark.parametrize("mode", [1, 0, "yes", "Simulate", 2.0])
def test_unknown_modes_are_refused(mode: object) -> None:
    with pytest.raises(InvalidInputError, match=r"execute_in_fhe is .*; it must be False"):
        resolve_mode(mode)  # type: ignore[arg-type]
    with (
        pytest.raises(InvalidInputError, match="execute_in_fhe is"),
        config_context(
            execute_in_fhe=mode  # type: ignore[arg-type]
        ),
    ):
        pass


@pytest.mark.parametrize("engine", ["", "Concrete", 3])
def test_unknown_engines_are_refused(engine: object) -> None:
    with (
        pytest.raises(
            InvalidInputError,
            match="one of 'auto', 'seal', 'concrete', 'concrete-numpy', 'clear'",
        ),
        config_context(engine=engine),  # type: ignore[arg-type]
    ):
        pass
    assert current_engine() == AUTO


@pytest.mark.parametrize("name", [AUTO, *ENGINES])
def test_every_engine_is_found(name: str) -> None:
    engine = choose_engine(linear_program(), name).engine
    assert engine.name == ("seal" if name == AUTO else name)
    assert choose_engine(linear_program(), engine).engine is engine


def settings() -> tuple[object, str]:
    return resolve_mode(None), current_engine()


def test_threads_and_processes_share_the_setting() -> None:
    with config_context(execute_in_fhe="simulate", engine="clear"):
        with ThreadPoolExecutor(1) as pool:
            assert pool.submit(settings).result() == ("simulate", "clear")
        results = Parallel(n_jobs=2)(delayed(settings)() for _ in range(2))
        assert results == [("simulate", "clear")] * 2


def test_blocks_that_threads_close_in_another_order_leave_nothing() -> None:
    first, second = config_context(execute_in_fhe=True), config_context(execute_in_fhe="simulate")
    first.__enter__()
    second.__enter__()
    first.__exit__(None, None, None)
    assert resolve_mode(None) == "simulate"
    second.__exit__(None, None, None)
    assert resolve_mode(None) is False
