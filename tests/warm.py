"""Imported by the process that nights are forked from: what they would read first, read once. Nothing here starts a thread."""
import great_expectations  # noqa: F401
import pandas  # noqa: F401
import psycopg  # noqa: F401
import sklearn  # noqa: F401

from expectations import rule_expectation  # noqa: F401
from models.incident_pairs import learnt
from policy.catalogue import catalogue
from policy.packs import packs
from policy.rules import rules
from policy.taxonomy import taxonomy
from policy.units import units
from sources.mapping import load_mappings, shipped
from transforms.match_text import traditional_signs
from transforms.mojibake import common_characters
from transforms.privacy_names import surnames

for read in (catalogue, packs, rules, taxonomy, learnt, traditional_signs, common_characters, surnames):
    read()
for pack in packs():
    units(pack)
load_mappings(shipped())
