"""Write the API reference: a page for every module of the package, from its docstrings, without network.

`make docs` calls it: python docs/build_api.py FOLDER. The folder is replaced. Same code, same bytes.
"""

import html
import pkgutil
import re
import shutil
import sys
import warnings
from collections.abc import Sequence
from pathlib import Path

import pdoc
import pdoc.render

import pipeline

ROOT = Path(__file__).resolve().parents[1]
# Left out: what pydantic says of a key without a default, and where in memory a function lies.
NOISE = re.compile(r'\s*=\s*<span class="default_value">PydanticUndefined</span>|PydanticUndefined| at 0x[0-9a-f]+')


def module_names() -> list[str]:
    """The packages to document, each with all that is public in it."""
    return ["pipeline", *(module.name for module in pkgutil.iter_modules(pipeline.__path__, "pipeline."))]


def docstring_html(text: str) -> str:
    """A docstring as HTML. It is plain text with code in backticks: `<row>` is no tag, drawings keep their lines."""
    parts = []
    for paragraph in re.split(r"\n\s*\n", text.strip()):
        escaped = re.sub(r"`([^`]+)`", r"<code>\1</code>", html.escape(paragraph, quote=False))
        tag = "pre" if re.search(r"^(\s|- )", paragraph, flags=re.MULTILINE) else "p"
        parts.append(f"<{tag}>{escaped}</{tag}>")
    return "\n".join(parts)


def write(names: Sequence[str], out: Path) -> None:
    """Replace the folder by the pages of modules and all below them. What pdoc cannot document is an error."""
    if "pipeline" in names:
        pipeline.__dict__["Recogniser"] = pipeline.Recogniser  # lazy for others, but pdoc looks into the module
    # No search: its index holds words of addresses in memory, so that its bytes would differ from run to run.
    pdoc.render.configure(docformat="markdown", show_source=False, search=False)
    pdoc.render.env.filters["to_html"] = docstring_html
    shutil.rmtree(out, ignore_errors=True)
    with warnings.catch_warnings():
        warnings.filterwarnings("error", module=r"pdoc\b")
        pdoc.pdoc(*names, output_directory=out)
    for page in sorted(out.rglob("*.*")):
        text = page.read_text(encoding="utf-8").replace(f"{ROOT}/", "").replace(str(ROOT), ".")
        page.write_text(NOISE.sub("", text), encoding="utf-8")


if __name__ == "__main__":
    write(module_names(), Path(sys.argv[1]))
