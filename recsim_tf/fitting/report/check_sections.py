"""The sections of a report about checks."""

from recsim_tf.fitting.checks import FitChecks, Mean, PredictiveCheck
from recsim_tf.fitting.report import figures
from recsim_tf.formats import fixed, label, signed
from recsim_tf.pages import paragraph, plot, plots, table

_SMALL_P = 0.05
_QUANTITIES = {
    "clicks_per_session": "clicks of a session",
    "engagement_per_session": "engagement of a session (sum of rewards)",
    "engagement_per_step": "engagement of a step (reward)",
}


def findings(checks: FitChecks) -> list[str]:
    """The checks in one paragraph each."""
    found = []
    if checks.choices is not None:
        gain = checks.choices.gain
        found.append(
            f"Choices: on {'held-out' if checks.choices_are_held_out else 'fitted'} sessions the"
            f" model's log-likelihood a step is {signed(gain.value)} ± {fixed(gain.standard_error)}"
            " nats from that of the click frequencies of the positions."
        )
    if checks.calibration is not None:
        found.append(
            "Calibration: predicted click probabilities are off by"
            f" {fixed(checks.calibration.expected_error)} on average; perfect predictions would"
            f" show about {fixed(checks.calibration.noise)}."
        )
    statistics = checks.predictive.statistics
    small = sum(statistic.p_value < _SMALL_P for statistic in statistics.values())
    worst = max(statistics, key=lambda name: abs(statistics[name].z_score))
    found.append(
        f"Posterior-predictive checks: {small} of {len(statistics)} statistics have p < {_SMALL_P},"
        f" where chance alone gives about {_SMALL_P * len(statistics):.1f}. The furthest from its"
        f" prediction is {label(worst)}, z = {signed(statistics[worst].z_score, 1)}."
    )
    return [paragraph(text) for text in found]


def choices(checks: FitChecks) -> list[str]:
    """Log-likelihoods beside those of guesses."""
    scores = checks.choices
    if scores is None:
        return [_unpredictable(checks)]
    held_out = (
        "held out from the fit"
        if checks.choices_are_held_out
        else "those of the fit; none were held out"
    )
    parts = [
        paragraph(
            f"{scores.num_sessions:,} sessions of {scores.num_steps:,} steps, {held_out}. Each"
            " response is predicted from all that was logged before it."
        ),
        table(
            ["", "log-likelihood a step (nats)", "standard error"],
            [
                ("fitted model", *_nats(scores.model)),
                ("click frequencies of the positions", *_nats(scores.frequencies)),
                ("all outcomes alike", *_nats(scores.uniform)),
                ("fitted model beyond the frequencies", *_nats(scores.gain)),
            ],
        ),
    ]
    if scores.hit_rate is not None:
        hits, error = scores.hit_rate
        parts.append(
            paragraph(
                f"The likeliest of the outcomes, “no click” among them, came in {hits:.2%} ±"
                f" {error:.2%} of the steps."
            )
        )
    if scores.impossible:
        parts.append(
            paragraph(
                f"The model takes the responses of {scores.impossible:,} steps for impossible."
            )
        )
    note = (
        "Standard errors are between sessions. The frequencies are those of these same sessions,"
        " which gives them an advantage."
    )
    return [*parts, paragraph(note, note=True)]


def calibration(checks: FitChecks) -> list[str]:
    """The reliability of click probabilities."""
    found = checks.calibration
    if found is None:
        return [_unpredictable(checks)]
    caption = (
        f"Click probabilities of {int(found.num_shown.sum()):,} documents shown, in bins of about"
        " equal size. Mean distance from the diagonal (expected calibration error):"
        f" {fixed(found.expected_error)}; perfect predictions would show about"
        f" {fixed(found.noise)}."
    )
    return [
        plot(figures.calibration_plot(found), "Observed against predicted click rates", caption)
    ]


def predictive(check: PredictiveCheck) -> list[str]:
    """Simulated sessions beside logged ones."""
    intro = (
        f"The {check.num_sessions:,} fitted sessions, simulated again {check.num_replicates:,}"
        " times at the estimates under the slates that were logged; responses, innovations and"
        " departures are drawn. The parameters' uncertainty is left out."
    )
    rows = [
        (
            label(name),
            s.observed,
            s.predicted,
            *s.interval,
            signed(s.z_score, 1),
            fixed(s.p_value, 3),
        )
        for name, s in check.statistics.items()
    ]
    images = []
    if any(name.startswith("click_rate/") for name in check.statistics):
        images.append(
            plot(
                figures.click_rate_plot(check),
                "Click rates by position",
                "Click rates by position.",
            )
        )
    for name, histogram in check.histograms.items():
        if name == "session_length":
            images.append(
                plot(
                    figures.survival_plot(histogram),
                    "Session lengths",
                    "Session lengths: the share that reaches each step.",
                )
            )
        else:
            quantity = _QUANTITIES[name]
            png = figures.histogram_plot(quantity, histogram)
            images.append(
                plot(png, f"Distribution of the {quantity}", f"Distribution of the {quantity}.")
            )
    note = (
        f"p is two-sided and at least {fixed(2 / (check.num_replicates + 1), 3)} with so many"
        " simulations; z is the distance from the prediction in standard deviations of the"
        f" simulations. Of many statistics some have a small p by chance. {' '.join(check.notes)}"
    )
    return [
        paragraph(intro),
        table(["", "log", "predicted", "95 % from", "to", "z", "p"], rows),
        plots(images),
        paragraph(note, note=True),
    ]


def _unpredictable(checks: FitChecks) -> str:
    return paragraph(f"Choices were not predicted: {checks.unpredictable}.")


def _nats(mean: Mean) -> tuple[str, str]:
    return signed(mean.value), fixed(mean.standard_error)
