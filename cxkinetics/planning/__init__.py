"""Planning: which readings of a run tell most, and what they will tell."""

NAMES = {"SamplingPlan": "sampling", "plan_sampling": "sampling"}
VERBS = {"plan": "plan what to measure next: times of readings (sampling), doses and measurements (dose)"}
PLANS = {
    "sampling": (
        "when to take the readings of a run, and how narrow its intervals will be",
        "cxkinetics.planning.verbs.sampling",
    ),
}
ADVICE = "What to measure next: cxkinetics plan sampling --from FIT.json (cx.plan_sampling(fit) in Python)."
