"""Drawing: envelopes keep extremes, axes say what they show, the pack is drawn before it runs."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest
from matplotlib.figure import Figure

from twin.build import build
from twin.pages import plots
from twin.pages.plots import band_envelope, envelope, overview, show_pack
from twin.scenarios.load import load_scenario, parse_scenario
from twin.session import run as run_to_end
from twin.session import start_run

TEMPLATE = Path(plots.__file__).parents[1] / "templates" / "scenario.yaml"
UNITS = {"kW", "A", "V", "\u00b0C", "%", "mV"}


@pytest.fixture(scope="module")
def short_run(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    path = tmp_path_factory.mktemp("plots") / "run.h5"
    run_to_end(start_run(load_scenario(TEMPLATE, ["duration=20 s"]), path))
    yield path


@pytest.mark.parametrize("n", [0, 1, 7, 4_000, 9_999])
def test_a_thinned_line_keeps_ends_and_extremes(n: int) -> None:
    rng = np.random.default_rng(1)
    x, y = np.arange(n, dtype=np.float64), rng.normal(size=n)
    thin_x, thin_y = envelope(x, y, bins=50)
    assert len(thin_x) == len(thin_y) <= max(n if n <= 200 else 0, 250)
    assert np.all(np.diff(thin_x) > 0)
    if n:
        assert (thin_x[0], thin_x[-1]) == (0.0, n - 1.0)
        assert (thin_y.min(), thin_y.max()) == (y.min(), y.max())
        np.testing.assert_array_equal(thin_y, y[thin_x.astype(int)])


def test_one_spike_in_a_million_rows_stays() -> None:
    y = np.zeros(1_000_000)
    y[654_321] = 9.0
    thin_x, thin_y = envelope(np.arange(len(y)), y)
    assert thin_x[np.argmax(thin_y)] == 654_321


def test_a_thinned_line_keeps_its_gaps() -> None:
    y = np.ones(10_000)
    y[5_000:5_003] = np.nan
    y[7_000:8_000] = np.nan
    thin_x, thin_y = envelope(np.arange(10_000), y, bins=100)
    gaps = thin_x[np.isnan(thin_y)]
    assert np.any((gaps >= 5_000) & (gaps < 5_003))
    assert np.any((gaps >= 7_000) & (gaps < 8_000))
    assert np.nanmin(thin_y) == 1.0


def test_a_thinned_band_holds_the_whole_band() -> None:
    rng = np.random.default_rng(2)
    low = rng.normal(size=8_641)
    high = low + rng.uniform(0.0, 1.0, size=8_641)
    x, thin_low, thin_high = band_envelope(np.arange(8_641), low, high, bins=100)
    assert len(x) == 100
    assert (thin_low.min(), thin_high.max()) == (low.min(), high.max())
    edges = np.linspace(0, 8_641, 101).astype(np.int64)
    for k, (start, stop) in enumerate(zip(edges[:-1], edges[1:], strict=True)):
        assert (thin_low[k], thin_high[k]) == (low[start:stop].min(), high[start:stop].max())


@pytest.mark.parametrize(
    ("span_s", "expected"), [(60.0, (1.0, "s")), (2400.0, (60.0, "min")), (86400.0, (3600.0, "h"))]
)
def test_the_time_axis_is_in_a_unit_that_fits(span_s: float, expected: tuple[float, str]) -> None:
    assert plots.time_unit(span_s) == expected


def test_the_overview_has_units_on_every_axis(short_run: Path) -> None:
    from twin.runfiles.results import open_run

    with open_run(short_run) as run:
        figure = overview(run)
    assert isinstance(figure, Figure)
    labels = [axes.get_ylabel() for axes in figure.axes]
    assert len(labels) >= 3
    assert set(labels) <= UNITS
    assert figure.axes[-1].get_xlabel() == "time since the start [s]"


@pytest.mark.parametrize("suffix", [".png", ".svg", ".pdf"])
def test_the_pack_is_drawn_before_it_runs(tmp_path: Path, suffix: str) -> None:
    engine = build(load_scenario(TEMPLATE))
    path = show_pack(engine, tmp_path / f"pack{suffix}")
    assert path.stat().st_size > 5_000
    assert engine.tick == 0
    if suffix == ".svg":
        text = path.read_text(encoding="utf-8")
        for word in ("1.1", "4.2", "M1", "thermistor", "20 mm", "8 cells", "coolant in"):
            assert f">{word}" in text or word in text


def test_one_cell_and_many_racks_are_drawn(tmp_path: Path) -> None:
    text = TEMPLATE.read_text(encoding="utf-8").replace('voltage_min: "9 V"', 'voltage_min: "2 V"')
    for racks, modules, groups, cells in ((1, 1, 1, 1), (3, 14, 2, 3)):
        sizes = (
            "layout.columns=1", f"site.racks={racks}", f"site.modules_per_rack={modules}",
            f"site.groups_per_module={groups}", f"site.cells_per_group={cells}",
            "pcs.rated_power=200 W",
        )  # fmt: skip
        engine = build(parse_scenario(text, sizes, source="test", directory=tmp_path))
        assert show_pack(engine, tmp_path / f"{racks}.png").stat().st_size > 5_000


def test_no_global_figure_is_made(short_run: Path) -> None:
    from twin.runfiles.results import open_run

    with open_run(short_run) as run:
        overview(run)
    assert "matplotlib.pyplot" not in sys.modules
