"""Tails of count distributions, by arrays: how unusual is a count of that size or more.

A count with mean mu and variance phi * mu is negative binomial (size mu / (phi - 1), probability 1 / phi), Poisson where phi is 1, and binomial
(size mu / (1 - phi), probability 1 - phi) where counts are more even than that.
"""
import numpy as np
from scipy.special import betainc, gammainc


def upper_tail(count, mean, dispersion):
    """P(Y >= count), float64 of the arguments' common shape.

    count: integers >= 0; mean: > 0; dispersion: variance over mean, > 0.
    One or more: one less the chance of none. Negative binomial: I(1 - 1/phi; count, mean / (phi - 1)); Poisson: the lower incomplete gamma function; binomial: I(1 - phi; count, size - count + 1), also
    where the size is no whole number.
    """
    count, mean, phi = np.broadcast_arrays(np.asarray(count, float), np.asarray(mean, float), np.asarray(dispersion, float))
    out = np.ones(count.shape)
    use = (count == 1) & (phi >= 1)          # most counts by far where series are sparse, and a fifth of the work
    wide = np.maximum(phi[use], 1 + 1e-12)
    out[use] = -np.expm1(-mean[use] * np.log(wide) / (wide - 1))
    some = (count > 0) & ~use
    use = some & (phi == 1)
    out[use] = gammainc(count[use], mean[use])
    use = some & (phi < 1)
    left = mean[use] / (1 - phi[use]) - count[use] + 1
    out[use] = np.where(left > 1e-9, betainc(count[use], np.maximum(left, 1e-9), 1 - phi[use]), 0.)       # nothing lies above the size
    use = some & (phi > 1)
    out[use] = betainc(count[use], mean[use] / (phi[use] - 1), 1 - 1 / phi[use])
    return out


def mid_tail(count, mean, dispersion):
    """The mid-p value P(Y > count) + P(Y = count) / 2, float64: its mean is 1/2 and its law nearly uniform also where counts are small."""
    count = np.asarray(count)
    return (upper_tail(count, mean, dispersion) + upper_tail(count + 1, mean, dispersion)) / 2
