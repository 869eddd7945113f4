"""The shape of the code, held by `ast`: who may import whom, and what no file may contain.

Each rule is a generator of offences (line, what is wrong and the remedy) over one file. Every rule
runs over every file, so a failure names rule, file and line; and every rule is shown to catch a
small bad file, so that none can go blind.
"""

from __future__ import annotations

import ast
import subprocess
import sys
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parent.parent
PACKAGES = ("cell_models", "packs", "controllers", "twin", "validation")
ALLOWED = {  # package -> prefixes of our modules that it may import, besides itself
    "cell_models": (),
    "packs": ("cell_models",),
    "controllers": ("cell_models.jit",),
    "twin": ("cell_models", "packs", "controllers"),
    "validation": PACKAGES,
}
PYBAMM_HOMES = ("cell_models/", "validation/")
CLI = ("twin/__main__.py", "twin/cli/")
NAMES = {"utils", "util", "common", "helpers", "helper", "manager", "managers", "base"}
FILE_LINES, FUNCTION_LINES, KERNEL_LINES = 400, 60, 80
COMPILERS = {"kernel", "njit", "jit", "vectorize", "guvectorize", "cfunc"}
UNSAFE_MODULES = {"pickle", "cPickle", "dill", "cloudpickle", "marshal", "shelve"}

Offence = tuple[int, str]
FunctionNode = (ast.FunctionDef, ast.AsyncFunctionDef)


@dataclass(frozen=True)
class Import:
    module: str
    line: int
    lazy: bool  # inside a function, or for the type checker alone


@dataclass(frozen=True)
class Source:
    path: str  # relative to the root, with slashes
    text: str

    @cached_property
    def tree(self) -> ast.Module:
        return ast.parse(self.text, self.path)

    @property
    def package(self) -> str:
        return self.path.split("/")[0]

    @property
    def is_cli(self) -> bool:
        return self.path.startswith(CLI)

    @cached_property
    def imports(self) -> list[Import]:
        return list(_imports(self.tree, self.path, lazy=False))


def _imports(node: ast.AST, path: str, lazy: bool) -> Iterator[Import]:
    """Yield every import below a node, `import_module("literal")` included."""
    for child in ast.iter_child_nodes(node):
        if isinstance(child, ast.Import):
            yield from (Import(alias.name, child.lineno, lazy) for alias in child.names)
        elif isinstance(child, ast.ImportFrom):
            module = child.module or ""
            if child.level:
                folder = path.split("/")[: -child.level]
                module = ".".join([*folder, *([module] if module else [])])
            # `from a import b` may name the module a.b: rules compare prefixes of the longer name
            yield from (Import(f"{module}.{a.name}", child.lineno, lazy) for a in child.names)
        elif isinstance(child, ast.Call) and _called(child) in ("import_module", "__import__"):
            first = child.args[0] if child.args else None
            if isinstance(first, ast.Constant) and isinstance(first.value, str):
                yield Import(first.value, child.lineno, lazy)
        inside = isinstance(child, (*FunctionNode, ast.Lambda)) or (
            isinstance(child, ast.If) and "TYPE_CHECKING" in ast.unparse(child.test)
        )
        yield from _imports(child, path, lazy or inside)


def _called(call: ast.Call) -> str:
    """Return the last name of what is called: `f` for `f(x)` and for `a.f(x)`."""
    return _last_name(call.func)


def _last_name(node: ast.AST) -> str:
    if isinstance(node, ast.Call):
        return _last_name(node.func)
    return node.attr if isinstance(node, ast.Attribute) else getattr(node, "id", "")


def _is(module: str, *names: str) -> bool:
    """Tell whether a module is one of these, or inside one of them."""
    return any(module == name or module.startswith(name + ".") for name in names)


def _is_kernel(function: ast.AST) -> bool:
    return any(_last_name(d) in COMPILERS for d in getattr(function, "decorator_list", ()))


# ---- the rules ---------------------------------------------------------------------------------


def imports_follow_the_folders(source: Source) -> Iterator[Offence]:
    allowed = (source.package, *ALLOWED[source.package])
    for found in source.imports:
        if _is(found.module, "tests", "pytest"):
            yield found.line, f"imports {found.module}: product code does not know its tests"
        if not _is(found.module, *PACKAGES) or _is(found.module, *allowed):
            continue
        if _is(found.module, "validation") and source.is_cli:
            continue
        yield (
            found.line,
            f"imports {found.module}, but {source.package} may import only {', '.join(allowed)}: "
            "hand the value in as a plain array, or move the code to the folder that may",
        )


def pybamm_is_lazy_and_at_home(source: Source) -> Iterator[Offence]:
    for found in source.imports:
        if not _is(found.module, "pybamm", "pybammsolvers"):
            continue
        if not source.path.startswith(PYBAMM_HOMES):
            yield found.line, "imports pybamm: only cell_models and validation do; call them"
        elif not found.lazy:
            yield found.line, "imports pybamm at module level (seconds): import in the function"


def init_holds_a_docstring_and_no_logic(source: Source) -> Iterator[Offence]:
    if not source.path.endswith("/__init__.py"):
        return
    if not (ast.get_docstring(source.tree) or "").strip():
        yield 1, "has no docstring: say in one line each what the files of the folder are"
    if source.path == "twin/__init__.py":  # lazy access to the public names, checked by running it
        yield from ((f.line, f"imports {f.module} eagerly") for f in source.imports if _heavy(f))
        return
    for node in source.tree.body[1:]:
        yield node.lineno, "holds code: move it to a file with a name, leave the docstring"


def _heavy(found: Import) -> bool:
    return not found.lazy and found.module.split(".")[0] not in sys.stdlib_module_names


def names_say_a_role(source: Source) -> Iterator[Offence]:
    for part in source.path.removesuffix(".py").split("/"):
        if part.lower() in NAMES:
            yield 1, f"is named {part!r}, which says no role: name it after what it does"


def files_are_short(source: Source) -> Iterator[Offence]:
    lines = len(source.text.splitlines())
    if lines > FILE_LINES:
        yield FILE_LINES, f"has {lines} lines, more than {FILE_LINES}: split it by role"


def functions_are_short(source: Source) -> Iterator[Offence]:
    for node in ast.walk(source.tree):
        if not isinstance(node, FunctionNode):
            continue
        lines = _code_lines(node)
        limit = KERNEL_LINES if _is_kernel(node) else FUNCTION_LINES
        if lines > limit:
            yield node.lineno, f"{node.name} has {lines} lines of code, more than {limit}: split it"


def _code_lines(function: ast.FunctionDef | ast.AsyncFunctionDef) -> int:
    """Count from `def` to the end, without the docstring: an explained kernel is not a long one."""
    lines = (function.end_lineno or function.lineno) - function.lineno + 1
    first = function.body[0]
    if ast.get_docstring(function, clean=False) is not None:
        lines -= (first.end_lineno or first.lineno) - first.lineno + 1
    return lines


def nothing_is_asserted(source: Source) -> Iterator[Offence]:
    for node in ast.walk(source.tree):
        if isinstance(node, ast.Assert):
            yield (
                node.lineno,
                "asserts (gone under python -O): raise an error that says what is wrong, "
                "or return a status from a kernel",
            )


def nothing_is_printed_below_the_cli(source: Source) -> Iterator[Offence]:
    for node in ast.walk(source.tree):
        if not isinstance(node, ast.Call) or source.is_cli:
            continue
        if getattr(node.func, "id", "") == "print":
            yield node.lineno, "prints: return the text or record an event; the CLI prints"
        elif ast.unparse(node.func) in ("sys.stdout.write", "sys.stderr.write"):
            yield node.lineno, "writes to the terminal: return the text; the CLI prints"


def no_text_becomes_code(source: Source) -> Iterator[Offence]:
    for found in source.imports:
        if found.module.split(".")[0] in UNSAFE_MODULES:
            yield found.line, f"imports {found.module}: store arrays, JSON or HDF5 instead"
    for node in ast.walk(source.tree):
        if isinstance(node, ast.Call) and getattr(node.func, "id", "") in ("eval", "exec"):
            yield node.lineno, "runs text as code: parse it, or look it up in a table"
        if isinstance(node, ast.keyword) and node.arg == "allow_pickle":
            if not (isinstance(node.value, ast.Constant) and node.value.value is False):
                yield node.value.lineno, "allows pickles: store plain arrays"


def kernels_stand_at_module_level(source: Source) -> Iterator[Offence]:
    if source.path == "cell_models/jit.py":
        return
    remedy = "misses the disk cache: move it to module level and hand its values in as arguments"
    for outer in ast.walk(source.tree):
        if not isinstance(outer, FunctionNode):
            continue
        for node in (n for statement in outer.body for n in ast.walk(statement)):
            if isinstance(node, FunctionNode) and _is_kernel(node):
                yield node.lineno, f"compiled function {node.name} inside {outer.name} {remedy}"
            elif isinstance(node, ast.Call) and getattr(node.func, "id", "") in COMPILERS:
                yield node.lineno, f"compiling inside {outer.name} {remedy}"


def nothing_uses_fastmath(source: Source) -> Iterator[Offence]:
    for node in ast.walk(source.tree):
        word = node.arg if isinstance(node, ast.keyword) else getattr(node, "value", None)
        if isinstance(node, ast.keyword | ast.Constant) and word == "fastmath":
            yield (
                getattr(node, "lineno", 1),
                "uses fastmath, which breaks NaN checks and bit-equal runs: use @kernel as it is",
            )


Rule = Callable[[Source], Iterator[Offence]]
RULES: tuple[Rule, ...] = (
    imports_follow_the_folders,
    pybamm_is_lazy_and_at_home,
    init_holds_a_docstring_and_no_logic,
    names_say_a_role,
    files_are_short,
    functions_are_short,
    nothing_is_asserted,
    nothing_is_printed_below_the_cli,
    no_text_becomes_code,
    kernels_stand_at_module_level,
    nothing_uses_fastmath,
)
RULES_OF_TESTS: tuple[Rule, ...] = (names_say_a_role, files_are_short)


# ---- the rules on our files --------------------------------------------------------------------


def _paths(*folders: str) -> list[str]:
    found = (path for folder in folders for path in (ROOT / folder).rglob("*.py"))
    return sorted(path.relative_to(ROOT).as_posix() for path in found)


def _read(path: str) -> Source:
    return Source(path, (ROOT / path).read_text(encoding="utf-8"))


def _fail(offences: list[str]) -> None:
    if offences:
        pytest.fail("\n" + "\n".join(offences), pytrace=False)


@pytest.mark.parametrize("path", _paths(*PACKAGES))
def test_product_file_keeps_the_rules(path: str) -> None:
    source = _read(path)
    _fail([f"{path}:{n}: {what} ({r.__name__})" for r in RULES for n, what in r(source)])


@pytest.mark.parametrize("path", _paths("tests"))
def test_test_file_keeps_the_rules(path: str) -> None:
    source = _read(path)
    _fail([f"{path}:{n}: {what} ({r.__name__})" for r in RULES_OF_TESTS for n, what in r(source)])


@pytest.mark.parametrize("package", PACKAGES)
def test_package_has_an_init_with_a_map(package: str) -> None:
    path = ROOT / package / "__init__.py"
    assert path.is_file(), f"{package}/__init__.py is missing: write the map of the folder in it"


def _importers(*modules: str) -> list[str]:
    sources = map(_read, _paths(*PACKAGES))
    return [s.path for s in sources if any(_is(found.module, *modules) for found in s.imports)]


def test_h5py_is_imported_in_one_file() -> None:
    files = _importers("h5py")
    assert len(files) == 1, f"h5py in {files}: one file knows the run format; call that one"


def test_matplotlib_is_imported_in_two_files_and_late() -> None:
    files = _importers("matplotlib")
    assert len(files) <= 2, f"matplotlib in {files}: draw in one of two files; call that one"
    eager = [
        path.removesuffix(".py").replace("/", ".")
        for path in files
        if any(_is(f.module, "matplotlib") and not f.lazy for f in _read(path).imports)
    ]
    _fail(
        [
            f"{path}:{found.line}: imports {found.module} and so matplotlib at module level "
            "(half a second for every command): import it in the function"
            for path in _paths(*PACKAGES)
            for found in _read(path).imports
            if eager and not found.lazy and _is(found.module, *eager)
        ]
    )


def test_import_twin_is_cheap_and_its_names_are_functions() -> None:
    code = (
        "import sys, twin\n"
        "heavy = {'numpy', 'numba', 'scipy', 'pydantic', 'pybamm', 'h5py', 'matplotlib'}\n"
        "sys.exit(' '.join(sorted(heavy & set(sys.modules))) or None)"
    )
    done = subprocess.run([sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True)
    assert done.returncode == 0, f"`import twin` imports {done.stderr}: import late"


def test_importing_the_module_build_leaves_twin_build_a_function() -> None:
    import twin
    import twin.build

    assert callable(twin.build)
    assert callable(twin.load_scenario)
    assert callable(twin.open_run)


# ---- the rules catch what they are for ---------------------------------------------------------

BAD = [
    (imports_follow_the_folders, "cell_models/x.py", "from packs.spec import Spec"),
    (imports_follow_the_folders, "packs/x.py", "import controllers"),
    (imports_follow_the_folders, "packs/x.py", "def f():\n    from twin import engine"),
    (imports_follow_the_folders, "controllers/x.py", "from cell_models import ecm"),
    (imports_follow_the_folders, "controllers/x.py", "import_module('packs.state')"),
    (imports_follow_the_folders, "controllers/x.py", "from ..packs import state"),
    (imports_follow_the_folders, "twin/x.py", "import validation"),
    (imports_follow_the_folders, "twin/x.py", "from tests.conftest import data_dir"),
    (pybamm_is_lazy_and_at_home, "packs/x.py", "def f():\n    import pybamm"),
    (pybamm_is_lazy_and_at_home, "cell_models/x.py", "import pybamm"),
    (init_holds_a_docstring_and_no_logic, "packs/__init__.py", ""),
    (init_holds_a_docstring_and_no_logic, "packs/__init__.py", '"""Map."""\nx = 1'),
    (init_holds_a_docstring_and_no_logic, "twin/__init__.py", '"""Map."""\nimport twin.load'),
    (names_say_a_role, "packs/utils.py", ""),
    (names_say_a_role, "packs/common/x.py", ""),
    (files_are_short, "packs/x.py", "x = 1\n" * (FILE_LINES + 1)),
    (functions_are_short, "packs/x.py", "def f():\n" + "    x = 1\n" * FUNCTION_LINES),
    (functions_are_short, "packs/x.py", "@kernel\ndef f():\n" + "    x = 1\n" * KERNEL_LINES),
    (nothing_is_asserted, "packs/x.py", "assert True"),
    (nothing_is_printed_below_the_cli, "twin/engine.py", "print('here')"),
    (no_text_becomes_code, "twin/x.py", "eval('1')"),
    (no_text_becomes_code, "twin/x.py", "import pickle"),
    (no_text_becomes_code, "twin/x.py", "np.load(f, allow_pickle=True)"),
    (kernels_stand_at_module_level, "packs/x.py", "def f():\n    @kernel\n    def g(): ..."),
    (kernels_stand_at_module_level, "packs/x.py", "def f(g):\n    return kernel(g)"),
    (nothing_uses_fastmath, "packs/x.py", "@njit(fastmath=True)\ndef f(): ..."),
    (nothing_uses_fastmath, "packs/x.py", "options = {'fastmath': True}"),
]
GOOD = [
    ("controllers/x.py", "from cell_models.jit import kernel\nimport controllers.ports"),
    ("controllers/x.py", "from cell_models import jit\nfrom .ports import Measurements"),
    ("packs/x.py", '@kernel\ndef f():\n    """No fastmath.' + "\n" * 90 + '"""'),
    ("twin/__main__.py", "def main():\n    import validation.report\n    print('done')"),
    ("cell_models/x.py", "if TYPE_CHECKING:\n    import pybamm"),
]


@pytest.mark.parametrize(("rule", "path", "text"), BAD)
def test_rule_catches_a_bad_file(rule: Rule, path: str, text: str) -> None:
    assert list(rule(Source(path, text)))


@pytest.mark.parametrize(("path", "text"), GOOD)
def test_rules_pass_a_good_file(path: str, text: str) -> None:
    assert [offence for rule in RULES for offence in rule(Source(path, text))] == []
