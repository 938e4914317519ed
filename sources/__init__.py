"""Where records come from: readers, and one declarative mapping (YAML) per source."""
from sources.findings import RefusedInput

__all__ = ["RefusedInput"]
