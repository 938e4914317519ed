"""A synthetic district whose truth is known: what is delivered each morning, and what was planted in it."""
from flows.demo.city import City
from flows.demo.truth import Truth

__all__ = ["City", "Truth"]
