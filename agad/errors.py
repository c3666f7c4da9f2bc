"""Errors that a user can cause. Each message is one line that says what to do."""


class AgadError(Exception):
    """Base of all errors that are shown to the user as one line, without a traceback."""


class SpecError(AgadError, ValueError):
    """A field, a value or a combination of values that no run can have."""


class DataError(AgadError):
    """Data that are missing, truncated or unusable. An error of place: no row is written for it."""


class DeviceError(AgadError):
    """A device that is not there or is broken. An error of place: no row is written for it."""


class StoreError(AgadError):
    """A results folder that cannot be read or written. An error of place: no row is written for it."""


class NonFiniteLoss(AgadError):
    """The loss or a weight became NaN or infinite: the run has failed, and would fail again.

    Attributes:
        update: the update (counted from 1) at which it was seen.
    """

    def __init__(self, update: int, what: str) -> None:
        super().__init__(f"{what} became non-finite at update {update}")
        self.update = update
