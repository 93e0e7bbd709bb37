"""What notebooks show of scans and results, and reports."""

import struct
import time
import zlib

import numpy as np
import pytest

import countem as ct
from countem._html import png


def test_html_of_a_large_scan_is_quick_and_right(counted, monkeypatch):
    with ct.open(counted) as scan:
        text = scan._repr_html_()
        for words in ("3 × 5 positions", "48 × 64 pixels", f"{scan.nnz:,}", "Thresholds", "background"):
            assert words in text
        assert "<script" not in text
        assert "http" not in text
        large = np.random.default_rng(1).poisson(20, (2048, 2048)).astype(float)
        large[5:200, 7] = np.nan
        monkeypatch.setitem(scan.__dict__, "counts", ct.Image(large, name="counts", unit="electrons", meaning="x", axes=()))
        begin = time.perf_counter()
        scan._repr_html_()
        assert time.perf_counter() - begin < 1  # on any machine; 0.1 s on an idle one


def test_html_of_a_part_reads_no_events(scan, monkeypatch):
    monkeypatch.setattr(ct.Scan, "_reduce", None)
    text = scan[:, :, 10:20]._repr_html_()
    assert "a part of" in text
    assert "10 × 64 pixels" in text
    assert "<img" not in text


def test_html_is_escaped(scan):
    image = ct.Image(np.eye(3), name="a", unit="<b>", meaning='"><script>alert(1)</script>', axes=())
    assert "<script" not in image._repr_html_()
    assert "<b>" not in image._repr_html_()
    scan._path = "<i>.h5"
    assert "<i>" not in scan._repr_html_()


def test_pictures_are_pngs():
    """By hand: checksums, sizes, and the levels behind the filter bytes."""
    levels = np.arange(12, dtype=np.uint8).reshape(3, 4)
    data = png(levels, bytes(range(48)))
    assert data[:8] == b"\x89PNG\r\n\x1a\n"
    chunks, at = {}, 8
    while at < len(data):
        length, name = struct.unpack(">I4s", data[at : at + 8])
        body = data[at + 8 : at + 8 + length]
        assert struct.unpack(">I", data[at + 8 + length : at + 12 + length])[0] == zlib.crc32(name + body)
        chunks[name], at = body, at + 12 + length
    assert struct.unpack(">II", chunks[b"IHDR"][:8]) == (4, 3)
    assert np.array_equal(np.frombuffer(zlib.decompress(chunks[b"IDAT"]), np.uint8).reshape(3, 5)[:, 1:], levels)
    assert chunks[b"PLTE"] == bytes(range(48))


def test_html_of_results(scan):
    assert "electrons" in scan.virtual(ct.disk(8))._repr_html_()
    assert scan.com()._repr_html_().count("<img") == 2
    assert scan.radial(4)._repr_html_().startswith("<pre>")
    nothing = ct.Image(np.full((3, 4), np.nan), name="n", unit="electrons", meaning="nothing", axes=())
    assert "Values" not in nothing._repr_html_()


def test_report(scan, tmp_path):
    page = scan.report(tmp_path / "report.html", title="A & B", virtual=[ct.disk(7), "annulus:8,12"], centre=(20, 30.5), flip=True, scan_rotation=30)
    text = page.read_text()
    assert "<title>A &amp; B</title>" in text
    assert "disk:7.0" in text
    assert "annulus:8,12" in text
    with pytest.raises(FileExistsError, match="overwrite=True"):
        scan.report(page)
    page.write_text("another program's")
    assert scan.report(page, overwrite=True).read_text().startswith("<!doctype html>")
    with pytest.raises(ValueError, match="is no virtual detector"):
        scan.report(tmp_path / "other.html", virtual="blub:3")
    with pytest.raises(TypeError, match="no option colour of a report"):
        scan.report(tmp_path / "other.html", colour="red")
    with pytest.raises(OSError, match="no directory"):
        scan.report(tmp_path / "absent" / "other.html")
    with pytest.raises(ValueError, match="save"):
        scan[0:2].report(tmp_path / "other.html")
    assert list(tmp_path.iterdir()) == [page]
