"""VerificationService: message -> verifier -> message, and a line in the log."""

import random
from collections.abc import Callable

from counterseal.core.model import Claim, Demand, Rejected, StringToSignSubject, Subject, Verified, Window
from counterseal.core.payload import ChunkSigned
from counterseal.server.audit import leased
from counterseal.server.callers import Caller
from counterseal.server.chunks import ChunkVerifier
from counterseal.server.errors import CallerNotPermitted, StoreUnavailable
from counterseal.server.rpc.answers import put_rejected, verified_answer
from counterseal.server.rpc.convert import read_demand, read_request_id, read_subject
from counterseal.server.rpc.leases import LeaseBook
from counterseal.server.rpc.public_choice import PublicErrors
from counterseal.server.rpc.redact import loggable_key_id
from counterseal.server.telemetry.log import Log
from counterseal.server.telemetry.metrics import Metrics
from counterseal.server.verifier import Asking, Verifier
from counterseal.v1 import verification_pb2 as pb


class VerificationHandlers:
    """What VerificationService does. `sample` is the share of verified requests that are logged, 0 to 1."""

    def __init__(
        self,
        *,
        verifier: Verifier,
        chunks: ChunkVerifier,
        leases: LeaseBook,
        public_errors: PublicErrors,
        window: Window,
        clock: Callable[[], float],
        metrics: Metrics,
        log: Log,
        sample: float,
    ) -> None:
        self._verifier = verifier
        self._chunks = chunks
        self._leases = leases
        self._public_errors = public_errors
        self._window = window
        self._clock = clock
        self._metrics = metrics
        self._log = log
        self._sample = sample

    def verify(self, request: pb.VerifyRequest, caller: Caller) -> pb.VerifyResponse:
        """Answer Verify.

        Raises:
            InvalidField: the message breaks a limit.
            CallerNotPermitted: a string to sign, or a wish for a signing key, from a caller without that permission.
            StoreUnavailable: nobody knows.
        """
        if not caller.string_to_sign and request.HasField("string_to_sign"):
            raise CallerNotPermitted("this caller may not send a string to sign")
        if request.lease_signing_key and not caller.lease:
            raise CallerNotPermitted("this caller may not lease signing keys")
        subject = read_subject(request)  # 1
        demand = caller.narrow(read_demand(request))
        request_id = read_request_id(request.request_id)
        verdict, claim = self._verifier.walk(subject, demand, Asking(caller=caller.name, request_id=request_id))  # 2 to 10
        if isinstance(verdict, Verified):  # 11
            response = verified_answer(verdict)
            if claim is not None and isinstance(verdict.payload_duty, ChunkSigned):
                self._begin_chunks(request, response, claim, verdict, verdict.payload_duty, demand, caller)
            self._metrics.verdict("verified", "", verdict.scheme)
            if self._sample and random.random() < self._sample:  # noqa: S311  # which lines to keep, nothing secret
                self._line("verified", subject, claim, request_id, caller)
            return response
        public = self._public_errors.of(verdict.reason, subject, demand, claim)
        response = pb.VerifyResponse()
        put_rejected(response.rejected, verdict, public, now=self._clock(), skew=self._window.skew)
        self._metrics.verdict("rejected", verdict.reason.value, claim.scheme if claim is not None else "")
        self._line("rejected", subject, claim, request_id, caller, verdict)
        return response

    def _begin_chunks(
        self,
        request: pb.VerifyRequest,
        response: pb.VerifyResponse,
        claim: Claim,
        verdict: Verified,
        duty: ChunkSigned,
        demand: Demand,
        caller: Caller,
    ) -> None:
        """Add what an upload begins with. Every lease is in the log, and in the audit trail before it is in anybody's hands."""
        answer = response.verified.payload_duty.chunk_signed
        answer.continuation = self._chunks.begin(claim, verdict, duty, demand)
        if request.lease_signing_key:
            signing_key = self._chunks.lease(verdict)
            lease = leased(verdict, duty.scope, actor=caller.name, request_id=request.request_id, now=self._clock())
            self._leases.enter(lease)
            # That took its time: the key may have been revoked since it was looked at.
            if not self._chunks.still_verifies(answer.continuation, demand):
                raise StoreUnavailable("the key was changed while its lease was written down")
            answer.signing_key = signing_key
            self._metrics.lease(verdict.scheme)
            self._log.info(
                "lease",
                key_id=loggable_key_id(verdict.key.key_id),
                tenant=verdict.key.tenant,
                scheme=verdict.scheme,
                scope=duty.scope,
                request_id=request.request_id,
                caller=caller.name,
            )

    def _line(
        self, outcome: str, subject: Subject, claim: Claim | None, request_id: str, caller: Caller, why: Rejected | None = None
    ) -> None:
        """Write the decision line. Nothing in it came from the request but what an exact grammar has let through."""
        details = {} if why is None else {"reason": why.reason.value, "detail": why.detail}
        self._log.info(
            "verify",
            outcome=outcome,
            **details,
            key_id=loggable_key_id(claim.key_id) if claim is not None else "",
            scheme=claim.scheme if claim is not None else "",
            subject="string_to_sign" if isinstance(subject, StringToSignSubject) else "http_request",
            source_address=subject.source_address,
            request_id=request_id,
            caller=caller.name,
        )
