"""The house rules that hold everywhere, checked on the source itself. Nothing here runs the program but one test."""

import ast
import re
import subprocess
import sys
from collections.abc import Iterator
from functools import cache
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parent.parent
PACKAGES = ("engine", "trainers", "tui_chat")
MAY_IMPORT = {"engine": {"engine"}, "trainers": {"trainers", "engine"}, "tui_chat": set(PACKAGES)}
TORCH_ROOMS = ("engine/models/", "trainers/methods/")
HEAVY = {"torch", "transformers", "numpy", "safetensors", "peft", "trl"}
LONGEST_FILE, LONGEST_FUNCTION, MEDIAN_FUNCTION = 350, 80, 10  # lines

MAY_CATCH_EVERYTHING = {
    "engine/__main__.py": "the outermost loop: what escapes ends in the log with its traceback",
    "trainers/__main__.py": "the outermost loop: what escapes ends in the run's log and status",
    "engine/tokenizers/bpe.py": "a panic inside tiktoken is not an Exception and has no importable class",
    "engine/tokenizers/hugging_face.py": "the library raises bare Exception",
}

Function = ast.FunctionDef | ast.AsyncFunctionDef


@cache
def sources() -> dict[str, str]:
    """Path from the root -> text, of every module we ship."""
    files = [file for package in PACKAGES for file in sorted((ROOT / package).rglob("*.py"))]
    return {file.relative_to(ROOT).as_posix(): file.read_text(encoding="utf-8") for file in files}


@cache
def tree_of(path: str) -> ast.Module:
    return ast.parse(sources()[path])


def modules() -> list[str]:
    return list(sources())


def lines(found: Iterator[str]) -> str:
    return "\n".join(sorted(found))


def imports(nodes: Iterator[ast.AST]) -> Iterator[tuple[int, str]]:
    """(line, module) of the imports among `nodes`."""
    for node in nodes:
        if isinstance(node, ast.Import):
            yield from ((node.lineno, alias.name) for alias in node.names)
        elif isinstance(node, ast.ImportFrom) and node.module:
            yield node.lineno, node.module
            yield from ((node.lineno, f"{node.module}.{alias.name}") for alias in node.names)


def executed_on_import(tree: ast.AST) -> Iterator[ast.AST]:
    """Every node but those inside functions and `if TYPE_CHECKING`."""
    for node in ast.iter_child_nodes(tree):
        is_type_checking = isinstance(node, ast.If) and "TYPE_CHECKING" in ast.unparse(node.test)
        if not isinstance(node, Function) and not is_type_checking:
            yield node
            yield from executed_on_import(node)


def functions(path: str) -> Iterator[Function]:
    return (node for node in ast.walk(tree_of(path)) if isinstance(node, Function))


def length(function: Function) -> int:
    """Lines of a function without its decorators and docstring."""
    assert function.end_lineno
    docstring = function.body[0] if ast.get_docstring(function) else None
    of_docstring = docstring.end_lineno - docstring.lineno + 1 if docstring and docstring.end_lineno else 0
    return function.end_lineno - function.lineno + 1 - of_docstring


def test_imports_point_one_way_only() -> None:
    wrong = (
        f"{path}:{line} imports {name}"
        for path in modules()
        for line, name in imports(ast.walk(tree_of(path)))
        if name.split(".")[0] in PACKAGES and name.split(".")[0] not in MAY_IMPORT[path.split("/")[0]]
    )
    assert lines(wrong) == ""


def test_torch_is_imported_in_its_two_rooms_only() -> None:
    wrong = (
        f"{path}:{line} imports {name}"
        for path in modules()
        if not path.startswith(TORCH_ROOMS)
        for line, name in imports(executed_on_import(tree_of(path)))
        if name.split(".")[0] in HEAVY - {"numpy"} or is_in_a_torch_room(name)
    )
    assert lines(wrong) == ""


def is_in_a_torch_room(module: str) -> bool:
    return f"{module.replace('.', '/')}/".startswith(TORCH_ROOMS)


def test_the_app_never_imports_torch_not_even_later() -> None:
    wrong = (
        f"{path}:{line} imports {name}"
        for path in modules()
        if path.startswith("tui_chat/")
        for line, name in imports(ast.walk(tree_of(path)))
        if name.split(".")[0] in HEAVY or is_in_a_torch_room(name)
    )
    assert lines(wrong) == ""


def test_opening_the_app_loads_neither_torch_nor_transformers_nor_numpy(tmp_path: Path) -> None:
    code = f"""
import asyncio, sys
from engine.paths import config_path
from tui_chat.app import TuiChatApp
from tui_chat.config import load_config

async def main():
    async with TuiChatApp(load_config(config_path())).run_test(size=(120, 40)) as pilot:
        await pilot.pause()
        print(sorted({HEAVY!r} & set(sys.modules)))

asyncio.run(main())
"""
    environment = {
        "TUI_CHAT_HOME": str(tmp_path),
        "PYTHONPATH": str(ROOT),
        "TERM": "xterm-256color",
        "PATH": "",
    }
    done = subprocess.run(
        [sys.executable, "-c", code], env=environment, capture_output=True, text=True, timeout=60
    )
    assert done.stdout.splitlines()[-1:] == ["[]"], done.stderr[-2000:]


def test_no_module_imports_itself_around_a_corner() -> None:
    graph = {name_of(path): imported_modules(path) for path in modules()}
    done: set[str] = set()

    def visit(module: str, trail: list[str]) -> None:
        assert module not in trail, " -> ".join([*trail[trail.index(module) :], module])
        if module not in done:
            for imported in sorted(graph[module]):
                visit(imported, [*trail, module])
            done.add(module)

    for module in graph:
        visit(module, [])


def name_of(path: str) -> str:
    return path.removesuffix(".py").removesuffix("/__init__").replace("/", ".")


def imported_modules(path: str) -> set[str]:
    known = {name_of(other) for other in modules()}
    found = {name for _, name in imports(executed_on_import(tree_of(path))) if name in known}
    return found - {name_of(path), name_of(path).rpartition(".")[0]} - packages_of(found)


def packages_of(names: set[str]) -> set[str]:
    """`from a.b import c` names a.b too; where a.b.c is a module of ours, that is the one meant."""
    return {name.rpartition(".")[0] for name in names}


def test_every_module_says_what_lives_there() -> None:
    assert [path for path in modules() if len(ast.get_docstring(tree_of(path)) or "") < 20] == []


def test_no_module_is_a_junk_drawer() -> None:
    names = {path.rsplit("/")[-1] for path in modules()}
    assert not names & {"utils.py", "util.py", "helpers.py", "common.py", "misc.py"}
    classes = {
        node.name for path in modules() for node in ast.walk(tree_of(path)) if isinstance(node, ast.ClassDef)
    }
    assert [name for name in classes if name.endswith(("Manager", "Helper", "Handler", "Utils"))] == []


def test_files_are_short() -> None:
    long = (
        f"{path}: {text.count(chr(10))}"
        for path, text in sources().items()
        if text.count("\n") > LONGEST_FILE
    )
    assert lines(long) == ""


def test_functions_are_short() -> None:
    found = [
        (length(function), f"{path}:{function.name}") for path in modules() for function in functions(path)
    ]
    assert [place for size, place in found if size > LONGEST_FUNCTION] == []
    sizes = sorted(size for size, _ in found)
    assert sizes[len(sizes) // 2] <= MEDIAN_FUNCTION


def test_everything_is_caught_only_in_the_outermost_loop_of_a_process() -> None:
    wrong = (
        f"{path}:{node.lineno}"
        for path in modules()
        if path not in MAY_CATCH_EVERYTHING
        for node in ast.walk(tree_of(path))
        if isinstance(node, ast.ExceptHandler)
        and (node.type is None or {"Exception", "BaseException"} & names_in(node.type))
        and not ends_in_raise(node)
    )
    assert lines(wrong) == ""


def names_in(node: ast.AST) -> set[str]:
    return {part.id for part in ast.walk(node) if isinstance(part, ast.Name)}


def ends_in_raise(handler: ast.ExceptHandler) -> bool:
    """Cleaning up and passing the same exception on is not catching it."""
    return isinstance(handler.body[-1], ast.Raise) and handler.body[-1].exc is None


def calls(path: str) -> Iterator[ast.Call]:
    return (node for node in ast.walk(tree_of(path)) if isinstance(node, ast.Call))


def called(call: ast.Call) -> str:
    """`self.app.notify(...)` as "notify"."""
    return call.func.attr if isinstance(call.func, ast.Attribute) else getattr(call.func, "id", "")


def keyword(call: ast.Call, name: str) -> ast.expr | None:
    return next((keyword.value for keyword in call.keywords if keyword.arg == name), None)


def is_constant(node: ast.expr | None, value: object) -> bool:
    return isinstance(node, ast.Constant) and node.value is value


def test_no_pickle_is_ever_loaded_or_written() -> None:
    modules_with_pickle = (
        f"{path}:{line} imports {name}"
        for path in modules()
        for line, name in imports(ast.walk(tree_of(path)))
        if name.split(".")[0] in {"pickle", "cPickle", "dill", "cloudpickle", "shelve", "joblib", "marshal"}
    )
    assert lines(modules_with_pickle) == ""
    loads = (
        f"{path}:{call.lineno}"
        for path in modules()
        for call in calls(path)
        if ast.unparse(call.func) in ("torch.load", "torch.save")
        and not (called(call) == "load" and is_constant(keyword(call, "weights_only"), True))
    )
    assert lines(loads) == ""
    arrays = (
        f"{path}:{call.lineno}"
        for path in modules()
        for call in calls(path)
        if (value := keyword(call, "allow_pickle")) is not None and not is_constant(value, False)
    )
    assert lines(arrays) == ""


def test_code_that_comes_with_a_model_is_never_trusted_unasked() -> None:
    wrong = (
        f"{path}:{call.lineno}"
        for path in modules()
        for call in calls(path)
        if is_constant(keyword(call, "trust_remote_code"), True)
    )
    assert lines(wrong) == ""


# Textual reads a plain string in these as markup: `[/]` in it ends the app, `[@click=...]` runs an action
MARKUP_WIDGETS = {"Static", "Label", "Button", "Checkbox", "RadioButton", "Collapsible", "Option", "notify"}
MARKUP_FREE = re.compile(r"^(plain|Content|Text|highlight)\b|\.(styled|assemble|from_markup|join)\(")


def may_hold_markup(node: ast.expr | None) -> bool:
    """Is it a text that was put together from parts, and was not made literal?"""
    if node is None or isinstance(node, ast.Constant) or MARKUP_FREE.search(ast.unparse(node)):
        return False
    is_built = isinstance(node, (ast.JoinedStr, ast.BinOp))
    return is_built or (
        isinstance(node, ast.Call) and called(node) in ("str", "format", "join", "visible", "one_line")
    )


@pytest.mark.parametrize(
    ("argument", "is_found"),
    [
        ("f'{reply}'", True),
        ("'Model: ' + name", True),
        ("str(error)", True),
        ("visible(name)", True),
        ("'Settings'", False),
        ("plain(f'{reply}')", False),
        ("Content.styled(name, 'bold')", False),
    ],
)
def test_the_markup_rules_see_what_they_forbid(argument: str, is_found: bool) -> None:
    assert may_hold_markup(ast.parse(argument, mode="eval").body) is is_found


def test_no_text_made_from_parts_is_read_as_markup() -> None:
    wrong = (
        f"{path}:{call.lineno} {called(call)}(...): give it plain(...) or markup=False"
        for path in modules()
        if path.startswith("tui_chat/")
        for call in calls(path)
        if called(call) in MARKUP_WIDGETS
        and call.args
        and may_hold_markup(call.args[0])
        and not is_constant(keyword(call, "markup"), False)
    )
    assert lines(wrong) == ""


def test_no_update_of_a_widget_is_read_as_markup() -> None:
    wrong = (
        f"{path}:{call.lineno} update(...): give it plain(...)"
        for path in modules()
        if path.startswith(("tui_chat/screens/", "tui_chat/widgets/"))
        for call in calls(path)
        if called(call) == "update"
        and isinstance(call.func, ast.Attribute)
        and call.args
        and isinstance(call.args[0], ast.JoinedStr)
    )
    assert lines(wrong) == ""


def test_borders_and_tooltips_are_not_read_as_markup() -> None:
    wrong = (
        f"{path}:{node.lineno} {target.attr} = ...: give it plain(...)"
        for path in modules()
        if path.startswith("tui_chat/")
        for node in ast.walk(tree_of(path))
        if isinstance(node, ast.Assign)
        for target in node.targets
        if isinstance(target, ast.Attribute)
        and target.attr in ("border_title", "border_subtitle", "tooltip")
        and may_hold_markup(node.value)
    )
    assert lines(wrong) == ""


def test_links_of_a_model_are_never_opened_by_textual() -> None:
    wrong = (
        f"{path}:{call.lineno}"
        for path in modules()
        for call in calls(path)
        if called(call) == "Markdown" and not is_constant(keyword(call, "open_links"), False)
    )
    assert lines(wrong) == ""


def test_workers_are_started_in_one_way() -> None:
    """Which takes a function: a coroutine whose worker never began would be awaited by nobody."""
    rooms = {path for path in modules() for call in calls(path) if called(call) == "run_worker"}
    assert rooms == {"tui_chat/workers.py"}


def test_children_are_never_started_with_multiprocessing_or_a_shell() -> None:
    wrong = (
        f"{path}:{line} imports {name}"
        for path in modules()
        for line, name in imports(ast.walk(tree_of(path)))
        if name.split(".")[0] == "multiprocessing"
    )
    assert lines(wrong) == ""
    shells = (
        f"{path}:{call.lineno}"
        for path in modules()
        for call in calls(path)
        if is_constant(keyword(call, "shell"), True)
        or ast.unparse(call.func) in ("os.system", "eval", "exec")
    )
    assert lines(shells) == ""


def test_no_path_of_one_machine_is_written_down() -> None:
    wrong = (path for path, text in sources().items() if re.search(r"[\"'](/home/|/Users/|/root/)", text))
    assert lines(wrong) == ""


def test_what_a_dialog_says_of_its_size_holds() -> None:
    """The app's style sheet has rules for every `.dialog`; it beats DEFAULT_CSS, and is beaten by CSS."""
    wrong = (
        path
        for path, text in sources().items()
        for css in re.findall(r'\bDEFAULT_CSS = """(.*?)"""', text, re.DOTALL)
        if re.search(r"\.dialog \{", css)
    )
    assert lines(wrong) == ""
