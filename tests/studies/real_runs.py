"""Verdicts on real kinetic runs, one line each: effect size, lead over the best smooth curve, width, p.

`python -m tests.studies.real_runs` reads ../shared/data/real and says so where it is absent.
"""

import sys
from pathlib import Path

import cxkinetics as cx
from cxkinetics.signals.trace import Trace

REAL = Path(__file__).resolve().parents[3] / "shared" / "data" / "real"
FOLDERS = ("kimetics", "kin-csv", "kin-txt", "hitachi", "sf-olis")


def line(trace: Trace) -> str:
    """Return what is said of one run."""
    try:
        fit = cx.fit_stages(trace)
        growth = False
    except cx.CxKineticsError:
        fit, growth = cx.fit_stages(trace, direction="growth"), True
    ratio = "-" if fit.rate_ratio is None else str(fit.rate_ratio)
    width = "-" if fit.switch_width_s is None else str(fit.switch_width_s)
    smooth = [r.aicc for r in fit.rivals if r.aicc is not None and "stage" not in r.model]
    staged = [
        r.aicc for r in fit.rivals if r.aicc is not None and "stage" in r.model and "drift" not in r.model
    ]
    lead = f"{min(smooth) - min(staged):.1f}" if smooth and staged else "-"
    kind = " (growth)" if growth else ""
    return f"{fit.verdict.code}{kind}; k1/k2 {ratio}; lead {lead}; width {width}; p {fit.verdict.p_value}"


def main() -> None:
    if not REAL.is_dir():
        print(f"skipped: {REAL.name} is not there; it holds the real runs", file=sys.stderr)
        return
    for file in sorted(path for folder in FOLDERS for path in (REAL / folder).iterdir()):
        try:
            loaded = cx.load(file)
            traces = loaded if isinstance(loaded, list) else [loaded]
            for trace in traces:
                if isinstance(trace, Trace):
                    name = f"{file.parent.name}/{file.name} {trace.label}"
                    print(f"{name}: {line(trace)}", flush=True)
        except cx.CxKineticsError as error:
            print(f"{file.parent.name}/{file.name}: {str(error)[:120]}", flush=True)


if __name__ == "__main__":
    main()
