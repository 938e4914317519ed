"""How far coefficients of many regressions lie from 0, learnt from the series together: some have a slope or a season, others have none.

Adaptive shrinkage (Stephens 2017, Biostatistics 18:275): the coefficients of one kind come from a mixture of normal laws around 0, from one that is all 0
to one twice as wide as was given; how many series each law has is learnt from what they all show, and each series is drawn to 0 by what its own counts say of it.
"""
import numpy as np

SCALES = np.array([0, 1 / 8, 1 / 4, 1 / 2, 1, 2])       # widths of the laws over the given one
PRIOR_SERIES = 4.0            # so many series' worth of belief in the given width: what a few series show is little
STEPS = 30                    # of expectation and maximisation
STRONGEST = 1e6               # times the given precision: as good as 0


def learnt_precision(coef, covariance, held, given, kinds):
    """Prior precision of each coefficient of each series, float64 (k, n).

    coef: (k, n); covariance: (n, k, k) of the coefficients as they were fitted under the precisions `held` (k, n); given: (k,) precisions; kinds: (k,) ints,
    the columns of one kind are wide or narrow together; kind 0 is left alone.
    """
    whole = 1 / np.einsum("njj->jn", covariance)
    told = np.maximum(whole - held, 1e-6 * whole)            # what the counts alone say: its precision, and the coefficient it points to
    noise, alone = 1 / told, coef * whole / told
    out = np.repeat(given[:, None], coef.shape[1], 1)
    strength = PRIOR_SERIES * (SCALES == 1)
    for kind in set(kinds) - {0}:
        of = np.flatnonzero(kinds == kind)
        wide = (SCALES ** 2)[:, None, None] / given[of][None, :, None]
        seen = wide + noise[of]
        log = -(np.log(seen) + alone[of] ** 2 / seen).sum(1) / 2
        fits = np.exp(log - log.max(0))                      # (laws, series)
        share = np.full(len(SCALES), 1 / len(SCALES))
        for _ in range(STEPS):
            belongs = fits * share[:, None]
            belongs /= belongs.sum(0)
            share = (belongs.sum(1) + strength) / (coef.shape[1] + strength.sum())
        pull = np.einsum("sn,skn->kn", belongs, wide / seen)
        out[of] = np.minimum((1 / np.maximum(pull, 1e-6) - 1) * told[of], STRONGEST * given[of][:, None])
    return out
