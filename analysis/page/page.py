"""The report's page: one HTML file that needs nothing else. Words and numbers come from report.py."""

from __future__ import annotations

from dataclasses import dataclass, field

from jinja2 import Environment, StrictUndefined
from markupsafe import Markup

from ..figures.drawing import Drawing
from ..tables.sheet import Sheet


@dataclass(frozen=True)
class Section:
    """A part of the page.

    Attributes:
        anchor: its id.
        title: its heading.
        words: paragraphs above everything.
        sheets: tables that are open.
        figures: drawings.
        folded: tables that open on a click.
    """

    anchor: str
    title: str
    words: tuple[str, ...] = ()
    sheets: tuple[Sheet, ...] = ()
    figures: tuple[Drawing, ...] = ()
    folded: tuple[Sheet, ...] = field(default=())


def render(title: str, lead: str, sections: list[Section]) -> str:
    """The page as text. Everything but the tables' and figures' own markup is escaped."""
    environment = Environment(autoescape=True, undefined=StrictUndefined, trim_blocks=True, lstrip_blocks=True)
    environment.filters["table"] = _table
    environment.filters["short"] = lambda sheet, heading: sheet.shown_caption(heading)
    environment.filters["svg"] = lambda drawing: Markup(drawing.to_svg())  # noqa: S704 - matplotlib escapes its text
    template = environment.from_string(_PAGE)
    return template.render(title=title, lead=lead, sections=sections, style=Markup(_STYLE))  # noqa: S704 - our own


def _table(sheet: Sheet, heading: str) -> Markup:
    return Markup(sheet.to_html(heading))  # noqa: S704 - Sheet escapes its cells


_PAGE = """\
<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<meta name="color-scheme" content="light dark">
<title>{{ title }}</title>
<style>{{ style }}</style>
</head>
<body>
{% macro sheet_block(sheet, heading) %}
<div class="sheet">
<div class="scroll" tabindex="0" role="region" aria-label="{{ sheet.caption }}">{{ sheet | table(heading) }}</div>
{% if sheet.notes %}
<ul class="notes">
{% for note in sheet.notes %}
<li>{{ note }}</li>
{% endfor %}
</ul>
{% endif %}
<p class="files">{{ sheet.name }}:
<a href="tables/{{ sheet.name | urlencode }}.md">Markdown</a>
<a href="tables/{{ sheet.name | urlencode }}.tex">LaTeX</a>
<a href="tables/{{ sheet.name | urlencode }}.csv">CSV</a></p>
</div>
{% endmacro %}
<header>
<h1>{{ title }}</h1>
<p class="lead">{{ lead }}</p>
<p class="legend"><span class="ours">98.3</span> measured here
<span class="paper">98.3</span> printed in the paper
<span class="gap">—</span> not there</p>
<nav aria-label="Contents">
<ol>
{% for section in sections %}
<li><a href="#{{ section.anchor }}">{{ section.title }}</a></li>
{% endfor %}
</ol>
</nav>
</header>
<main>
{% for section in sections %}
<section id="{{ section.anchor }}">
<h2>{{ section.title }}</h2>
{% for paragraph in section.words %}
<p>{{ paragraph }}</p>
{% endfor %}
{% for sheet in section.sheets %}
{{ sheet_block(sheet, section.title) }}
{% endfor %}
{% for drawing in section.figures %}
<figure>
<div class="scroll drawing" tabindex="0" role="region" aria-label="{{ drawing.name }}">{{ drawing | svg }}</div>
<figcaption>{{ drawing.caption }}
<span class="files">{{ drawing.name }}: <a href="figures/{{ drawing.name | urlencode }}.png">PNG</a>
<a href="figures/{{ drawing.name | urlencode }}.pdf">PDF</a></span></figcaption>
</figure>
{% endfor %}
{% for sheet in section.folded %}
<details>
<summary>{{ sheet | short(section.title) }}</summary>
{{ sheet_block(sheet, sheet.caption) }}
</details>
{% endfor %}
</section>
{% endfor %}
</main>
</body>
</html>
"""

_STYLE = """
:root {
  --ground: #fdfdfb; --ink: #23262b; --quiet: #666b73; --rule: #dcdad4; --paper: #8a5a14; --gap: #a33b36;
  --link: #2a5f97; --stripe: #f5f4f0;
}
@media (prefers-color-scheme: dark) {
  :root {
    --ground: #17191c; --ink: #dfe1e4; --quiet: #9ba1a9; --rule: #34383e; --paper: #dba75a; --gap: #e58a84;
    --link: #8fbbe8; --stripe: #1e2125;
  }
}
* { box-sizing: border-box; }
html { -webkit-text-size-adjust: 100%; }
body {
  margin: 0 auto; max-width: 76rem; padding: 2.5rem 1.5rem 5rem; background: var(--ground); color: var(--ink);
  font: 1rem/1.55 system-ui, -apple-system, "Segoe UI", Roboto, "Helvetica Neue", Arial, sans-serif;
}
h1 { font-size: 1.75rem; line-height: 1.2; font-weight: 650; margin: 0 0 .5rem; letter-spacing: -.01em; }
h2 { font-size: 1.2rem; line-height: 1.3; font-weight: 650; margin: 0 0 .75rem; }
section { margin-top: 3.5rem; padding-top: 1rem; border-top: 1px solid var(--rule); scroll-margin-top: 1rem; }
p { max-width: 46rem; margin: 0 0 .75rem; }
.lead { color: var(--quiet); font-size: 1.05rem; }
a { color: var(--link); text-decoration-thickness: 1px; text-underline-offset: .15em; }
.legend {
  display: flex; flex-wrap: wrap; gap: .2rem .5rem; align-items: baseline; font-size: .875rem; color: var(--quiet);
}
.legend span { font-variant-numeric: tabular-nums; margin-left: 1rem; }
.legend span:first-child { margin-left: 0; }
.legend .ours { color: var(--ink); font-weight: 600; }
nav ol { columns: 18rem; column-gap: 2rem; padding-left: 1.4rem; margin: 1.5rem 0 0; font-size: .9375rem; }
nav li { break-inside: avoid; padding: .1rem 0; }
.sheet { margin: 1.25rem 0 2rem; }
.scroll { overflow-x: auto; overscroll-behavior-x: contain; }
.scroll:focus-visible { outline: 2px solid var(--link); outline-offset: 2px; }
table {
  border-collapse: collapse; font-size: .8125rem; line-height: 1.35; font-variant-numeric: tabular-nums lining-nums;
}
caption {
  text-align: left; white-space: nowrap; font-weight: 600; font-size: .875rem; padding: 0 0 .5rem; color: var(--ink);
}
caption.hidden { position: absolute; width: 1px; height: 1px; overflow: hidden; clip-path: inset(50%); }
th, td { padding: .24rem .6rem; text-align: right; white-space: nowrap; font-weight: 400; vertical-align: baseline; }
th.key, td.key, th.note, td.note { text-align: left; }
thead th { color: var(--quiet); font-size: .75rem; border-bottom: 1px solid var(--ink); vertical-align: bottom; }
tbody tr:last-child > * { border-bottom: 1px solid var(--rule); }
tbody tr.first > * { border-top: 1px solid var(--rule); }
tbody th:first-child, thead th:first-child { position: sticky; left: 0; background: var(--ground); padding-left: 0; }
tbody tr:hover > * { background: var(--stripe); }
td.paper, tr.paper td, .legend .paper { color: var(--paper); font-style: italic; }
tr.paper th.key, tr.paper td.key { color: inherit; font-style: normal; }
tr td.again, tr.paper td.again, tr th.again, tr.paper th.again { color: transparent; }
tr.ours td.ours.gap, .legend .gap { color: var(--gap); font-style: normal; }
.notes {
  list-style: none; padding: 0; margin: .6rem 0 0; max-width: 52rem; font-size: .8125rem; line-height: 1.45;
  color: var(--quiet);
}
.notes li + li { margin-top: .2rem; }
.files { font-size: .75rem; color: var(--quiet); margin: .5rem 0 0; }
.files a { margin-left: .4rem; }
figure { margin: 1.5rem 0 2.5rem; }
figure svg { display: block; width: 100%; height: auto; font-family: inherit; }
figure svg image { image-rendering: pixelated; }
figcaption { max-width: 52rem; font-size: .8125rem; line-height: 1.45; color: var(--quiet); margin-top: .5rem; }
figcaption .files { display: block; }
details { border-top: 1px solid var(--rule); }
details:last-of-type { border-bottom: 1px solid var(--rule); }
summary { cursor: pointer; padding: .5rem 0; font-size: .875rem; color: var(--quiet); }
summary:hover { color: var(--ink); }
@media (max-width: 40rem) {
  body { padding: 1.5rem 1rem 4rem; }
  h1 { font-size: 1.4rem; }
  section { margin-top: 2.5rem; }
  .drawing svg { min-width: calc(.8 * var(--width)); }
  th, td { padding: .24rem .45rem; }
  caption { white-space: normal; }
  tbody th:first-child { min-width: 7.5rem; white-space: normal; }
}
@media print {
  body { max-width: none; padding: 0; }
  nav, .files { display: none; }
  section { break-before: page; }
}
"""
