"""Make the packaged fit of the packaged numbers again: `python -m cxkinetics.mechanism.published`."""

from pathlib import Path

from cxkinetics.mechanism.fit import fit_mechanism

if __name__ == "__main__":
    place = Path(__file__).with_name("published-fit.json")
    place.write_text(fit_mechanism(n_draws=1000).to_json() + "\n", encoding="utf-8")
