"""``polymm config`` and ``polymm version`` as a user types them: output, errors, exit codes."""

import json
import tomllib
from collections.abc import Callable
from pathlib import Path

import pytest

from polymm import __version__

Answer = tuple[int, str, str]


def test_help_documents_the_exit_codes(polymm: Callable[..., Answer]) -> None:
    code, out, _ = polymm("--help")
    assert code == 0
    for number, meaning in ((2, "usage"), (3, "configuration"), (42, "halted"), (130, "interr")):
        assert any(
            line.split()[:1] == [str(number)] and meaning in line for line in out.splitlines()
        )


def test_an_interrupt_while_loading_is_no_traceback(
    polymm: Callable[..., Answer], monkeypatch: pytest.MonkeyPatch
) -> None:
    def interrupted(**_: object) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr("polymm.cli.app.app", interrupted)
    assert polymm("run") == (130, "", "")


def test_version_in_words_and_json(polymm: Callable[..., Answer]) -> None:
    assert polymm("version")[1].startswith(f"polymm {__version__}\n")
    assert json.loads(polymm("version", "--json")[1])["polymm"] == __version__


@pytest.mark.parametrize(
    "arguments",
    [("sell",), ("config", "shw"), ("config", "show", "--nope"), ("config", "check", "a", "b")],
)
def test_wrong_usage_exits_with_2(
    polymm: Callable[..., Answer], arguments: tuple[str, ...]
) -> None:
    code, _, err = polymm(*arguments)
    assert code == 2
    assert "Traceback" not in err


def test_init_writes_a_file_that_check_and_show_take(polymm: Callable[..., Answer]) -> None:
    assert polymm("config", "init")[0] == 0
    code, out, _ = polymm("config", "check")
    assert code == 0
    assert "ok" in out
    code, out, _ = polymm("config", "show")
    assert code == 0
    assert "file polymm.toml" in out


def test_init_never_writes_over_a_file_unasked(
    polymm: Callable[..., Answer], tmp_path: Path
) -> None:
    (tmp_path / "mine.toml").write_text("[run]\nseed = 9\n")
    code, _, err = polymm("config", "init", "mine.toml")
    assert code == 3
    assert "already exists" in err
    assert (tmp_path / "mine.toml").read_text() == "[run]\nseed = 9\n"
    assert polymm("config", "init", "mine.toml", "--force")[0] == 0
    assert tomllib.loads((tmp_path / "mine.toml").read_text())["run"]["seed"] == 1


def test_init_into_nowhere_is_one_line(polymm: Callable[..., Answer]) -> None:
    code, out, err = polymm("config", "init", "no/such/folder.toml")
    assert (code, out, len(err.splitlines())) == (3, "", 1)


def test_check_of_a_wrong_file_exits_with_3_and_a_line_a_fault(
    polymm: Callable[..., Answer], tmp_path: Path
) -> None:
    (tmp_path / "wrong.toml").write_text("[strategy]\norder_size = 0\nk_inv = 'one cent'\n")
    code, out, err = polymm("config", "check", "wrong.toml")
    assert code == 3
    assert out == ""
    assert [line.split(": ")[0] for line in err.splitlines()] == ["polymm", "polymm"]
    assert "0.01..1000000 (shares)" in err


def test_check_of_a_missing_file_exits_with_3(polymm: Callable[..., Answer]) -> None:
    code, _, err = polymm("config", "check", "none.toml")
    assert (code, err) == (3, "polymm: none.toml: no such configuration file\n")


def test_show_tells_the_environment_and_is_json_when_asked(
    polymm: Callable[..., Answer], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("POLYMM__RUN__SEED", "7")
    table = json.loads(polymm("config", "show", "--json")[1])
    assert table["values"]["run.seed"] == {
        "value": 7,
        "unit": "number",
        "origin": "env POLYMM__RUN__SEED",
    }


def test_a_wrong_environment_exits_with_3(
    polymm: Callable[..., Answer], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("POLYMM__RUN__SEED", "many")
    code, _, err = polymm("config", "show")
    assert code == 3
    assert "env POLYMM__RUN__SEED: run.seed must be a whole number" in err


def test_schema_is_json(polymm: Callable[..., Answer]) -> None:
    assert json.loads(polymm("config", "schema")[1])["additionalProperties"] is False


def test_check_compiles_a_quoter_and_show_needs_none(polymm: Callable[..., Answer]) -> None:
    Path("polymm.toml").write_text('[strategy]\nquoter = "mine.py:wide"\n')
    assert polymm("config", "show")[0] == 0
    assert polymm("config", "check")[0] == 3
    Path("mine.py").write_text("def wide(state, params, quote):\n    quote.bidd_e4 = 1\n")
    code, out, err = polymm("config", "check")
    assert (code, out) == (3, "")
    assert "mine.py: quoter wide does not compile" in err
    Path("mine.py").write_text("def wide(state, params, quote):\n    quote.bid_e4 = 1\n")
    code, out, _ = polymm("config", "check")
    assert (code, out[:14]) == (0, "polymm.toml: o")
