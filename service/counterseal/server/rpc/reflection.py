"""Server reflection: for people with grpcurl, and therefore few streams, short ones, in threads of their own."""

import threading
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from typing import Any, Final

import grpc
from grpc_reflection.v1alpha import reflection, reflection_pb2

from counterseal.server.rpc.patience import Patience
from counterseal.server.telemetry.log import Log, describe

SERVICE: Final = reflection.SERVICE_NAME
_STREAMS: Final = 8
# The longest that a stream lives, and when half of them are in use.
_STREAM_SECONDS: Final = 30.0
_CROWDED_SECONDS: Final = 1.0

Send = Callable[[reflection_pb2.ServerReflectionResponse | None], None]


class Reflection:
    """Describes `services`. `admit` ends calls of those who may not know.

    grpcio counts a stream among the concurrent calls of the whole server until its handler returns. So ours returns at once,
    and the stream goes on in a thread of ours, or is refused when all of these are in use.
    """

    def __init__(
        self, services: tuple[str, ...], *, admit: Callable[[grpc.ServicerContext], None], pool: ThreadPoolExecutor, log: Log
    ) -> None:
        """`pool` lends a thread for the moment in which a stream is begun."""
        self._servicer = reflection.ReflectionServicer(services)
        self._admit = admit
        self._begin_in = pool
        self._log = log
        self._threads = ThreadPoolExecutor(_STREAMS, thread_name_prefix="counterseal-reflection")
        self._free = threading.BoundedSemaphore(_STREAMS)
        self._patience = Patience(seconds=_STREAM_SECONDS, hurry=_CROWDED_SECONDS, crowd=_STREAMS // 2)

    def handlers(self) -> "dict[str, grpc.RpcMethodHandler[Any, Any]]":
        """Return the handlers."""
        begin = partial(self._begin)
        begin.experimental_thread_pool = self._begin_in  # type: ignore[attr-defined]
        begin.experimental_non_blocking = True  # type: ignore[attr-defined]
        handler = grpc.stream_stream_rpc_method_handler(
            begin,
            request_deserializer=reflection_pb2.ServerReflectionRequest.FromString,
            response_serializer=reflection_pb2.ServerReflectionResponse.SerializeToString,
        )
        return {"ServerReflectionInfo": handler}

    def close(self) -> None:
        """End every stream."""
        self._patience.close()
        self._threads.shutdown(wait=False)

    def _begin(self, requests: Iterator[Any], context: grpc.ServicerContext, send: Send) -> None:
        self._admit(context)
        if not self._free.acquire(blocking=False):
            context.abort(grpc.StatusCode.RESOURCE_EXHAUSTED, "too many reflection streams; try again in a second")
        try:
            self._threads.submit(self._serve, requests, context, send)
        except RuntimeError:  # closed
            self._free.release()
            context.abort(grpc.StatusCode.UNAVAILABLE, "the service is stopping")

    def _serve(self, requests: Iterator[Any], context: grpc.ServicerContext, send: Send) -> None:
        try:
            with self._patience.during(context):
                for answer in self._servicer.ServerReflectionInfo(requests, context):
                    send(answer)
                send(None)
        except grpc.RpcError:
            pass  # cancelled
        except Exception as error:
            self._log.error("reflection_failed", **describe(error))
            context.cancel()
        finally:
            self._free.release()
