"""Where a level stands now: counts of ever shorter memory against their expectation, each believed as far as levels are seen to move.

Gamma-Poisson shrinkage with the variance of the moves from all series together (empirical Bayes, moments).
"""
import numpy as np

PRIOR_MOVE = 0.02             # variance of a level's move that is believed before seeing any
PRIOR_MOVE_SERIES = 8.0       # … as strongly as that many series would say


#: Values that don't differ at all are shrunk as if the pool were worth so many rows.
MOST_ALIKE = 1e4


def believed(values, information, prior, strength):
    """Estimates shrunk towards their pooled mean, itself shrunk to `prior` with `strength`; information: in rows."""
    pooled = (np.sum(information * values) + strength * prior) / (np.sum(information) + strength)
    return (information * values + strength * pooled) / (information + strength)


def believed_alike(values, information, prior, strength):
    """As `believed`, shrunk the more the less the true values differ (moments; empirical Bayes of Efron & Morris 1973).

    values: dispersions, whose noise variance is 2 values ** 2 / information; information: in rows. `strength` is the least that they are shrunk by.
    """
    pooled = (np.sum(information * values) + strength * prior) / (np.sum(information) + strength)
    noise = 2 * pooled ** 2 / np.maximum(information, 1e-9)
    weight = 1 / noise ** 2
    seen = np.minimum((values - pooled) ** 2, 9 * noise) - noise
    differ = np.sum(weight * seen) / max(np.sum(weight), 1e-300)
    strength = max(strength, min(2 * pooled ** 2 / max(differ, 1e-9), MOST_ALIKE))
    return (information * values + strength * pooled) / (information + strength)


def moves(ratio, noise):
    """Variance of the true ratios around 1, given observed ones and their noise variances.

    Moments, weighted by what each series tells; single outbreaks are cut at three standard deviations.
    """
    variance = PRIOR_MOVE
    for _ in range(6):
        weight = 1 / (noise + variance + 1e-4) ** 2
        strength = PRIOR_MOVE_SERIES * np.max(weight, initial=1e-12)
        seen = np.minimum((ratio - 1) ** 2, 9 * (noise + variance)) - noise
        variance = float(np.clip((np.sum(weight * seen) + strength * PRIOR_MOVE / 4) / (np.sum(weight) + strength), 0, 2))
    return variance


def ladder(y, mu, ages, phi, memories, move=moves):
    """(factor (n_series,), doubt (n_series,)) by which recent counts stand off their expectation.

    y, mu: (n_rows, n_series); ages: (n_rows,) periods before the anchor; phi: (n_series,); memories: half-lives, longest first (inf: everything).
    """
    factor, doubt = np.ones(y.shape[1]), np.zeros(y.shape[1])
    for memory in memories:
        w = np.ones(len(ages)) if np.isinf(memory) else .5 ** (ages / memory)
        seen, due, square = w @ y, (w @ mu) * factor, (w * w) @ mu * factor
        due = np.maximum(due, 1e-9)
        noise = phi * np.maximum(square, 1e-12) / due ** 2
        ratio = seen / due
        variance = move(ratio, noise)
        pull = variance / (variance + noise)
        factor = factor * (1 + pull * (ratio - 1))
        doubt = pull * noise + (1 - pull) ** 2 * doubt
    return np.maximum(factor, 1e-6), doubt
