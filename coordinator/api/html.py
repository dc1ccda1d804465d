"""What a notebook shows of an object: paragraphs, tables and figures as one piece of HTML.

Colours and fonts are the notebook's own, so that it reads well in light and dark. Every text is
escaped; figures are PNG within the piece, which notebooks show where they would not show SVG.
"""

import base64
import io
from collections.abc import Sequence

from spikeloop.coordinator.report.page import Code, Drawing, Table, Text

TEMPLATE = """\
<div>
{% for block in blocks %}
{% if kind(block) == "Text" %}
<p>{% if block.weight == "lead" %}<strong>{{ block.text }}</strong>\
{% else %}{{ block.text }}{% endif %}</p>
{% elif kind(block) == "Table" %}
<table class="dataframe">
<caption style="text-align: left; caption-side: top">{{ block.caption }}</caption>
<thead><tr>
{% for name in block.head %}
<th style="text-align: {{ sides[block.side(loop.index0)] }}">{{ name }}</th>
{% endfor %}
</tr></thead>
<tbody>
{% for row in block.rows %}
<tr>
{% for cell in row %}
<td style="text-align: {{ sides[block.side(loop.index0)] }}">{{ cell }}</td>
{% endfor %}
</tr>
{% endfor %}
</tbody>
</table>
{% if block.note %}
<p>{{ block.note }}</p>
{% endif %}
{% elif kind(block) == "Code" %}
<pre>{{ block.text }}</pre>
{% else %}
<img alt="{{ block.about }}" style="max-width: 100%" src="data:image/png;base64,{{ png(block) }}">
{% endif %}
{% endfor %}
</div>
"""

DPI = 90
"""Of figures: as wide as a page's column at this resolution."""


def fragment(blocks: Sequence[Text | Table | Drawing | Code]) -> str:
    """Render blocks of a report as a piece of HTML without scripts and without style sheets."""
    import jinja2

    environment = jinja2.Environment(
        autoescape=True, undefined=jinja2.StrictUndefined, trim_blocks=True, lstrip_blocks=True
    )
    environment.globals |= {"kind": lambda block: type(block).__name__, "png": _png}
    sides = {"l": "left", "r": "right"}
    return environment.from_string(TEMPLATE).render(blocks=blocks, sides=sides)


def _png(drawing: Drawing) -> str:
    image = io.BytesIO()
    drawing.figure.savefig(image, format="png", dpi=DPI)
    return base64.b64encode(image.getvalue()).decode()
