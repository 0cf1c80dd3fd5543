"""A comparison as one HTML file: the viewer, its images without loss, and their numbers. It opens without a network."""

import base64
import html
import io
import json
from collections.abc import Mapping, Sequence

from PIL import Image as PillowImage

from synthcomp_core import __version__
from synthcomp_core.figures.viewer.footer import FooterSide, ViewerFooter, described_footer, main_metric
from synthcomp_core.figures.viewer.pictures import Picture, check_pictures, described_picture, picture_numbers
from synthcomp_core.figures.viewer.scripts import BROWSER_FOLDER, VIEWER_STYLE, joined_modules
from synthcomp_core.figures.viewer.state import ViewState
from synthcomp_core.results.columns import VARIANT, measured_columns
from synthcomp_core.results.rows import ResultRow
from synthcomp_core.results.text_tables import MISSING

_WEBP_LARGEST_SIDE = 16_383  # pixels; the format's limit
# Pillow's steps 0 to 6 and effort: twice the time of these saves less than 1 % on frames of games.
_WEBP_METHOD, _WEBP_EFFORT = 2, 50
# Nothing may be asked of any network, whatever a name contains.
_POLICY = "default-src 'none'; script-src 'unsafe-inline'; style-src 'unsafe-inline'; img-src data:; connect-src blob:"
_PAGE = """<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<meta http-equiv="Content-Security-Policy" content="{policy}">
<meta name="generator" content="Synthcomp {version}">
<link rel="icon" href="data:,">
<title>{title}</title>
<style>
{style}
</style>
</head>
<body>
<main>
<h1>{title}</h1>
<div class="viewer"></div>
<noscript>The images are shown by JavaScript, which this browser does not run.</noscript>
{table}
</main>
<script type="application/json" id="viewer-data">{data}</script>
<script type="module">
{script}
</script>
</body>
</html>
"""


def share_page(
    pictures: Sequence[Picture],
    *,
    title: str,
    overlays: Sequence[Picture] = (),
    rows: Mapping[str, ResultRow] | None = None,
    footer: ViewerFooter | None = None,
    state: ViewState | None = None,
) -> bytes:
    """A self-contained HTML file (UTF-8) that shows 1 to 9 images in the viewer; the first is the reference.

    The images are embedded as lossless WebP, or as the PNG they came as where that is smaller, and opened without any
    request. `rows` are the results by the key of the image that they belong to; they make the table below the viewer
    and, without a `footer`, the numbers in the viewer's own. `state` is the view in which the page opens. Names are
    shown as text, whatever they contain.

    Raises ValueError for images that the viewer cannot show (`check_pictures`).
    """
    check_pictures(pictures, overlays)
    rows = rows or {}
    if footer is None and rows:
        footer = ViewerFooter(_sides(pictures, rows))
    data = {
        "key": "shared",
        "height": None,
        "pictures": [described_picture(picture, data_url(picture.png)) for picture in pictures],
        "overlays": [described_picture(overlay, data_url(overlay.png)) for overlay in overlays],
        "footer": described_footer(footer),
        "stoppable": False,
        "state": str(state) if state else None,
        "jump": 0,
        "url_param": None,
        "report": False,
        "crops": [],
        "crop_colours": [],
        "pick_crops": False,
    }
    style = VIEWER_STYLE.read_text(encoding="utf-8") + (BROWSER_FOLDER / "page.css").read_text(encoding="utf-8")
    page = _PAGE.format(
        policy=html.escape(_POLICY),
        version=__version__,
        title=html.escape(title),
        style=style,
        table=_table(pictures, rows) if rows else "",
        data=_inside_script(json.dumps(data, ensure_ascii=False)),
        script=joined_modules(BROWSER_FOLDER / "page.js"),
    )
    return page.encode("utf-8")


def data_url(png: bytes) -> str:
    """A PNG's image as a data URL, in the smaller of the lossless forms that every browser opens."""
    webp = _lossless_webp(png)
    content, form = (webp, "webp") if webp is not None and len(webp) < len(png) else (png, "png")
    return f"data:image/{form};base64,{base64.b64encode(content).decode('ascii')}"


def _lossless_webp(png: bytes) -> bytes | None:
    """The same pixels as lossless WebP; None for an image that is too large for it."""
    with PillowImage.open(io.BytesIO(png), formats=("PNG",)) as image:
        if max(image.size) > _WEBP_LARGEST_SIDE or image.mode != "RGB":
            return None
        stream = io.BytesIO()
        image.save(stream, "WEBP", lossless=True, method=_WEBP_METHOD, quality=_WEBP_EFFORT, exact=True)
    return stream.getvalue()


def _inside_script(text: str) -> str:
    """JSON that cannot end the script element it stands in, nor open a comment there."""
    return text.replace("<", "\\u003c").replace("\u2028", "\\u2028").replace("\u2029", "\\u2029")


def _sides(pictures: Sequence[Picture], rows: Mapping[str, ResultRow]) -> tuple[FooterSide, ...]:
    sides = []
    for picture in pictures:
        row = rows.get(picture.key)
        if row is None:
            continue
        sides.append(FooterSide(picture.key, picture.label, row.num_bytes, main_metric(row)))
    return tuple(sides)


def _table(pictures: Sequence[Picture], rows: Mapping[str, ResultRow]) -> str:
    """The numbers of all images that have some, numbered as in the viewer."""
    shown = [rows[picture.key] for picture in pictures if picture.key in rows]
    columns = measured_columns(shown)
    best = [column.best(shown) for column in columns]
    numbers = picture_numbers(pictures)
    headings = "".join(f'<th scope="col">{html.escape(column.heading)}</th>' for column in columns)
    lines = [f'<tr><th scope="col">#</th><th scope="col" class="text">{VARIANT.heading}</th>{headings}</tr>']
    for place, (key, row) in enumerate((picture.key, rows[picture.key]) for picture in pictures if picture.key in rows):
        cells = "".join(
            f'<td class="best">{column.text(row)}</td>' if place in winners else f"<td>{column.text(row)}</td>"
            for column, winners in zip(columns, best, strict=True)
        )
        name = html.escape(row.variant or MISSING)
        lines.append(f'<tr><td>{numbers[key]}</td><th scope="row" class="text">{name}</th>{cells}</tr>')
    body = "\n".join(lines)
    return f'<div class="numbers-of-all"><table>\n{body}\n</table></div>'
