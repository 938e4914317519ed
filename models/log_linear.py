"""Log-linear regressions of many count series on one design at once.

All series share the rows of X, so X'WX of every series is one matrix product with the columns' pairwise products; a Newton step is two matrix
products and one batched solve.
"""
import numpy as np

STEPS = 7
FRESH = (0, 1, 2, 4)    # steps that renew the curvature; between them the last one serves
LARGEST_STEP = 2.0      # of a coefficient in one step: keeps all-zero series from running away


def pairwise_products(X):
    """Products of the columns' pairs (i <= j), float32: curvature needs no more digits, the gradient decides where the optimum is."""
    i, j = np.triu_indices(X.shape[1])
    return (X[:, i] * X[:, j]).astype(np.float32)


def fit_log_linear(y, X, precision, offset=None, weights=None, start=None, steps=STEPS):
    """Penalised Poisson maximum likelihood, series by series.

    y: (n_rows, n_series) counts; X: (n_rows, k), first column constant; precision: (k,) or (k, n_series), the inverse prior variance of each
    coefficient (prior mean 0); offset: (n_rows, n_series), in logs; weights: (n_rows, n_series) in 0..1; start: (k, n_series).
    Returns (coef (k, n_series), covariance (n_series, k, k) of the coefficients for Poisson noise).
    """
    n, k = X.shape
    pairs = pairwise_products(X)
    precision = np.broadcast_to(np.asarray(precision, float).reshape(k, -1), (k, y.shape[1]))
    wy = y if weights is None else weights * y
    if start is None:
        ones = np.ones((n, 1)) if offset is None else np.exp(offset)
        exposure = (ones if weights is None else weights * ones).sum(0)
        start = np.zeros((k, y.shape[1]))
        start[0] = np.log((wy.sum(0) + .5) / np.maximum(exposure, 1e-9))
    coef = start.copy()
    Xwy = X.T @ wy
    i, j = np.triu_indices(k)
    diagonal = np.arange(k)
    covariance = np.empty((y.shape[1], k, k))
    for number in range(steps):
        eta = X @ coef
        if offset is not None:
            eta += offset
        w = np.exp(np.clip(eta, -30, 30, out=eta), out=eta)
        if weights is not None:
            w *= weights
        gradient = Xwy - X.T @ w - precision * coef
        if number in FRESH:
            curvature = w.astype(np.float32).T @ pairs
            hessian = np.empty((y.shape[1], k, k))
            hessian[:, i, j] = curvature
            hessian[:, j, i] = curvature
            hessian[:, diagonal, diagonal] += precision.T + 1e-9
            covariance = np.linalg.inv(hessian)
        step = np.matmul(covariance, gradient.T[:, :, None])[:, :, 0].T
        coef += np.clip(step, -LARGEST_STEP, LARGEST_STEP)
    return coef, covariance
