"""A new key for the house: every pseudonym in tables and lake takes the value that the new key gives it, in one transaction.

What landing still has is linked: the new pseudonym is what the next delivery will give. What it no longer has cannot be: that
pseudonym is hashed once more with the new key, so that the record keeps its caller, tells nothing to who knows the old key, and is not met again.
"""
import re
from collections.abc import Iterable
from datetime import datetime

import polars as pl
import sqlalchemy as sa

from transforms.privacy_keys import derived_key, keyed
from warehouse import bulk, keys, tables
from warehouse.purging import subject
from warehouse.rewriting import columns_of, forget_replays, rewrite
from warehouse.store import Warehouse

#: The columns that depend on the key, wherever they stand, and the kind of pseudonym in them.
KEYED = {"caller_key": "caller", "order_ref_hash": "order", "row_hash": "row"}
#: kind, old, new: what a value of the old key is under the new one.
LINKS = {"kind": pl.String, "old": pl.String, "new": pl.String}
#: A quarantined row's id holds its row_hash: source, number, hash, count.
_IN_ID = re.compile(r":([0-9a-f]{32}):\d+$")


class Renewal:
    """What every value of the old key is under the new one."""

    def __init__(self, links: pl.DataFrame, new: bytes) -> None:
        self._links = {kind: part.select("old", "new") for (kind,), part in links.group_by("kind")}
        self._own = {kind: derived_key(new, f"unlinked {kind}") for kind in KEYED.values()}

    def of(self, values: pl.Series, kind: str) -> pl.Series:
        """The values renewed, null where they were null; a row hash keeps its mark (`~`: part of a row)."""
        frame = values.to_frame("value").with_columns(pl.col("value").str.strip_prefix("~").alias("old"))
        linked = self._links.get(kind, pl.DataFrame(schema={"old": pl.String, "new": pl.String}))
        frame = frame.join(linked, on="old", how="left", maintain_order="left")
        frame = frame.with_columns(pl.coalesce("new", keyed(frame["old"].set(frame["new"].is_not_null(), None), self._own[kind]).alias("hashed")).alias("new"))
        mark = pl.when(pl.col("value").str.starts_with("~")).then(pl.lit("~")).otherwise(pl.lit(""))
        return frame.select(pl.concat_str(mark, "new").alias(values.name)).to_series()

    def rows(self, frame: pl.DataFrame) -> pl.DataFrame:
        """The frame with every keyed column renewed."""
        return frame.with_columns([self.of(frame[c], kind) for c, kind in KEYED.items() if c in frame.columns])


def rotate(warehouse: Warehouse, run_id: str, at: datetime, new: bytes, links: pl.DataFrame, audit: dict[str, object]) -> dict[str, int]:
    """Gives the house a new key. To be called under the lock, with the old key in the settings.

    links: `LINKS`, one row a kind and old value. audit: reason, n_files, n_files_gone for the table `house_key`. Returns n_linked and
    n_unlinked (callers), n_forgotten (people of the purge list whom only the old key tells: for them, and no other use, its derived keys are
    kept in `home/forgotten.keys`). A killed rotation has not happened: the old key and the old values stand until the one commit.
    """
    old = warehouse.settings.key
    renewal = Renewal(links, new)
    callers = warehouse.read("select distinct caller_key from revision where caller_key is not null")["caller_key"]
    n_linked = callers.is_in(links.filter(pl.col("kind") == "caller")["old"].implode()).sum()
    subjects = {subject(o, old): subject(n, new) for o, n in links.filter(pl.col("kind") == "caller").select("old", "new").iter_rows()}
    listed = warehouse.read("purge").filter(pl.col("kind") == "caller").select("purge_id", "subject")
    told = listed.filter(pl.col("subject").is_in(list(subjects))).with_columns(pl.col("subject").replace(subjects))
    left = listed.height - told.height
    if left:
        mine = (derived_key(old, "caller"), derived_key(old, "purge"))
        keys.keep_forgotten(warehouse.home, [mine, *(k for k in keys.forgotten_keys(warehouse.home) if k != mine)])
    counts = {"n_linked": int(n_linked), "n_unlinked": int(callers.len() - n_linked)}

    def renew(connection: sa.Connection) -> None:
        for table in tables.metadata.sorted_tables:
            for column in (c for c in KEYED if c in table.c):
                _renew(connection, table, column, renewal)
        _renew_quarantine_ids(connection, renewal)
        bulk.write(connection, tables.purge, told, "update")
        connection.execute(sa.insert(tables.house_key).values(key_id=keys.key_id(new), known_at=at, **audit, **counts))

    files = warehouse.read("lake_file")
    of_rows = [p for d, p in files.select("dataset", "path").iter_rows() if any(c in KEYED for c in columns_of(warehouse, d, p))]
    rewrite(warehouse, run_id, files.filter(pl.col("path").is_in(of_rows)), renewal.rows, renew)
    if not left:
        keys.keep_forgotten(warehouse.home, [])
    keys.settle(warehouse)
    forget_replays(warehouse)
    return {**counts, "n_forgotten": left}


def _renew(connection: sa.Connection, table: sa.Table, column: str, renewal: Renewal) -> None:
    found = connection.execute(sa.select(table.c[column]).where(table.c[column].is_not(None)).distinct()).scalars()
    old = pl.Series("old", list(found), dtype=pl.String)
    _replace(connection, table, column, old, renewal.of(old, KEYED[column]))


def _renew_quarantine_ids(connection: sa.Connection, renewal: Renewal) -> None:
    ids = list(connection.execute(sa.select(tables.quarantine.c.quarantine_id)).scalars())
    found = [(i, m.group(1)) for i in ids if (m := _IN_ID.search(i))]
    renewed = renewal.of(pl.Series([h for _, h in found], dtype=pl.String), "row").to_list()
    new = [i[:-len(tail)] + tail.replace(h, n) for (i, h), n in zip(found, renewed) for tail in (_tail(i),)]
    _replace(connection, tables.quarantine, "quarantine_id", pl.Series("old", [i for i, _ in found], dtype=pl.String), pl.Series(new, dtype=pl.String))


def _tail(quarantine_id: str) -> str:
    found = _IN_ID.search(quarantine_id)
    return found.group(0) if found else ""


def _replace(connection: sa.Connection, table: sa.Table, column: str, old: pl.Series, new: pl.Series) -> None:
    """Sets `new` for `old` in a column, through a table that lives as long as the transaction."""
    if old.is_empty():
        return
    renewed = sa.Table("renewed", sa.MetaData(), sa.Column("old", sa.Text, primary_key=True), sa.Column("new", sa.Text), prefixes=["TEMPORARY"])
    renewed.create(connection)
    bulk.write(connection, renewed, pl.DataFrame({"old": old, "new": new}), "insert")
    value = sa.select(renewed.c.new).where(renewed.c.old == table.c[column]).scalar_subquery()
    connection.execute(sa.update(table).where(table.c[column].is_not(None)).values({column: sa.func.coalesce(value, table.c[column])}))
    renewed.drop(connection)


def linked(pairs: Iterable[pl.DataFrame]) -> pl.DataFrame:
    """`LINKS` of many inputs as one, each old value once. Values of one caller or row are the same wherever they come from."""
    frames = list(pairs)
    return pl.concat(frames).unique(["kind", "old"], keep="first", maintain_order=True) if frames else pl.DataFrame(schema=LINKS)
