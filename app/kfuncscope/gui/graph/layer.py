# SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
"""The edges of a large graph as one image, made again by a worker thread shortly after the view has come to rest."""

from __future__ import annotations

from typing import TYPE_CHECKING

from PySide6.QtCore import QObject, QRectF, QRunnable, QThreadPool, QTimer, Signal
from PySide6.QtGui import QImage, QPainter

from kfuncscope.gui.graph import paint

if TYPE_CHECKING:
    from kfuncscope.gui.graph.canvas import GraphCanvas
    from kfuncscope.gui.graph.scene import Scene

REST_MS = 120


class _Signals(QObject):
    done = Signal(int, QImage, QRectF)


class _Job(QRunnable):
    """Paints the edge image of one view on a worker; the layer drops it if the view has changed since."""

    def __init__(self, serial: int, scene: Scene, rect: QRectF, zoom: float, ratio: float) -> None:
        super().__init__()
        self.signals = _Signals()
        self._work = (serial, scene, rect, zoom, ratio)

    def run(self) -> None:
        serial, scene, rect, zoom, ratio = self._work
        image = paint.edge_image(scene, rect, zoom, ratio)
        self.signals.done.emit(serial, image, rect)


class EdgeLayer(QObject):
    """The image behind the nodes of a canvas; ``painted`` tells that a new one is there."""

    painted = Signal()

    def __init__(self, canvas: GraphCanvas) -> None:
        super().__init__(canvas)
        self._canvas = canvas
        self._made: tuple[QImage, QRectF, float] | None = None  # the picture, its part of the scene, the scene's width
        self._serial = 0
        self._jobs: list[_Job] = []
        self._rest = QTimer(self, interval=REST_MS, singleShot=True)
        self._rest.timeout.connect(self._start)

    def forget(self) -> None:
        """Drop the picture: it is of another scene or in other colours."""
        self._made = None

    def outdate(self) -> None:
        """The view has changed: make the picture again once it has come to rest."""
        self._serial += 1
        self._rest.start()

    def _rect(self) -> QRectF:
        """The part of the scene to paint: what is in view and a little above and below."""
        rect = self._canvas.view_rect()
        return rect.adjusted(0, -rect.height() * 0.4, 0, rect.height() * 0.4)

    def _start(self) -> None:
        canvas = self._canvas
        if canvas.scene is None or not canvas.bundled() or not canvas.isVisible():
            return
        job = _Job(self._serial, canvas.scene, self._rect(), canvas.zoom, canvas.devicePixelRatioF())
        job.setAutoDelete(False)
        job.signals.done.connect(self._done)
        self._jobs = [*self._jobs[-3:], job]
        QThreadPool.globalInstance().start(job)

    def _done(self, serial: int, image: QImage, rect: QRectF) -> None:
        scene = self._canvas.scene
        if serial == self._serial and scene is not None:
            self._made = (image, rect, scene.width)
            self.painted.emit()

    def make(self) -> None:
        """Make the picture now, in this thread."""
        canvas = self._canvas
        if canvas.scene is not None and canvas.bundled():
            rect = self._rect()
            image = paint.edge_image(canvas.scene, rect, canvas.zoom, canvas.devicePixelRatioF())
            self._made = (image, rect, canvas.scene.width)

    def paint(self, painter: QPainter, faint: bool) -> None:
        """Paint the picture where its part of the scene is in view; ``faint`` behind a chain that is lit."""
        canvas = self._canvas
        if self._made is None or canvas.scene is None or not canvas.bundled():
            return
        image, rect, wide = self._made
        across = canvas.scene.width / wide if wide else 1.0  # the columns may have been stretched since
        left = (rect.left() * across - canvas.origin.x()) * canvas.zoom
        top = (rect.top() - canvas.origin.y()) * canvas.zoom
        if faint:
            painter.setOpacity(0.45)
        painter.drawImage(QRectF(left, top, rect.width() * across * canvas.zoom, rect.height() * canvas.zoom), image)
        painter.setOpacity(1.0)
