"""HTML pages that need nothing else: one style, and no way for a candidate's text to become markup."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from jinja2 import Environment, FileSystemLoader, StrictUndefined
from markupsafe import Markup

from cudagym.report import printable


def render(template: Path, **values: Any) -> str:
    """A template's text. What it inserts is escaped, and what cannot be printed is shown as `visible` does: pages can
    always be written as UTF-8. Templates of this folder can be extended and imported by any other."""
    environment = Environment(
        loader=FileSystemLoader([template.parent, Path(__file__).parent]),
        autoescape=True,
        undefined=StrictUndefined,
        finalize=_printable,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    return environment.get_template(template.name).render(values)


def _printable(value: Any) -> Any:
    return printable(value) if isinstance(value, str) and not isinstance(value, Markup) else value
