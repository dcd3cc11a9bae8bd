"""Makes the site one that is read from the disk: nothing in it asks a server, neither its own nor another one."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Final

from mkdocs.config.defaults import MkDocsConfig

_SCRIPT: Final = re.compile(r"https://unpkg\.com/[\w@./-]+")
"""A script that the theme fetches where it needs one: for diagrams of Mermaid, and for browsers of before 2020."""

_SOURCE_MAP: Final = re.compile(r"^(?://# |/\*# )sourceMappingURL=.*$", re.MULTILINE)


def on_config(config: MkDocsConfig) -> MkDocsConfig:
    """Leave out the page for addresses that are not there: a server alone shows it, at an address of any depth."""
    config.theme.static_templates.discard("404.html")
    return config


def on_post_build(config: MkDocsConfig) -> None:
    """Take the addresses of foreign scripts out of the theme's own, and the maps of its sources, which name more."""
    site = Path(config.site_dir)
    for path in [*site.rglob("*.js"), *site.rglob("*.css")]:
        text = path.read_text(encoding="utf-8")
        path.write_text(_SOURCE_MAP.sub("", _SCRIPT.sub("data:text/javascript,", text)), encoding="utf-8")
    for path in site.rglob("*.map"):
        path.unlink()
