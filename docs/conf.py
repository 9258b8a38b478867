"""Settings of Sphinx. Why Sphinx, and what is made where: docs/README.md."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Any

sys.path.insert(0, str(Path(__file__).parents[1]))

import schuss

from docs import pages, pictures

project = "schuss"
author = "the authors of schuss"
copyright = "the authors of schuss"
version = release = schuss.__version__

extensions = ["myst_parser", "sphinx.ext.autodoc", "sphinx.ext.napoleon"]
exclude_patterns = ["README.md", "decisions", "generated/tables"]
nitpicky = True

html_theme = "furo"
html_title = f"schuss {version}"
html_copy_source = False
html_show_sourcelink = False
html_theme_options = {
    "light_css_variables": {"color-brand-primary": "#1B5E9E", "color-brand-content": "#1B5E9E"},
    "dark_css_variables": {"color-brand-primary": "#7FB8EC", "color-brand-content": "#7FB8EC"},
}
pygments_style = "friendly"
pygments_dark_style = "native"

myst_heading_anchors = 3

# Docstrings: names in single backticks become links where there is something of that name.
default_role = "py:obj"
autodoc_typehints = "none"
autodoc_member_order = "bysource"
autodoc_preserve_defaults = True
add_module_names = False
maximum_signature_line_length = 88
napoleon_numpy_docstring = False
napoleon_use_ivar = True
napoleon_custom_sections = ["Reference"]


def generate(app: Any) -> None:
    """Make what is not written by hand, before the pages are looked for."""
    pages.write()
    pictures.draw(pages.GENERATED / "pictures")


def escape(app: Any, what: str, name: str, obj: Any, options: Any, lines: list[str]) -> None:
    """Keep formulas in plain text, such as |s| |y|, from being read as markup."""
    lines[:] = pages.escape_docstring(lines)


def find(app: Any, env: Any, node: Any, content: Any) -> Any:
    """Resolve a name in a docstring wherever it is described; one that is nobody's is code."""
    if node.get("refdomain") != "py" or not node["refdoc"].startswith("generated/"):
        return None
    name, dot, member = node["reftarget"].rpartition("schuss.")[2].partition(".")
    for full in pages.described():
        if full.rpartition(".")[2] == name:
            domain, page = env.get_domain("py"), node["refdoc"]
            target = full + dot + member
            found = domain.resolve_xref(env, page, app.builder, "obj", target, node, content)
            return found or content
    return content


def setup(app: Any) -> None:
    """Say when the functions above are called."""
    app.connect("builder-inited", generate)
    app.connect("autodoc-process-docstring", escape, priority=400)  # before napoleon's
    app.connect("missing-reference", find)
