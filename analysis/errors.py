"""The error that the analysis shows to its user."""

from agad.errors import AgadError


class AnalysisError(AgadError):
    """Rows, a plan or a request of which no honest table can be made; one line that says why."""


class NothingThereError(AnalysisError):
    """A results folder without anything that a table could be made of."""
