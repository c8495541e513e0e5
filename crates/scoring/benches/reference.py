"""Times the field's own packages on juries of the same shapes, and prints {"what at size": seconds} as JSON.

Needs krippendorff, pingouin, scipy, pandas and numpy; a package that is not there leaves its lines out.
"""

import json
import sys
import time

import numpy as np

RANDOM = np.random.default_rng(20270111)
SPARSE = [(400, 20, 12), (10_000, 200, 15)]
FULL = [(400, 20), (10_000, 20)]
EACH = 5


def best(run, seconds=2.0):
    """The best of several runs."""
    started, least, runs = time.perf_counter(), float("inf"), 0
    while runs < 1 or (runs < 50 and time.perf_counter() - started < seconds):
        start = time.perf_counter()
        run()
        least = min(least, time.perf_counter() - start)
        runs += 1
    return least


def jury(dossiers, jurors, criteria):
    """Marks by sheet, and who gave which."""
    who = np.array([(RANDOM.integers(jurors) + np.arange(EACH) * (1 + d % 3)) % jurors for d in range(dossiers)])
    level = RANDOM.integers(0, 4, (dossiers, 1, 1))
    marks = np.clip(level + RANDOM.integers(-1, 3, (dossiers, EACH, criteria)), 0, 5).astype(float)
    return who, marks


def sparse(times, dossiers, jurors, criteria):
    size = f"{dossiers}×{jurors}×{criteria}"
    who, marks = jury(dossiers, jurors, criteria)
    weights = np.arange(criteria) % 5 + 4.0
    means = marks.mean(axis=1)
    times[f"official ranking, whole derivation at {size}"] = best(lambda: np.argsort(-(marks.mean(axis=1) @ weights)))
    try:
        import krippendorff

        def table(values):
            wide = np.full((jurors, dossiers), np.nan)
            wide[who, np.arange(dossiers)[:, None]] = values
            return wide

        one = table(marks[:, :, 0])
        alpha = lambda wide: krippendorff.alpha(reliability_data=wide, level_of_measurement="interval")
        times[f"alpha, a criterion at {size}"] = best(lambda: alpha(one))
        # Beyond a few hundred dossiers the package needs more memory than there is.
        if dossiers <= 400:
            totals = table(marks @ weights / weights.sum())
            times[f"alpha, totals at {size}"] = best(lambda: alpha(totals))
            times[f"alpha, totals, from the marks at {size}"] = times[f"alpha, totals at {size}"]
    except ImportError:
        pass
    try:
        from scipy.sparse import coo_array
        from scipy.sparse.linalg import lsmr

        values = (marks @ weights / weights.sum()).ravel()
        rows = np.arange(dossiers * EACH)
        columns = np.concatenate([rows // EACH, dossiers + who.ravel()])
        design = coo_array((np.ones(2 * len(rows)), (np.tile(rows, 2), columns))).tocsr()
        times[f"additive model at {size}"] = best(lambda: lsmr(design, values, atol=1e-12, btol=1e-12))
    except ImportError:
        pass

    def smaa(first=20, block=500):
        counts = np.zeros((dossiers, first), dtype=np.int64)
        for _ in range(10_000 // block):
            scores = means @ RANDOM.dirichlet(np.ones(criteria), block).T
            top = np.argpartition(-scores, first, axis=0)[:first]
            order = np.argsort(-np.take_along_axis(scores, top, axis=0), axis=0)
            top = np.take_along_axis(top, order, axis=0)
            for rank in range(first):
                counts[:, rank] += np.bincount(top[rank], minlength=dossiers)
        return counts

    # The first twenty ranks only; the engine gives them all.
    times[f"SMAA, 10000 draws, all ranks at {size}"] = best(smaa)


def full(times, dossiers, jurors):
    size = f"{dossiers}×{jurors} full"
    marks = np.clip(RANDOM.integers(0, 4, (dossiers, 1)) + RANDOM.integers(-1, 3, (dossiers, jurors)), 0, 5).astype(float)
    try:
        import pandas as pd
        import pingouin

        long = pd.DataFrame(marks).stack().reset_index()
        long.columns = ["dossier", "juror", "mark"]
        run = lambda: pingouin.intraclass_corr(long, targets="dossier", raters="juror", ratings="mark")
        times[f"ICC with intervals at {size}"] = best(run)
    except ImportError:
        pass
    try:
        from scipy import stats

        times[f"Kendall's W at {size}"] = best(lambda: stats.friedmanchisquare(*marks))
    except ImportError:
        pass


TIMES = {}
for shape in SPARSE:
    sparse(TIMES, *shape)
for shape in FULL:
    full(TIMES, *shape)
json.dump(TIMES, sys.stdout, indent=1, ensure_ascii=False)
