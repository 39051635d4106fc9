"""Smooth rate laws that bend: order n, saturation, layer diffusion, delayed onset, a general smooth rate.

Each is told by its share x of the start, x(0) = 1, so that the amplitude stays linear. Laws that end in
finite time stay at zero afterwards. Times are scaled to a span of one, as in `cxkinetics.models.decays`.

References
----------
L. Michaelis, M. L. Menten, Biochem. Z. 49, 333 (1913); S. Schnell, C. Mendoza, J. Theor. Biol. 187, 207
(1997), doi 10.1006/jtbi.1997.0425 (saturation in closed form); W. Jander, Z. anorg. allg. Chem. 163, 1
(1927), doi 10.1002/zaac.19271630102; A. M. Ginstling, B. I. Brounshtein, J. Appl. Chem. USSR 23, 1327
(1950); A. Khawam, D. R. Flanagan, J. Phys. Chem. B 110, 17315 (2006), doi 10.1021/jp062746a (orders of
contracting bodies, and diffusion through a layer of product).
"""

from functools import lru_cache, partial

import numpy as np
from numpy.polynomial.legendre import leggauss
from scipy.special import wrightomega

from cxkinetics.arrays import Array, IntArray
from cxkinetics.models.decays import DECAYS, Shape, unit_gain
from cxkinetics.models.families import LARGEST_EXPONENT

EARLY = 0.1
"""t1 of the smooth rate in ln(1 + t/t1), in spans."""
FINEST = 1 / 64
"""Longest part, in spans, over which a smooth rate is integrated by `NODES` points: the share left is then
right to 1e-6 or so while each coefficient stays within 2, and to 1e-4 within 4."""
NODES = 4
STEEPEST = 40.0
"""Largest |ln| of a smooth rate."""


def _order(time: Array, nonlinear: Array) -> tuple[Array, Array]:
    """Return x of dx/dt = -k x^n: [1 - (1 - n) k t]^(1/(1 - n)), zero from its end on."""
    k, n = nonlinear[:, :1], nonlinear[:, 1:2]
    m, run = 1.0 - n, k * time
    z = m * run
    over, small = z >= 1.0, np.abs(z) < 1e-5
    safe = np.where(over | small, 0.5, z)
    fall = np.where(small, run * (1 + z / 2 + z * z / 3), -np.log1p(-safe) * run / safe)  # -ln x
    fall = np.minimum(fall, 700.0)
    x = np.where(over, 0.0, np.exp(-fall))
    by_run = np.where(over, 0.0, np.exp(-np.minimum(n * fall, 700.0)))  # x^n, the rate
    bend = np.where(small, -(0.5 + 2 * z / 3), (-safe / (1 - safe) - np.log1p(-safe)) / safe**2)
    slopes = np.stack([-time * by_run, -x * bend * run**2], axis=1)
    return x[:, None, :], slopes[:, :, None, :]


def _saturation(time: Array, nonlinear: Array) -> tuple[Array, Array]:
    """Return x of dx/dt = -k x/(1 - w + w x), w = C/(C + Km): (1 - w) ln x + w (x - 1) = -k t."""
    k, w = nonlinear[:, :1], nonlinear[:, 1:2]
    run, rest = k * time, 1.0 - w
    share = np.maximum(w, 1e-300) / rest
    omega = wrightomega((w - run) / rest + np.log(share))
    log_x = (w - run) / rest - omega
    large = (w > 0.5) & (omega > 1e-280)  # there the difference above loses digits
    x = np.where(large, np.minimum(omega / share, 1.0), np.exp(np.minimum(log_x, 0.0)))
    log_x = np.where(large, np.log(np.where(large, x, 1.0)), log_x)
    weight = x / (rest + w * x)
    slopes = np.stack([-time * weight, weight * (1.0 - x + log_x)], axis=1)
    return x[:, None, :], slopes[:, :, None, :]


def _layer(time: Array, nonlinear: Array, law: str) -> tuple[Array, Array]:
    """Return x where a layer of product slows the reaction; all is converted at k t = 1."""
    k = nonlinear[:, :1]
    run = np.clip(k * time, 0.0, 1.0)
    root = np.sqrt(run)
    half = root / np.maximum(2 * k, 1e-300)  # t/(2 sqrt(k t)), finite at t = 0
    if law == "parabolic":  # (1 - x)^2 = k t
        x, slope = 1.0 - root, -half
    elif law == "jander":  # (1 - x^(1/3))^2 = k t
        x, slope = (1.0 - root) ** 3, -3 * (1.0 - root) ** 2 * half
    else:  # 1 - 3 x^(2/3) + 2 x = k t, a cubic in x^(1/3)
        third = 2 * np.arcsin(root) / 3
        y = 0.5 - np.sin(third - np.pi / 6)
        ratio = np.where(root > 1e-8, (1.0 - y) / np.where(root > 1e-8, root, 1.0), 1 / np.sqrt(3.0))
        x, slope = y**3, -y * half / ratio
    slope = np.where(k * time < 1.0, slope, 0.0)
    return x[:, None, :], slope[:, None, None, :]


def _delayed(time: Array, nonlinear: Array) -> tuple[Array, Array]:
    """Return x of dx/dt = -k (1 - exp(-t/td)) x."""
    k, delay = nonlinear[:, :1], nonlinear[:, 1:2]
    z = time / delay
    unit, slope = unit_gain(z)
    spent = time * (1.0 - unit)
    x = np.exp(-np.clip(k * spent, -LARGEST_EXPONENT, 700.0))
    slopes = np.stack([-spent * x, -k * x * z**2 * slope], axis=1)
    return x[:, None, :], slopes[:, :, None, :]


def rate_basis(time: Array, degree: int, early: bool) -> Array:
    """Return P_1 ... P_degree (degree, *time.shape) of the polynomial that ln k(t) is."""
    u = np.log1p(time / EARLY) / np.log1p(1 / EARLY) if early else time
    v = 2 * u - 1
    basis: Array = np.stack([v, (3 * v**2 - 1) / 2, (5 * v**3 - 3 * v) / 2][:degree])
    return basis


def _smooth_rate(time: Array, nonlinear: Array, early: bool) -> tuple[Array, Array]:
    """Return x of dx/dt = -k(t) x, ln k(t) = ln k + sum a_j P_j(u), P_j Legendre on [0, 1].

    u is t, or ln(1 + t/t1) scaled to one at t = 1 where `early`; the integral of k(t) is taken by
    Gauss and Legendre's rule over every gap of the times.
    """
    basis, weight, first = _rule(time.tobytes(), nonlinear.shape[1] - 1, early)
    exponent = nonlinear[:, 1:] @ basis
    rate = nonlinear[:, :1] * np.exp(np.clip(exponent, -STEEPEST, STEEPEST)) * weight
    parts = np.concatenate([rate[:, None], rate[:, None] * basis], axis=1)
    parts = parts.reshape(*parts.shape[:2], -1, NODES).sum(axis=3)
    spent = np.zeros((*parts.shape[:2], parts.shape[2] + 1))
    np.cumsum(parts, axis=2, out=spent[:, :, 1:])
    spent = spent[:, :, first]
    x = np.exp(-np.minimum(spent[:, 0], 700.0))
    slopes = -x[:, None, :] * spent
    slopes[:, 0] /= nonlinear[:, :1]
    return x[:, None, :], slopes[:, :, None, :]


@lru_cache(maxsize=16)
def _rule(times: bytes, degree: int, early: bool) -> tuple[Array, Array, IntArray]:
    """Return the basis (degree, N) and weights (N,) at the nodes, and where each time stands among parts."""
    edges, first = _parts(np.frombuffer(times))
    place, weight = leggauss(NODES)
    width = np.diff(edges)[:, None]
    node = (edges[:-1, None] + width * (place + 1) / 2).ravel()
    return rate_basis(node, degree, early), (weight * width / 2).ravel(), first


def _parts(time: Array) -> tuple[Array, IntArray]:
    """Return edges (E,) from zero on, parts of at most `FINEST`, and where each time stands among them."""
    knots = np.concatenate([[0.0], time[time > 0.0]])
    gaps = np.diff(knots)
    count = np.maximum(np.ceil(gaps / FINEST).astype(int), 1)
    last = np.cumsum(count)
    step = np.arange(int(last[-1]) if last.size else 0) - np.repeat(last - count, count) + 1
    inner = np.repeat(knots[:-1], count) + np.repeat(gaps / count, count) * step
    after = np.zeros(time.size, dtype=np.intp)
    after[time > 0.0] = last
    return np.concatenate([[0.0], inner]), after


_FINE = tuple(float(k) for k in np.geomspace(0.05, 200.0, 36))
_COARSE = tuple(float(k) for k in np.geomspace(0.1, 60.0, 14))


def rate_name(degree: int, early: bool) -> str:
    """Return the name of a smooth rate."""
    return f"smooth rate{', early' if early else ''}, degree {degree}"


def _rate_shape(degree: int, early: bool) -> Shape:
    names = tuple(f"a{j}" for j in range(1, degree + 1))
    further = {1: ((),), 2: ((0.0,), (0.8,), (-0.8,)), 3: ((0.0, 0.0), (0.8, 0.0), (-0.8, 0.0))}[degree]
    clock = "ln(1 + t/t1), t1 a tenth of the span" if early else "t"
    return Shape(
        rate_name(degree, early),
        ("k", *names),
        1,
        partial(_smooth_rate, early=early),
        (1e-6, *(-15.0,) * degree),
        (1e5, *(15.0,) * degree),
        tuple((k, a, *b) for k in _COARSE for a in (-2.5, -1.2, -0.4, 0.3, 1.2) for b in further),
        f"ln k(t) is a polynomial of degree {degree} in {clock} (Legendre's over the trace; k is its "
        "geometric mean): no mechanism, a test of breaks",
        kind="rate",
    )


_LAWS = (
    Shape(
        "order n",
        ("k", "n"),
        1,
        _order,
        (1e-6, 0.0),
        (1e6, 3.0),
        tuple((k, n) for k in _FINE for n in (0.0, 0.25, 0.5, 0.67, 1.3, 2.0, 2.8)),
        "dA/dt = -k C (A/C)^n: n = 0 zero order, 1/2 a shrinking cylinder, 2/3 a shrinking sphere",
    ),
    Shape(
        "saturation",
        ("k", "saturation"),
        1,
        _saturation,
        (1e-6, 0.0),
        (1e6, 0.99),
        tuple((k, w) for k in _FINE for w in (0.1, 0.4, 0.7, 0.9, 0.97)),
        "Michaelis-Menten or Langmuir: k the relative rate at the start, saturation = C/(C + Km)",
    ),
    *(
        Shape(
            name,
            ("k",),
            1,
            partial(_layer, law=law),
            (1e-6,),
            (1e6,),
            tuple((k,) for k in _FINE),
            f"{said} through a growing layer of product; complete at t = 1/k",
            from_start=True,
        )
        for name, law, said in (
            ("parabolic diffusion", "parabolic", "diffusion"),
            ("Jander diffusion", "jander", "diffusion into spheres"),
            ("Ginstling-Brounshtein diffusion", "ginstling", "diffusion into shrinking spheres"),
        )
    ),
    Shape(
        "delayed exponential",
        ("k", "td"),
        1,
        _delayed,
        (1e-6, 3e-3),
        (1e6, 10.0),
        tuple((k, d) for k in _COARSE for d in (0.02, 0.06, 0.2, 0.6)),
        "the rate rises to k as 1 - exp(-t/td): an induction",
        from_start=True,
    ),
    *(_rate_shape(degree, early) for early in (False, True) for degree in (1, 2, 3)),
)
LAWS: dict[str, Shape] = {shape.name: shape for shape in _LAWS}
"""The bent laws by name."""
SHAPES: dict[str, Shape] = DECAYS | LAWS
"""Every smooth shape by name."""
