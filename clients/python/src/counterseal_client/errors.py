"""What can go wrong beside a refusal. A refusal is a value (`Rejected`); these mean that nobody knows."""


class VerifierError(Exception):
    """The base: the service gave no verdict. Whoever catches it must not let the request through.

    `code` is the code of the failed call by name, e.g. `UNAVAILABLE`.
    """

    def __init__(self, message: str, *, code: str = "") -> None:
        super().__init__(message)
        self.code = code


class VerifierUnavailable(VerifierError):
    """The service did not answer in time, or could not know. Fail closed, answer 503, and try again later."""


class CallerRefused(VerifierError):
    """The service does not accept this gateway's own credentials, or not for this. Somebody has to change a setting."""


class RequestNotAccepted(VerifierError):
    """The request breaks a limit of the service's messages, e.g. 300 header fields. Fail closed, answer 400."""
