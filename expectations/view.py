"""What Great Expectations gets to see of a batch: NumPy-backed pandas frames without a text, a name or a number of anybody's.

Built without pyarrow, which isn't installed and would be five times slower in Great Expectations.
"""
from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING

import numpy as np
import polars as pl

from expectations.codes import codes_of
from policy.rules import Finding

if TYPE_CHECKING:
    import pandas as pd

#: Prefix of the columns that say which rows a rule spoke about: 1 or 0.
RULE = "rule_"


def plain_values(frame: pl.DataFrame, columns: Mapping[str, pl.Expr]) -> pl.DataFrame:
    """The view's columns in polars: texts as they are, everything else Float64; moments are seconds since 1970, UTC."""
    values = frame.select(expression.alias(name) for name, expression in columns.items())
    return values.with_columns(
        (pl.col(name).dt.epoch("us").cast(pl.Float64) / 1e6) if isinstance(dtype, pl.Datetime) else pl.col(name).cast(pl.Float64)
        for name, dtype in values.schema.items() if dtype != pl.String)


def rows_view(values: pl.DataFrame, frame: pl.DataFrame, codes: Sequence[str]) -> pd.DataFrame:
    """`values` (of `plain_values`; missing: None or NaN) and `rule_CODE` int8 for each of the codes that is on any of the
    frame's rows."""
    shown = {c: np.array(values[c].to_list(), dtype=object) if values[c].dtype == pl.String else values[c].to_numpy()
             for c in values.columns}
    return _pandas({**shown, **_flags(frame, codes)}, frame.height)


def findings_view(findings: Sequence[Finding], codes: Sequence[str]) -> pd.DataFrame:
    """One row a finding about the file or the batch, `rule_CODE` int8 for each of the codes."""
    said = np.array([f.code for f in findings], dtype=object)
    return _pandas({RULE + code: (said == code).astype(np.int8) for code in codes}, len(findings))


def _pandas(columns: Mapping[str, np.ndarray], n: int) -> pd.DataFrame:
    import pandas as pd

    return pd.DataFrame({name: pd.Series(values, dtype=values.dtype) for name, values in columns.items()}, index=pd.RangeIndex(n))


def _flags(frame: pl.DataFrame, codes: Sequence[str]) -> dict[str, np.ndarray]:
    said = (frame.select(pl.int_range(pl.len()).alias("row"), codes_of().alias("code")).explode("code", empty_as_null=False)
            .filter(pl.col("code").is_in(list(codes))))
    flags = {}
    for (code,), rows in sorted(said.partition_by("code", as_dict=True).items()):
        flags[f"{RULE}{code}"] = np.zeros(frame.height, dtype=np.int8)
        flags[f"{RULE}{code}"][rows["row"].to_numpy()] = 1
    return flags
