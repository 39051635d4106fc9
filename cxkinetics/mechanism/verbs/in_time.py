"""`predict --time` and `dose --time`: the mechanism's answer beside that of the dose table's samples."""

import argparse
from typing import TYPE_CHECKING

from cxkinetics.errors import UsageError

if TYPE_CHECKING:
    from cxkinetics.composition.dose import DoseAdvice
    from cxkinetics.composition.predict import Prediction
    from cxkinetics.mechanism.result import MechanismFit


def predict(args: argparse.Namespace, quenched: "Prediction") -> int:
    """Print the composition at a dose and a time."""
    from cxkinetics.cli.terminal import text_width
    from cxkinetics.composition.verbs.predict import answer
    from cxkinetics.mechanism.predict import predict_in_time
    from cxkinetics.options import finite, seconds

    try:
        time = finite(args.time, seconds)
    except ValueError:
        raise UsageError(f"--time is {args.time!r}; it must be a time such as 30, 30s or 0.5min") from None
    result = predict_in_time(
        quenched.dose_percent,
        time,
        fit=_fit(args),
        quenched=quenched,
        extrapolate=args.extrapolate,
        confidence=args.confidence,
    )
    return answer(result, args, "predict", width=text_width())


def dose(args: argparse.Namespace, quenched: "DoseAdvice") -> int:
    """Print the dose for a target at a time, or the best dose and time."""
    from cxkinetics.cli.terminal import text_width
    from cxkinetics.composition.verbs.predict import answer
    from cxkinetics.mechanism.predict import dose_in_time
    from cxkinetics.options import finite, seconds

    try:
        time = None if args.time == "best" else finite(args.time, seconds)
    except ValueError:
        raise UsageError(
            f"--time is {args.time!r}; it must be a time such as 30, 30s or 0.5min, or best"
        ) from None
    result = dose_in_time(
        args.target,
        time,
        fit=_fit(args),
        quenched=quenched,
        min_purity=args.min_purity,
        max_byproduct=args.max_byproduct,
        confidence=args.confidence,
    )
    return answer(result, args, "dose", width=text_width())


def _fit(args: argparse.Namespace) -> "MechanismFit":
    """Return the fit behind the answer, refused where it knows nothing of the table or the system."""
    from cxkinetics.mechanism.predict import fit_of

    told = args.table or args.measurements
    if told is not None and args.fit is None:
        raise UsageError(
            f"--time needs a mechanism that was fitted to {told}; run cxkinetics mechanism --table FILE "
            "--published --out mine, then give --fit mine/mechanism.json"
        )
    fit = fit_of(args.fit)
    if fit.scheme.system != args.system:
        raise UsageError(
            f"the fitted mechanism is of {fit.scheme.system or 'no packaged system'}, not {args.system}; fit "
            "one with cxkinetics mechanism --mechanism FILE.toml and give it as --fit"
        )
    return fit
