"""An annex: least squares of any curve y = f(x), certified to many digits."""

NAMES = {"CurveFit": "result", "fit_curve": "fit"}
