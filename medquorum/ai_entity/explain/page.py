"""An explanation as one file to open or print: no script, no foreign request, all text escaped."""

import base64
from collections.abc import Mapping, Sequence
from html import escape
from typing import Any, Final

LEVEL_COLOURS: Final = {
    "Negative": "#3d7a55",
    "Tumor": "#c9a227",
    "Tumor+": "#d9762b",
    "Metastasis": "#d6455d",
}
METHODS: Final = {
    "network": "the network's contour",
    "suv_2_5": "SUV \u2265 2.5",
    "suv_4": "SUV \u2265 4.0",
    "suv_41pct": "41 % of SUVmax",
    "adaptive": "adaptive threshold",
}
"""Short names of ``published.total_volumes`` as a doctor reads them."""
POLICY: Final = "default-src 'none'; img-src data:; style-src 'unsafe-inline'"
STYLE: Final = """
:root{color-scheme:dark}
body{margin:0 auto;max-width:1080px;padding:24px;background:#0d1116;color:#d5dde7;
font:15px/1.5 system-ui,sans-serif}
td:last-child{white-space:nowrap}summary{cursor:pointer;color:#9fb4cb}
h1{font-size:21px;margin:0 0 4px}h2{font-size:16px;margin:28px 0 8px;color:#9fb4cb}
.notice{color:#f0b7a8}.muted{color:#93a1b2}img{max-width:100%;border-radius:6px}
table{border-collapse:collapse;width:100%}
th,td{padding:5px 10px;text-align:right;border-bottom:1px solid #28313c}
th{color:#9fb4cb;font-weight:600}th:nth-child(-n+2),td:nth-child(-n+2){text-align:left}
.row{display:grid;grid-template-columns:130px 100px 1fr 60px;gap:10px;align-items:center;
margin:4px 0}
.bar{display:flex;height:14px;border-radius:3px;overflow:hidden;background:#1b222b}
.bar i{display:block;height:100%}.chip{padding:1px 8px;border-radius:9px;color:#0d1116;
font-weight:600;text-align:center;font-size:13px}
.two{display:grid;grid-template-columns:320px 1fr;gap:24px;align-items:start}
@media(max-width:720px){.two{grid-template-columns:1fr}}
"""


def explanation_page(explanation: Mapping[str, Any], picture: bytes | None = None) -> str:
    """HTML of an ``explanation`` document; ``picture`` is a PNG of the findings."""
    model = explanation["model"]
    title = f"{model['name']} {model['version']}: {explanation['conclusion']}"
    parts = [
        f"<h1>{escape(title)}</h1>",
        '<p class="notice">Machine-generated. Not for clinical use.</p>',
        *_picture(picture),
        *_verdict(explanation),
        *_organs(explanation["organs"]),
        *_volumes(explanation["volumes"]),
        *_lesions(explanation["lesions"]),
        *_changes(explanation["changes"]),
        *_model(explanation),
    ]
    return "\n".join(
        [
            "<!doctype html>",
            '<html lang="en"><head><meta charset="utf-8">',
            '<meta name="viewport" content="width=device-width, initial-scale=1">',
            f'<meta http-equiv="Content-Security-Policy" content="{POLICY}">',
            f"<title>{escape(title)}</title><style>{STYLE}</style></head><body>",
            *parts,
            "</body></html>\n",
        ]
    )


def _picture(picture: bytes | None) -> list[str]:
    if not picture:
        return []
    encoded = base64.b64encode(picture).decode("ascii")
    return [f'<img alt="The findings drawn into the images" src="data:image/png;base64,{encoded}">']


def _verdict(explanation: Mapping[str, Any]) -> list[str]:
    if explanation["abstained"] is not None:
        return [f"<p>No conclusion: {escape(str(explanation['abstained']))}</p>"]
    return [f"<p>{escape(explanation['probability'])}</p>"]


def _organs(organs: Sequence[Mapping[str, Any]]) -> list[str]:
    if not organs:
        return []
    legend = " ".join(
        f'<span class="chip" style="background:{colour}">{escape(level)}</span>'
        for level, colour in LEVEL_COLOURS.items()
    )
    return ["<h2>Organs</h2>", f"<p>{legend}</p>", *(_organ(organ) for organ in organs)]


def _organ(organ: Mapping[str, Any]) -> str:
    colour = LEVEL_COLOURS.get(str(organ["level"]), "#93a1b2")
    shares = organ["probabilities"]
    bars = "".join(
        f'<i style="width:{100.0 * share:.2f}%;background:{LEVEL_COLOURS[level]}"></i>'
        for level, share in shares.items()
    )
    spoken = ", ".join(f"{level} {share:.0%}" for level, share in shares.items())
    return (
        f'<div class="row"><span>{escape(str(organ["organ"]))}</span>'
        f'<span class="chip" style="background:{colour}">{escape(str(organ["level"]))}</span>'
        f'<span class="bar" role="img" aria-label="{escape(spoken)}" title="{escape(spoken)}">'
        f"{bars}</span><span>{shares[organ['level']]:.0%}</span></div>"
    )


def _volumes(volumes: Sequence[Mapping[str, Any]]) -> list[str]:
    if not volumes:
        return []
    rows = "".join(
        f"<tr><td>{escape(METHODS.get(one['by'], str(one['by'])))}</td>"
        f"<td>{escape(str(one['method']))}</td>"
        f"<td>{one['volume_ml']:.1f} mL</td></tr>"
        for one in volumes
    )
    return [
        "<h2>Total tumour volume</h2>",
        f"<table><tr><th>By</th><th>Method</th><th>Volume</th></tr>{rows}</table>",
    ]


def _lesions(table: Mapping[str, Any]) -> list[str]:
    if not table["rows"]:
        return []
    columns = table["columns"]
    heads = "".join(f"<th>{escape(_heading(one))}</th>" for one in columns)
    rows = "".join(
        "<tr>" + "".join(f"<td>{_cell(row[one['key']])}</td>" for one in columns) + "</tr>"
        for row in table["rows"]
    )
    rest = table["not_listed"]
    more = [f'<p class="muted">{rest} smaller ones are not listed.</p>'] if rest else []
    return ["<h2>Lesions</h2>", f"<table><tr>{heads}</tr>{rows}</table>", *more]


def _heading(column: Mapping[str, Any]) -> str:
    unit = f" [{column['unit']}]" if column["unit"] else ""
    return f"{column['heading']}{unit}"


def _cell(value: object) -> str:
    if value is None:
        return "–"
    return f"{value:.2f}" if isinstance(value, float) else escape(str(value))


def _changes(changes: Mapping[str, Any] | None) -> list[str]:
    if changes is None:
        return []
    lines = "".join(f"<li>{escape(str(line))}</li>" for line in changes["text"])
    return ["<h2>Since the last study</h2>", f"<ul>{lines}</ul>"]


def _model(explanation: Mapping[str, Any]) -> list[str]:
    model, shown = explanation["model"], explanation["reliability"]
    limits = "".join(f"<li>{escape(str(limit))}</li>" for limit in model["limits"])
    brief = "".join(f"<p>{escape(str(sentence))}</p>" for sentence in model["summary"])
    words = (
        f"{brief}<details><summary>All that its card says</summary>"
        f"<p>{escape(model['paragraph'])}</p><ul>{limits}</ul>"
        f'<p class="muted">SHA-256 {escape(model["digest"])}</p></details>'
    )
    if shown is None:
        missing = "No reliability diagram of this model is known."
        return ["<h2>The model</h2>", f'<p class="muted">{missing}</p>', words]
    return ["<h2>The model</h2>", f'<div class="two">{shown["svg"]}<div>{words}</div></div>']
