"""Coordinates to WGS-84: swapped pairs put right, the Chinese map datums undone (schema.md, columns 31)."""
import math

import polars as pl

_A, _EE = 6_378_245.0, 0.00669342162296594323
#: Mainland China and its seas: a pair that lies in it only when swapped was swapped.
_CHINA = ((73.0, 136.0), (3.0, 54.0))


def _in(value: pl.Expr, bounds: tuple[float, float]) -> pl.Expr:
    return value.is_between(*bounds)


def is_swapped(lon: pl.Expr, lat: pl.Expr) -> pl.Expr:
    """Whether longitude and latitude stand in each other's column: as they are they are no place, or none in China while the other
    way round is one."""
    impossible = (lat.abs() > 90) & (lon.abs() <= 90)
    other_way = _in(lat, _CHINA[0]) & _in(lon, _CHINA[1]) & ~(_in(lon, _CHINA[0]) & _in(lat, _CHINA[1]))
    return (impossible | other_way).fill_null(False)


def usable(lon: pl.Expr, lat: pl.Expr) -> pl.Expr:
    """Whether a pair is a place at all: on the globe, and not 0, 0."""
    return ((lon.abs() <= 180) & (lat.abs() <= 90) & ~((lon == 0) & (lat == 0))).fill_null(False)


def to_wgs84(lon: pl.Expr, lat: pl.Expr, datum: str) -> tuple[pl.Expr, pl.Expr]:
    """(lon, lat) in WGS-84 from GCJ-02 or BD-09, to a few metres: the published forward formula, undone by one step."""
    if datum == "BD-09":
        x, y = lon - 0.0065, lat - 0.006
        z = (x**2 + y**2).sqrt() - 0.00002 * (y * math.pi * 3000 / 180).sin()
        theta = pl.arctan2(y, x) - 0.000003 * (x * math.pi * 3000 / 180).cos()
        lon, lat = z * theta.cos(), z * theta.sin()
    if datum in ("GCJ-02", "BD-09"):
        x, y = lon - 105.0, lat - 35.0
        root = x.abs().sqrt()
        wave = (20.0 * (6.0 * x * math.pi).sin() + 20.0 * (2.0 * x * math.pi).sin()) * 2.0 / 3.0
        d_lat = (-100.0 + 2.0 * x + 3.0 * y + 0.2 * y * y + 0.1 * x * y + 0.2 * root + wave
                 + (20.0 * (y * math.pi).sin() + 40.0 * (y / 3.0 * math.pi).sin()) * 2.0 / 3.0
                 + (160.0 * (y / 12.0 * math.pi).sin() + 320.0 * (y * math.pi / 30.0).sin()) * 2.0 / 3.0)
        d_lon = (300.0 + x + 2.0 * y + 0.1 * x * x + 0.1 * x * y + 0.1 * root + wave
                 + (20.0 * (x * math.pi).sin() + 40.0 * (x / 3.0 * math.pi).sin()) * 2.0 / 3.0
                 + (150.0 * (x / 12.0 * math.pi).sin() + 300.0 * (x / 30.0 * math.pi).sin()) * 2.0 / 3.0)
        radians = lat / 180.0 * math.pi
        magic = 1 - _EE * radians.sin() ** 2
        d_lat = d_lat * 180.0 / (_A * (1 - _EE) / (magic * magic.sqrt()) * math.pi)
        d_lon = d_lon * 180.0 / (_A / magic.sqrt() * radians.cos() * math.pi)
        lon, lat = lon - d_lon, lat - d_lat
    return lon, lat
