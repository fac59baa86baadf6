# SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
"""The report as PDF and the graph as PNG, drawn by Qt; needs no display. The only part of reports that loads Qt."""

from __future__ import annotations

import hashlib
import os
import re
import sys
from typing import TYPE_CHECKING, Any

from markupsafe import Markup, escape

from kfuncscope.decision.policy import now
from kfuncscope.model.verdict import SEVERITY
from kfuncscope.report import rulebook
from kfuncscope.report.formats import html, svg
from kfuncscope.report.safe import visible
from kfuncscope.report.summary import Report
from kfuncscope.report.words import plural

if TYPE_CHECKING:
    from PySide6.QtGui import QPainter, QPdfWriter

_DPI = 600
_MARGIN_MM, _FOOT_MM = 14.0, 9.0
_MOST = 400
_PARTS = 40  # of the declarations and facts of one finding
_LONG = re.compile(r"[^\s\u200b]{24}")
_DATE = re.compile(rb"/(?:Creation|Mod)Date\s*\(D:(\d{14}[^)]*)\)")
_OPEN_END, _CLOSED_END = b"/Trapped /False\n2\nendobj", b"/Trapped /False\n>>endobj"
_SIDE = 16_000  # pixels; larger pictures are scaled down


def render(report: Report) -> bytes:
    """The whole document. Same report and day, same bytes (with the same Qt and fonts)."""
    from PySide6.QtCore import QBuffer, QByteArray, QHashSeed, QIODevice, QMarginsF, QUuid
    from PySide6.QtGui import QPageLayout, QPageSize, QPdfWriter

    _application()
    # Qt writes the fonts of a page in the order of a hash table, which is another one in each process.
    QHashSeed.setDeterministicGlobalSeed()
    text = _page(report)
    buffer = QBuffer()
    buffer.open(QIODevice.OpenModeFlag.WriteOnly)
    writer = QPdfWriter(buffer)
    writer.setResolution(_DPI)
    writer.setPageSize(QPageSize(QPageSize.PageSizeId.A4))
    writer.setPageMargins(QMarginsF(_MARGIN_MM, _MARGIN_MM, _MARGIN_MM, _MARGIN_MM - 4), QPageLayout.Unit.Millimeter)
    title = f"{report.headline}: {visible(report.title, 100)}"
    writer.setTitle(title)
    writer.setCreator("kfuncscope")
    writer.setDocumentId(QUuid.fromRfc4122(QByteArray(hashlib.sha256(text.encode()).digest()[:16])))
    writer.setDocumentXmpMetadata(_metadata(title).encode())
    _draw(writer, text, report)
    buffer.close()
    return _dated(bytes(buffer.data().data()))


def png(picture: bytes, scale: float = 2.0) -> bytes:
    """An SVG document as a PNG picture, ``scale`` pixels to its unit."""
    from PySide6.QtCore import QBuffer, QByteArray, QIODevice
    from PySide6.QtGui import QColor, QImage, QImageWriter, QPainter
    from PySide6.QtSvg import QSvgRenderer

    _application()
    renderer = QSvgRenderer(QByteArray(picture))
    size = renderer.defaultSize()
    scale = min(scale, _SIDE / max(size.width(), size.height(), 1))
    image = QImage(
        max(1, round(size.width() * scale)), max(1, round(size.height() * scale)), QImage.Format.Format_RGB32
    )
    image.fill(QColor("#ffffff"))
    painter = QPainter(image)
    renderer.render(painter)
    painter.end()
    buffer = QBuffer()
    buffer.open(QIODevice.OpenModeFlag.WriteOnly)
    QImageWriter(buffer, QByteArray(b"png")).write(image)
    return bytes(buffer.data().data())


_kept: list[Any] = []


def _application() -> None:
    """Fonts need a QGuiApplication; where there is none yet, one without a display is made and kept."""
    from PySide6.QtGui import QGuiApplication

    if QGuiApplication.instance() is None:
        if not (os.environ.get("QT_QPA_PLATFORM") or sys.platform in ("win32", "darwin")):
            os.environ["QT_QPA_PLATFORM"] = "offscreen"
        _kept.append(QGuiApplication(["kfuncscope"]))


def _page(report: Report) -> str:
    environment = html.environment()
    environment.filters["breakable"] = breakable
    waivers = [(f"applied, {plural(n, 'finding')}", w) for w, n in report.applied()]
    waivers += [("expired", w) for w in report.decision.expired]
    waivers += [("matches nothing", w) for w in report.decision.unused]
    grave = [g for g in report.findings if SEVERITY[g.finding.verdict]]
    cited = rulebook.of_findings(grave[:_MOST])
    template = environment.get_template("print.html.j2")
    return template.render(r=report, most=_MOST, parts=_PARTS, waivers=waivers, grave=grave, cited=cited)


def breakable(text: str) -> Markup:
    """Long words with places to break them: Qt breaks at spaces only, and would widen a table beyond the page."""
    return escape(_LONG.sub(lambda found: found[0] + "\u200b", text))


def _metadata(title: str) -> str:
    """XMP metadata of our own: what Qt writes carries the time of the run."""
    day = now().strftime("%Y-%m-%dT00:00:00Z")
    return (
        '<?xpacket begin="" id="W5M0MpCehiHzreSzNTczkc9d"?><x:xmpmeta xmlns:x="adobe:ns:meta/">'
        '<rdf:RDF xmlns:rdf="http://www.w3.org/1999/02/22-rdf-syntax-ns#"><rdf:Description rdf:about="" '
        'xmlns:dc="http://purl.org/dc/elements/1.1/" xmlns:xmp="http://ns.adobe.com/xap/1.0/">'
        f'<dc:title><rdf:Alt><rdf:li xml:lang="x-default">{escape(title)}</rdf:li></rdf:Alt></dc:title>'
        f"<xmp:CreatorTool>kfuncscope</xmp:CreatorTool><xmp:CreateDate>{day}</xmp:CreateDate>"
        '</rdf:Description></rdf:RDF></x:xmpmeta><?xpacket end="w"?>'
    )


def _dated(data: bytes) -> bytes:
    """The document with the day of the report as its creation date, of the same length, so that offsets stay right."""

    def replace(found: re.Match[bytes]) -> bytes:
        day = now().strftime("%Y%m%d").encode() + b"000000"
        rest = b"Z".ljust(len(found[1]) - 14)
        return found[0].replace(found[1], day + rest[: len(found[1]) - 14])

    # Qt 6.8.0 ends this dictionary with a number; of the same length, too.
    return _DATE.sub(replace, data).replace(_OPEN_END, _CLOSED_END, 1)


def _draw(writer: QPdfWriter, text: str, report: Report) -> None:
    """The text page by page with a footer, then the graph of each architecture on a page of its own."""
    from PySide6.QtCore import QRectF, QSizeF
    from PySide6.QtGui import QAbstractTextDocumentLayout, QPainter, QTextDocument

    foot = _FOOT_MM / 25.4 * _DPI
    width, height = float(writer.width()), writer.height() - foot
    document = QTextDocument()
    document.setUndoRedoEnabled(False)
    document.documentLayout().setPaintDevice(writer)
    document.setDocumentMargin(0)
    document.setHtml(text)
    document.setPageSize(QSizeF(width, height))
    painter = QPainter(writer)
    for page in range(document.pageCount()):
        if page:
            writer.newPage()
        painter.save()
        painter.translate(0, -page * height)
        context = QAbstractTextDocumentLayout.PaintContext()
        context.clip = QRectF(0, page * height, width, height)
        painter.setClipRect(context.clip)
        document.documentLayout().draw(painter, context)
        painter.restore()
        _footer(painter, writer, report, page + 1)
    _graphs(painter, writer, report, document.pageCount(), height)
    painter.end()


def _graphs(painter: QPainter, writer: QPdfWriter, report: Report, page: int, height: float) -> None:
    """Graphs below each other as long as they fit, else on the next page; a tall one is scaled to a page."""
    from PySide6.QtCore import QByteArray, QRectF
    from PySide6.QtSvg import QSvgRenderer

    head, gap = 0.3 * _DPI, 0.25 * _DPI
    y = height
    for arch in report.arches:
        drawing = svg.draw(report.analysis, arch.result.arch, most=40)
        if not drawing.drawn:
            continue
        shapes, texts = svg.shapes_and_texts(drawing.svg)
        renderer = QSvgRenderer(QByteArray(shapes))
        size = renderer.defaultSize()
        scale = min(writer.width() / max(size.width(), 1), (height - head) / max(size.height(), 1))
        tall = size.height() * scale
        if y + head + tall > height:
            writer.newPage()
            page += 1
            _footer(painter, writer, report, page)
            y = 0.0
        more = f", {drawing.left_out} more programs not drawn" if drawing.left_out else ""
        title = f"Graph of what is affected: {visible(arch.result.arch, 40)}{more}"
        _text(painter, title, 12.5, QRectF(0, y, writer.width(), head), bold=True)
        renderer.render(painter, QRectF(0, y + head, size.width() * scale, tall))
        for one in texts:
            _graph_text(painter, one, y + head, scale)
        y += head + tall + gap


def _graph_text(painter: QPainter, one: svg.Text, top: float, scale: float) -> None:
    """A text of a graph as text: Qt's SVG renderer (6.8) draws the outline of each letter, megabytes of curves."""
    from PySide6.QtCore import QPointF
    from PySide6.QtGui import QColor, QFont, QFontMetricsF

    font = QFont(one.family)
    font.setPointSizeF(one.size * scale / _DPI * 72)
    font.setWeight(QFont.Weight(one.weight))
    painter.setFont(font)
    painter.setPen(QColor(one.colour))
    left = one.x * scale
    if one.middle:
        left -= QFontMetricsF(font, painter.device()).horizontalAdvance(one.text) / 2
    painter.drawText(QPointF(left, top + one.y * scale), one.text)


def _footer(painter: QPainter, writer: QPdfWriter, report: Report, page: int) -> None:
    from PySide6.QtCore import QRectF

    top = writer.height() - 0.2 * _DPI
    box = QRectF(0, top, writer.width(), 0.2 * _DPI)
    said = f"kfuncscope {visible(report.analysis.version, 20)} · {report.headline} · {report.decision.today}"
    _text(painter, said, 7, box, colour="#5d6b7d")
    _text(painter, str(page), 7, box, colour="#5d6b7d", right=True)


def _text(
    painter: QPainter,
    text: str,
    points: float,
    box: Any,
    *,
    bold: bool = False,
    colour: str = "#1c2430",
    right: bool = False,
) -> None:
    from PySide6.QtCore import Qt
    from PySide6.QtGui import QColor, QFont

    font = QFont("sans-serif")
    font.setPointSizeF(points)
    font.setBold(bold)
    painter.setFont(font)
    painter.setPen(QColor(colour))
    side = Qt.AlignmentFlag.AlignRight if right else Qt.AlignmentFlag.AlignLeft
    painter.drawText(box, side | Qt.AlignmentFlag.AlignVCenter, text)
