"""Model files and checkpoints: what holds a network with all that is needed to use it, or to go on training it."""

from __future__ import annotations

from pathlib import Path
from typing import Any, NamedTuple

from .. import nn
from .._config import __version__
from ..datasets.reading import InputError
from ..serialization import CheckpointError, load, save
from .preparation import Feature, Target, describe, restore
from .recipe import Result, Settings, as_dictionary, build

FORMAT = "minigrad model"


class Saved(NamedTuple):
    """What a model file holds."""

    features: list[Feature]
    target: Target
    model: nn.Sequential
    about: dict[str, Any]


def write_model(result: Result, path: Path) -> None:
    """Write network, preparation, and how it was trained. The bytes depend on data and settings alone."""
    records = [{name: v for name, v in record.items() if name != "seconds"} for record in result.history]
    about = {
        "format": FORMAT,
        "version": __version__,
        "data": result.problem.title,
        "settings": as_dictionary(result.settings),
        "epochs": len(result.history),
        "best_epoch": result.best_epoch,
        "metrics": result.metrics,
        "notes": result.problem.notes,
        "rows": {name: len(part.y) for name, part in result.problem.parts.items()},
        "features": [describe(feature) for feature in result.problem.features],
        "target": describe(result.problem.target),
        "history": {name: [record.get(name) for record in records] for name in (records[0] if records else ())},
    }
    save({"about": about, "model": dict(result.model.state_dict())}, path)


def read_model(source: str) -> Saved:
    """Return what a model file holds; InputError where it is none."""
    content = _read(source, "model")
    try:
        about = content["about"]
        if about["format"] != FORMAT:
            raise ValueError(about["format"])
        features = [restore(described) for described in about["features"]]
        target = restore(about["target"])
        # The sizes come from the weights, so that a file cannot ask for more memory than it fills.
        weights = [w for name, w in content["model"].items() if name.endswith("weight")]
        hidden = [w.shape[0] for w in weights[:-1]]
        model = build(sum(feature.width for feature in features), target.outputs, hidden, about["settings"]["dropout"])
        model.load_state_dict(content["model"])
    except (LookupError, TypeError, ValueError, AttributeError, RuntimeError) as error:
        raise InputError(f"{source} is no model file of minigrad train") from error
    return Saved(features, target, model.eval(), about)


def read_checkpoint(path: Path, fingerprint: dict[str, Any]) -> dict[str, Any]:
    """Return a checkpoint's content; InputError unless it was made with the same data and settings."""
    if not path.exists():
        raise InputError(f"{path} does not exist: there is nothing to resume; a run that ended leaves no checkpoint")
    content = _read(str(path), "checkpoint")
    made_with = content.get("made_with")
    if not isinstance(made_with, dict) or "run" not in content:
        raise InputError(f"{path} is no checkpoint of minigrad train")
    for name, value in fingerprint.items():
        if made_with.get(name) != value and name == "columns":
            raise InputError(f"{path} was made with data of other columns")
        if made_with.get(name) != value:
            raise InputError(f"{path} was made with {name} = {made_with.get(name)}, not {value}: resume with the same")
    return content


def fingerprint(settings: Settings, title: str, columns: list[str], rows: int) -> dict[str, Any]:
    """Return what has to be the same when a run goes on."""
    return {"data": title, "columns": columns, "rows": rows, **as_dictionary(settings)}


def _read(source: str, what: str) -> dict[str, Any]:
    try:
        content = load(source)
    except FileNotFoundError:
        raise InputError(f"{source} does not exist") from None
    except (CheckpointError, OSError) as error:
        raise InputError(f"{source} is no {what} file, or is damaged") from error
    if not isinstance(content, dict):
        raise InputError(f"{source} is no {what} file")
    return content
