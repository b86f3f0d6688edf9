"""What Ray's errors mean for a segment: every class of them has a kind of failure.

Imported by ray_cluster.py, which sets what Ray reads from the environment at its import.
"""

from ray import exceptions
from ray.exceptions import RayError, RayTaskError

from workers.pools.pool import FailureKind, in_one_line, kind_of

# What became of a segment whose task failed so. A test compares this with the classes that Ray has.
KIND_OF: dict[type[RayError], FailureKind] = {
    error: kind
    for kind, errors in {
        FailureKind.OUT_OF_MEMORY: (exceptions.OutOfMemoryError,),
        FailureKind.STATE_LOST: (
            exceptions.ObjectLostError,
            exceptions.ObjectFetchTimedOutError,
            exceptions.ObjectFreedError,
            exceptions.ObjectReconstructionFailedError,
            exceptions.OwnerDiedError,
            exceptions.ReferenceCountingAssertionError,
        ),
        FailureKind.ERROR: (
            exceptions.RayTaskError,  # unless its cause is known better: see failure_kind
            exceptions.TaskUnschedulableError,
        ),
        # The worker, its node, or Ray's own machinery there: worth another try elsewhere.
        FailureKind.WORKER_LOST: (
            exceptions.AuthenticationError,
            exceptions.CrossLanguageError,
            exceptions.GetTimeoutError,
            exceptions.LocalRayletDiedError,
            exceptions.NodeDiedError,
            exceptions.ObjectStoreFullError,
            exceptions.OufOfBandObjectRefSerializationException,
            exceptions.OutOfDiskError,
            exceptions.PendingCallsLimitExceeded,
            exceptions.PlasmaObjectNotAvailable,
            exceptions.RayError,
            exceptions.RaySystemError,
            exceptions.RpcError,
            exceptions.RuntimeEnvSetupError,
            exceptions.TaskCancelledError,
            exceptions.UnserializableException,
            exceptions.UserCodeException,
            exceptions.WorkerCrashedError,
            # Of actors, placement groups, streams and compiled graphs, which nothing here uses.
            exceptions.ActorAlreadyExistsError,
            exceptions.ActorDiedError,
            exceptions.ActorHandleNotFoundError,
            exceptions.ActorPlacementGroupRemoved,
            exceptions.ActorUnavailableError,
            exceptions.ActorUnschedulableError,
            exceptions.AsyncioActorExit,
            exceptions.ObjectRefStreamEndOfStreamError,
            exceptions.RayActorError,
            exceptions.RayCgraphCapacityExceeded,
            exceptions.RayChannelError,
            exceptions.RayChannelTimeoutError,
            exceptions.RayDirectTransportError,
            exceptions.StreamingGeneratorReplayInconsistentError,
            exceptions.TaskPlacementGroupRemoved,
        ),
    }.items()
    for error in errors
}


def failure_kind(error: RayError) -> FailureKind:
    """What became of a segment whose task failed with this error."""
    if isinstance(error, RayTaskError) and not isinstance(error.cause, RayError):
        return kind_of(error.cause)
    if isinstance(error, RayTaskError):
        # A state that is gone is reported as an error of the task that was to begin with it.
        return failure_kind(error.cause)
    return next(KIND_OF[known] for known in type(error).__mro__ if known in KIND_OF)


def failure_reason(error: RayError) -> str:
    """One line on what went wrong, of the cause where the error wraps one."""
    cause = error.cause if isinstance(error, RayTaskError) else error
    return in_one_line(cause)
