"""Writes reference.json: random juries, and what the field's own packages say of them.

    python -m venv /tmp/reference && /tmp/reference/bin/pip install krippendorff pingouin scipy numpy pandas
    /tmp/reference/bin/python make.py

The values come from krippendorff (alpha), pingouin (ICC), scipy (Friedman's statistic, from which Kendall's W; quantiles
of F) and numpy (least squares through the pseudo-inverse). Nothing here is computed by the code under test.
"""

import json
import pathlib
import warnings

import krippendorff
import numpy as np
import pandas as pd
import pingouin
from scipy import stats

RANDOM = np.random.default_rng(20270111)
# Bounds unrounded.
pingouin.options.update({key: 17 for key in pingouin.options if "CI95" in key})
METRICS = ["nominal", "ordinal", "interval", "ratio"]


def alphas(table):
    """Krippendorff's alpha by metric; None where the package refuses."""
    found = {}
    for metric in METRICS:
        try:
            value = float(krippendorff.alpha(reliability_data=table.T, level_of_measurement=metric))
            found[metric] = value if np.isfinite(value) else None
        except ValueError:
            found[metric] = None
    return found


def intraclass(table):
    """The six ICC, by pingouin's names, and their intervals unrounded."""
    units, raters = table.shape
    long = pd.DataFrame(
        [(unit, rater, table[unit, rater]) for unit in range(units) for rater in range(raters)],
        columns=["unit", "rater", "value"],
    )
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        frame = pingouin.intraclass_corr(long, targets="unit", raters="rater", ratings="value").set_index("Type")
    names = {"ICC(1,1)": "icc1_1", "ICC(A,1)": "icc2_1", "ICC(C,1)": "icc3_1"}
    names |= {"ICC(1,k)": "icc1_k", "ICC(A,k)": "icc2_k", "ICC(C,k)": "icc3_k"}
    return {
        names[kind]: {"value": float(row["ICC"]), "interval": [float(bound) for bound in row["CI95"]]}
        for kind, row in frame.iterrows()
    }


def kendall(table):
    """Kendall's W from Friedman's statistic, both corrected for ties."""
    units, raters = table.shape
    statistic = stats.friedmanchisquare(*table).statistic
    return float(statistic / (raters * (units - 1)))


def additive(table):
    """Least squares of value = unit + rater with rater effects of sum zero, and standard errors."""
    units, raters = table.shape
    rows, values = [], []
    for unit in range(units):
        for rater in range(raters):
            if np.isfinite(table[unit, rater]):
                row = np.zeros(units + raters)
                row[unit], row[units + rater] = 1, 1
                rows.append(row)
                values.append(table[unit, rater])
    design, values = np.array(rows), np.array(values)
    # Rater effects of sum zero: the last is minus the others.
    free = np.vstack([np.eye(raters - 1), -np.ones(raters - 1)])
    reduced = np.hstack([design[:, :units], design[:, units:] @ free])
    solution, _, rank, _ = np.linalg.lstsq(reduced, values, rcond=None)
    residuals = values - reduced @ solution
    degrees = len(values) - int(rank)
    variance = residuals @ residuals / degrees
    covariance = variance * np.linalg.pinv(reduced.T @ reduced)
    effects = free @ solution[units:]
    errors = np.sqrt(np.diag(free @ covariance[units:, units:] @ free.T))
    means = np.nanmean(table, axis=0)
    deviations = np.nanstd(table, axis=0, ddof=1)
    return {
        "effects": effects.tolist(),
        "standard_errors": errors.tolist(),
        "adjusted": solution[:units].tolist(),
        "means": means.tolist(),
        "deviations": deviations.tolist(),
        "z": np.nanmean((table - means) / deviations, axis=1).tolist(),
    }


def case(name, table):
    table = np.asarray(table, dtype=float)
    complete = bool(np.isfinite(table).all())
    return {
        "name": name,
        "table": [[None if np.isnan(value) else value for value in row] for row in table.tolist()],
        "krippendorff": alphas(table),
        "intraclass": intraclass(table) if complete else None,
        "kendall_w": kendall(table) if complete else None,
        "additive": additive(table),
    }


def jury(units, raters, spread, low, high, step):
    """Marks on a scale, with a level per unit and a severity per rater."""
    level = RANDOM.uniform(low, high, (units, 1))
    severity = RANDOM.normal(0, spread, (1, raters))
    marks = level + severity + RANDOM.normal(0, spread, (units, raters))
    return np.clip(np.round((marks - low) / step) * step + low, low, high)


def thin(table, per_unit):
    """Keeps `per_unit` raters of each unit, turning so that the design stays connected."""
    units, raters = table.shape
    kept = np.full(table.shape, np.nan)
    for unit in range(units):
        chosen = [(unit + step) % raters for step in range(per_unit)]
        kept[unit, chosen] = table[unit, chosen]
    return kept


def smaa(means, draws):
    """First-rank shares by plain Monte Carlo with numpy's own generator: compared loosely."""
    weights = RANDOM.dirichlet(np.ones(means.shape[1]), draws)
    scores = means @ weights.T
    ranks = (-scores).argsort(axis=0).argsort(axis=0)
    size = means.shape[0]
    return {
        "means": means.tolist(),
        "acceptability": [[float((ranks[row] == rank).mean()) for rank in range(size)] for row in range(size)],
    }


def quantiles():
    """Quantiles of F over several decades of degrees of freedom."""
    freedoms = [0.7, 1, 2.5, 7, 24, 180, 9_999, 189_981]
    return [
        {"p": p, "d1": d1, "d2": d2, "value": float(stats.f.ppf(p, d1, d2))}
        for p in [0.025, 0.5, 0.975]
        for d1 in freedoms
        for d2 in freedoms
    ]


CASES = [
    case("small-complete", jury(6, 3, 0.8, 0, 5, 1)),
    case("tall-complete", jury(40, 5, 1.2, 0, 5, 1)),
    case("half-steps", jury(25, 4, 0.6, 1, 4, 0.5)),
    case("continuous", jury(30, 6, 2.0, 0, 20, 1e-6)),
    case("incomplete", thin(jury(30, 8, 0.9, 0, 5, 1), 3)),
    case("sparse", thin(jury(60, 12, 1.1, 0, 10, 1), 2)),
    case("wide", jury(8, 30, 1.0, 0, 5, 1)),
]

OUT = {"cases": CASES, "smaa": smaa(RANDOM.uniform(0, 5, (7, 5)), 400_000), "f_quantiles": quantiles()}
pathlib.Path(__file__).with_name("reference.json").write_text(json.dumps(OUT, indent=1) + "\n")
