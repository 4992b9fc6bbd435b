from cache.fleet.record import FleetEvent, NullFleetRecorder


def test_the_null_recorder_takes_everything() -> None:
    recorder = NullFleetRecorder()
    for event in FleetEvent:
        recorder.noted(event, 2)
