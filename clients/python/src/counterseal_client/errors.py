"""What can go wrong beside a refusal. A refusal is a value (`Rejected`); these mean that nobody knows."""


class VerifierError(Exception):
    """The base: the service gave no verdict. Whoever catches it must not let the request through.

    `code` is the code of the failed call by name, e.g. `UNAVAILABLE`, and `reason` the service's own by the name of its
    `ErrorReason`, e.g. `CALLER_LIMIT`: empty where the service said none, and in errors of gRPC or of a proxy in between.
    """

    def __init__(self, message: str, *, code: str = "", reason: str = "") -> None:
        super().__init__(message)
        self.code = code
        self.reason = reason


class VerifierUnavailable(VerifierError):
    """The service did not answer in time, or could not know. Fail closed, answer 503, and try again later.

    With the reason `CALLER_LIMIT` this gateway asks more often than it may: who administers the service can raise the limit.
    """


class CallerRefused(VerifierError):
    """The service does not accept this gateway's own credentials, or not for this. Somebody has to change a setting."""


class RequestNotAccepted(VerifierError):
    """The message is wrong in what the gateway itself put into it: a demand, a body's hash, a source address, a request id.

    What a gateway's client sent never makes it so, whatever grammar or limit it breaks: that is a refusal, `MALFORMED`. Fail
    closed and answer 500; somebody has to change the gateway.
    """
