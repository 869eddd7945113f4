"""Scenarios: what loads, what is refused, and that every problem is named with its line."""

from __future__ import annotations

import json
import pickle
from collections.abc import Callable
from pathlib import Path

import pytest

from twin.scenarios.fault_windows import (
    Place,
)
from twin.scenarios.load import example_names, example_path, load_scenario, parse_scenario
from twin.scenarios.plant_fault_sections import (
    InternalShort,
)
from twin.scenarios.problems import ScenarioError
from twin.scenarios.scenario import Scenario
from twin.scenarios.schema import json_schema

BROKEN = Path(__file__).parent / "broken"
TEMPLATE = example_path("ev_us06").parents[1] / "templates" / "scenario.yaml"

# file: [(line, key path, part of the message)], in the order of the file, and nothing else
EXPECTED: dict[str, list[tuple[int | None, str, str]]] = {
    "misspelt_key": [(20, "cell.intial_soc", "did you mean 'initial_soc'?")],
    "wrong_dimension": [
        (6, "duration", "'10 V' is a voltage; expected a duration such as '10 min'"),
        (34, "wiring.fuse.melting_i2t", "'5 A' is a current"),
    ],
    "no_unit": [(6, "duration", "got 600 (a number without a unit)")],
    "out_of_range": [
        (20, "cell.initial_soc", "1.7 is out of range; expected 0 to 1"),
        (49, "thermal.coolant.inlet_temperature", "expected -50 degC to 100 degC"),
    ],
    "missing_profile": [(57, "environment.demand.profile", "shipped: hwfet")],
    "profile_with_gap": [(57, "environment.demand.profile", "line 23: a gap of 120 s")],
    "profile_too_short": [
        (54, "environment.ambient.column", "it has power_W"),
        (55, "environment.demand", "lasts 60 s, the run 600 s"),
    ],
    "duplicate_fault_names": [(97, "faults.1.name", "names must differ")],
    "no_such_cell": [
        (94, "faults.0.at.module", "a rack has 1 module, counted from 1"),
        (94, "faults.0.at.cell", "a group has 2 cells, counted from 1"),
    ],
    "plug_in_syntax": [(87, "ems.use", "or 'module:object'")],
    "duplicate_key": [(5, "", 'duplicate key "seed"')],
    "not_yaml": [(3, "", "not YAML")],
    "only_text": [(None, "", "expected a scenario")],
    "tagged": [(None, "", "is not allowed; a scenario is plain data")],
    "missing_section": [
        (None, "wiring", "missing; expected a section with joint_resistance"),
        (22, "cell.spread.capacity", "missing; expected a number, 0 to 0.3"),
    ],
    "period_not_a_multiple": [
        (8, "alert_step", "0.3 ms is not a multiple of 1 ms"),
        (83, "bms.period", "150 ms is not a multiple of the step 100 ms"),
        (94, "record.period", "50 ms is shorter than the step 100 ms"),
    ],
    "five_faults": [
        (4, "seed", "-1 is out of range"),
        (17, "cell.modell", "did you mean 'model'?"),
        (38, "layout.columns", "a module has 4 groups"),
        (64, "pcs.rated_power", "'300 V' is a voltage; expected a power"),
        (95, "faults.0.from", "15 min is not before the end of the run at 10 min"),
    ],
    "bad_faults": [
        (96, "faults.0.contactor", "did you mean 'minus'?"),
        (99, "faults.1.kind", "did you mean 'internal_short'?"),
        (101, "faults.2", "exactly one of 'from' (a time) and 'when' (a trigger)"),
        (112, "faults.3.offset", "'20 mA' is a current; expected a voltage"),
        (116, "faults.4.at.module", "this place needs rack"),
        (117, "faults.4.when.at.group", "a module has 4 groups"),
    ],
}


def refused(load: Callable[[], Scenario]) -> ScenarioError:
    """Return the error of a scenario that must not load."""
    with pytest.raises(ScenarioError) as error:
        load()
    return error.value


def template(*overrides: str) -> Scenario:
    """Return the starting point of `twin new scenario`, with overrides."""
    return load_scenario(TEMPLATE, overrides)


@pytest.mark.parametrize("name", sorted(EXPECTED))
def test_every_problem_of_a_broken_file_is_named_with_key_and_line(name: str) -> None:
    problems = refused(lambda: load_scenario(BROKEN / f"{name}.yaml")).problems
    expected = sorted(EXPECTED[name], key=lambda e: e[0] or 0)
    assert [(p.line, p.key_path) for p in problems] == [e[:2] for e in expected]
    for problem, (_, _, part) in zip(problems, expected, strict=True):
        assert part in problem.message


def test_a_plug_in_that_cannot_be_imported_is_left_to_the_registry(
    check_plugins: Callable[[Scenario], None] | None = None,
) -> None:
    scenario = load_scenario(BROKEN / "unimportable_plug_in.yaml")
    assert scenario.bms.use == "no_such_module:Factory"
    if check_plugins is not None:
        error = refused(lambda: check_plugins(scenario) or scenario)
        assert [p.key_path for p in error.problems] == ["bms.use"]


def test_no_broken_file_is_without_a_test() -> None:
    files = {path.stem for path in BROKEN.glob("*.yaml")}
    assert files == {*EXPECTED, "unimportable_plug_in"}


def test_a_problem_is_one_line_with_file_and_place() -> None:
    path = BROKEN / "out_of_range.yaml"
    first = str(refused(lambda: load_scenario(path))).splitlines()[0]
    assert first == f"{path}:20: cell.initial_soc: 1.7 is out of range; expected 0 to 1"


def test_an_error_survives_the_way_between_processes() -> None:
    error = refused(lambda: load_scenario(BROKEN / "five_faults.yaml"))
    again = pickle.loads(pickle.dumps(error))
    assert again.problems == error.problems


@pytest.mark.parametrize("name", example_names())
def test_a_shipped_example_loads(name: str) -> None:
    scenario = load_scenario(name)
    assert scenario.name == name
    assert scenario.text == example_path(name).read_text(encoding="utf-8")
    assert len(scenario.sha256) == 64


def test_values_are_si_under_the_keys_of_the_file() -> None:
    scenario = load_scenario("ev_us06_short")
    assert (scenario.duration, scenario.step, scenario.alert_step) == (2400.0, 0.02, 0.01)
    assert scenario.cell.initial_temperature == 298.15
    assert scenario.wiring.contactor.delay == 0.03
    assert scenario.pcs.ramp == 10.0
    assert scenario.sensors.group_voltage.noise == 0.001
    assert scenario.utc_offset_s == 7200.0
    assert scenario.environment.ambient == 298.15
    (fault,) = scenario.faults
    assert isinstance(fault, InternalShort)
    assert (fault.from_, fault.resistance) == (480.0, 0.5)
    # rack 1, module 4, group 6, cell 2 of 12 groups of 2 cells
    assert fault.at.cell_index(scenario.site) == ((4 - 1) * 12 + 6 - 1) * 2 + 1


def test_the_word_ambient_is_an_inlet_temperature() -> None:
    assert load_scenario("site_day").thermal.coolant.inlet_temperature == "ambient"


def test_a_scenario_is_frozen() -> None:
    with pytest.raises(ValueError, match="frozen"):
        template().cell.initial_soc = 0.1  # type: ignore[misc]


def test_a_place_of_the_last_cell_is_the_last_index() -> None:
    site = load_scenario("site_day").site
    last = Place(rack=3, module=10, group=12, cell=2)
    assert last.cell_index(site) == site.n_cells - 1 == 719
    assert last.group_index(site) == site.n_groups - 1
    assert last.module_index(site) == site.n_modules - 1


def test_a_place_finds_its_thermistor() -> None:
    scenario = load_scenario("site_day")  # two per module
    place = Place(rack=1, module=2, sensor=2)
    assert place.thermistor_index(scenario.site, scenario.sensors.temperature) == 3


def test_overrides_apply_before_validation_and_show_in_the_text() -> None:
    overrides = ["cell.initial_soc=0.5", "duration=10 min", "faults.0.resistance=2 ohm"]
    scenario = load_scenario("ev_us06_short", [*overrides, "ems.options.x=1"])
    assert (scenario.cell.initial_soc, scenario.duration) == (0.5, 600.0)
    assert isinstance(scenario.faults[0], InternalShort)
    assert scenario.faults[0].resistance == 2.0
    assert scenario.ems.options["x"] == 1
    assert scenario.sha256 != load_scenario("ev_us06_short").sha256
    assert parse_scenario(scenario.text).model_dump() == scenario.model_dump()
    assert "# one weld and its strap, per cell" in scenario.text


@pytest.mark.parametrize(
    ("override", "key_path", "says"),
    [
        ("cell.initial_soc=2", "cell.initial_soc", "2 is out of range"),
        ("cell.intial_soc=0.5", "cell.intial_soc", "did you mean"),
        ("nothing", "", "expected KEY.PATH=VALUE"),
        ("faults.3.resistance=1 ohm", "", "faults has 1 entries"),
        ("duration.x=1", "", "duration is a single value"),
        ("cell=[", "", ""),
        ("site={racks: 1}", "site.cells_per_group", "missing"),
        ("seed=", "seed", "expected a whole number, got nothing"),
    ],
)
def test_a_wrong_override_is_named(override: str, key_path: str, says: str) -> None:
    problems = refused(lambda: load_scenario("ev_us06_short", [override])).problems
    fitting = [p for p in problems if p.key_path == key_path]
    assert fitting
    assert fitting[0].source == f"--set {override}"
    assert fitting[0].line is None
    assert says in fitting[0].message


def test_problems_of_overrides_and_of_the_file_come_together() -> None:
    error = refused(lambda: load_scenario(BROKEN / "no_unit.yaml", ["seed=-1", "nonsense"]))
    assert {p.key_path for p in error.problems} == {"", "seed", "duration"}


def test_an_unknown_name_lists_the_examples() -> None:
    assert ", ".join(example_names()) in str(refused(lambda: load_scenario("nothing")))


@pytest.mark.parametrize(
    ("overrides", "key_path", "says"),
    [
        (["start=2026-06-15T08:00:00"], "start", "has no time zone"),
        (["start=yesterday"], "start", "expected a date and time"),
        (["pcs.voltage_min=300 V"], "pcs.voltage_min", "never reached"),
        (["cell.initial_soc=0.99"], "cell.spread.initial_soc", "outside 0 to 1"),
        (["duration=10.05 s"], "duration", "not a multiple of the step"),
        (["step=2 s"], "bms.period", "shorter than the step"),
        (["duration=20 min"], "environment.demand.steps", "last 10 min, the run 20 min"),
        (["environment.demand=null"], "environment", "nothing loads the pack"),
        (["environment.demand={kind: vehicel}"], "environment.demand.kind", "mean 'vehicle'?"),
        (["environment.demand=5"], "environment.demand", "expected a section with keys"),
        (["site.racks=1.5"], "site.racks", "expected a whole number"),
        (["site.racks=true"], "site.racks", "expected a whole number"),
        (["pcs.loss=[0.1, 0.2]"], "pcs.loss.2", "missing"),
        (["environment.ambient=400 degC"], "environment.ambient", "out of range"),
        (["record.block=500 ms"], "record.block", "shorter than record.period"),
        (["sensors.temperature.per=rack"], "sensors.temperature.per", "expected one of"),
        (["name=a b"], "name", "has characters"),
        (["wiring.contactor.delay=0.5 ms"], "wiring.contactor.delay", "multiple of 1 ms"),
    ],
)
def test_a_wrong_value_is_refused_at_its_key(
    overrides: list[str], key_path: str, says: str
) -> None:
    problems = refused(lambda: template(*overrides)).problems
    assert key_path in {p.key_path for p in problems}
    assert any(p.key_path == key_path and says in p.message for p in problems)


def with_fault(text: str) -> Scenario:
    """Return the template with one fault written in flow style."""
    return template(f"faults=[{{{text}}}]")


@pytest.mark.parametrize(
    ("text", "problem"),
    [
        (
            "name: a, kind: sensor_offset, channel: temperature, from: 1 min, offset: 2 K, "
            "at: {rack: 1, module: 1, group: 1}",
            "",
        ),
        (
            "name: a, kind: sensor_offset, channel: temperature, from: 1 min, offset: 2 degC, "
            "at: {rack: 1, module: 1, group: 1}",
            "is a temperature; expected a temperature difference",
        ),
        ("name: a, kind: sensor_lost, channel: bus_voltage, from: 1 min", ""),
        ("name: a, kind: sensor_lost, channel: bus, from: 1 min", "unknown channel 'bus'"),
        ("name: a, kind: sensor_stuck, channel: rack_current, from: 1 min", "lacks rack"),
        ("name: a, kind: coolant_loss, at: {rack: 1}, from: 0 s, until: 9 s, remaining: 0.5", ""),
        (
            "name: a, kind: coolant_loss, at: {rack: 1}, from: 9 s, until: 9 s, remaining: 0.5",
            "before it begins",
        ),
        (
            "name: a, kind: coolant_loss, at: {rack: 1}, remaining: 0, when: {channel: "
            "measured/temperature_K, at: {rack: 1, module: 1, group: 4}, above: 60 degC, for: 5 s}",
            "",
        ),
        (
            "name: a, kind: coolant_loss, at: {rack: 1}, remaining: 0, when: {channel: "
            "truth/bus_voltage_V, above: 9 V, below: 8 V}",
            "exactly one of 'above' and 'below'",
        ),
        (
            "name: a, kind: coolant_loss, at: {rack: 1}, remaining: 0, when: {channel: "
            "truth/bus_voltage_V, above: 9 A}",
            "is a current; expected a voltage",
        ),
    ],
)
def test_a_fault_is_taken_or_refused(text: str, problem: str) -> None:
    if not problem:
        assert with_fault(text).faults[0].name == "a"
    else:
        assert problem in str(refused(lambda: with_fault(text)))


def test_a_sensor_that_is_not_fitted_cannot_fail() -> None:
    fault = "{name: a, kind: sensor_lost, channel: ambient, from: 1 s}"
    error = refused(lambda: template("sensors.ambient=null", f"faults=[{fault}]"))
    assert "is not fitted" in str(error)


def test_the_alert_step_defaults_to_at_most_the_step() -> None:
    text = TEMPLATE.read_text(encoding="utf-8").replace('alert_step: "50 ms"', "")
    assert parse_scenario(text).alert_step == 0.1
    finer = ["step=50 ms", "bms.period=100 ms"]
    assert parse_scenario(text, finer).alert_step == 0.05


def test_nested_aliases_do_not_grow_without_end() -> None:
    lines = ["a0: &a0 [0, 0, 0, 0, 0, 0, 0, 0, 0, 0]"]
    lines += [f"a{k}: &a{k} [{', '.join([f'*a{k - 1}'] * 10)}]" for k in range(1, 9)]
    assert "too deeply" in str(refused(lambda: parse_scenario("\n".join(lines))))


def test_the_schema_describes_units_as_text_with_an_example() -> None:
    schema = json_schema()
    json.dumps(schema)
    duration = schema["properties"]["duration"]
    assert duration["type"] == "string"
    assert duration["examples"] == ["10 min"]
    assert set(schema["properties"]) == {
        info.alias or name for name, info in Scenario.model_fields.items()
    }
    assert schema["additionalProperties"] is False
