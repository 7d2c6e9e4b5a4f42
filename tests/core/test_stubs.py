"""A stub is code: its names, parameters and defaults are those of the compiled module."""

import ast
import inspect
from importlib import import_module
from pathlib import Path
from types import GetSetDescriptorType

import pytest

import polymm._core

CORE = Path(polymm._core.__file__).parent
STUBS = sorted(path.stem for path in CORE.glob("*.pyi"))

Parameter = tuple[str, str | None]  # name, text of the default


def stub_body(module: str) -> list[ast.stmt]:
    return ast.parse((CORE / f"{module}.pyi").read_text()).body


def stub_parameters(function: ast.FunctionDef) -> list[Parameter]:
    a = function.args
    positional = [*a.posonlyargs, *a.args]
    defaults = [None] * (len(positional) - len(a.defaults)) + list(a.defaults)
    pairs = [
        *zip(positional, defaults, strict=True),
        *zip(a.kwonlyargs, a.kw_defaults, strict=True),
    ]
    return [
        (argument.arg, repr(ast.literal_eval(default)) if default else None)
        for argument, default in pairs
    ]


def real_parameters(function: object) -> list[Parameter]:
    return [
        (p.name, None if p.default is p.empty else repr(p.default))
        for p in inspect.signature(function).parameters.values()  # type: ignore[arg-type]
    ]


def same(stub: list[Parameter], real: list[Parameter]) -> bool:
    """Whether both agree; a default written `...` in the stub stands for any."""
    return len(stub) == len(real) and all(
        name == other and (default == value or (default == "Ellipsis" and value is not None))
        for (name, default), (other, value) in zip(stub, real, strict=True)
    )


@pytest.mark.parametrize("module", STUBS)
def test_every_function_of_a_stub_has_the_parameters_of_the_module(module: str) -> None:
    compiled = import_module(f"polymm._core.{module}")
    for entry in stub_body(module):
        if isinstance(entry, ast.FunctionDef):
            stub, real = stub_parameters(entry), real_parameters(getattr(compiled, entry.name))
            assert same(stub, real), f"{entry.name}: {stub} against {real}"


def stub_classes(module: str) -> list[tuple[ast.ClassDef, type]]:
    """The classes of a stub, each with the module's own."""
    compiled = import_module(f"polymm._core.{module}")
    return [
        (entry, getattr(compiled, entry.name))
        for entry in stub_body(module)
        if isinstance(entry, ast.ClassDef) and "Protocol" not in ast.unparse(entry)
    ]


def members(entry: ast.ClassDef) -> dict[str, ast.stmt]:
    return {
        member.name if isinstance(member, ast.FunctionDef) else ast.unparse(member.target): member
        for member in entry.body
        if isinstance(member, ast.FunctionDef | ast.AnnAssign)
    }


@pytest.mark.parametrize("module", STUBS)
def test_every_class_of_a_stub_has_the_public_members_of_the_real_one(module: str) -> None:
    for entry, real in stub_classes(module):
        if hasattr(real, "_fields"):
            assert tuple(members(entry)) == real._fields
            continue
        public = {name for name in vars(real) if not name.startswith("_")}
        assert set(members(entry)) - {"__init__"} == public, entry.name


@pytest.mark.parametrize("module", STUBS)
def test_every_method_of_a_stub_has_the_parameters_of_the_real_one(module: str) -> None:
    for entry, real in stub_classes(module):
        for name, member in members(entry).items():
            if not isinstance(member, ast.FunctionDef) or name == "__init__":
                continue  # a compiled class tells no signature of its own
            if isinstance(vars(real)[name], GetSetDescriptorType):
                assert [ast.unparse(d) for d in member.decorator_list] == ["property"]
                continue
            stub, found = stub_parameters(member), real_parameters(vars(real)[name])
            assert same(stub, found), f"{entry.name}.{name}: {stub} against {found}"


@pytest.mark.parametrize("module", STUBS)
def test_every_public_function_of_a_module_is_in_its_stub(module: str) -> None:
    compiled = import_module(f"polymm._core.{module}")
    stubbed = {entry.name for entry in stub_body(module) if isinstance(entry, ast.FunctionDef)}
    public = {
        name
        for name, value in vars(compiled).items()
        if getattr(value, "__module__", None) == compiled.__name__
        and not isinstance(value, type)
        and not name.startswith("_")
    }
    assert public <= stubbed
