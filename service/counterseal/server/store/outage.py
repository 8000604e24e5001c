"""Which errors of a database mean "nobody knows". Everything else stays the bug that it is."""

import contextlib
from collections.abc import Callable, Iterator

from sqlalchemy import exc

from counterseal.server.errors import StoreUnavailable

# Says of an error of the driver's, or of SQLAlchemy's, whether the database is out of order rather than our code.
IsOutage = Callable[[exc.DBAPIError], bool]


@contextlib.contextmanager
def outages(is_outage: IsOutage) -> Iterator[None]:
    """Turn what a failing database raises into StoreUnavailable.

    The text is fixed: it goes to callers, and a driver's own text may quote statements and paths. The cause stays chained.

    Raises:
        StoreUnavailable: the database did not answer, not in time, or cannot read or write its files.
    """
    try:
        yield
    except exc.TimeoutError as error:
        raise StoreUnavailable("the key store is busy: no connection became free in time") from error
    except exc.DBAPIError as error:
        if not is_outage(error):
            raise
        raise StoreUnavailable("the key store did not answer") from error
