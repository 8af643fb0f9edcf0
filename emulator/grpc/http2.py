"""h2, the HTTP/2 library, set up for a server of calls: what a client is told at the beginning, and bounds."""

from __future__ import annotations

from h2.config import H2Configuration
from h2.connection import H2Connection
from h2.frame_buffer import FrameBuffer
from h2.settings import SettingCodes, Settings
from hyperframe.frame import Frame

from emulator.facts import grpc as facts

STREAM_WINDOW_BYTES = 1_048_576
CONNECTION_WINDOW_BYTES = 4 * 1_048_576
FRAME_BYTES = 65_536
_FRAME_HEAD_BYTES = 9
MAX_STREAMS = int(str(facts.MAX_STREAMS.value))
MAX_METADATA_BYTES = int(str(facts.MAX_METADATA_BYTES.value))
_CONFIGURATION = H2Configuration(
    client_side=False, header_encoding=None, validate_outbound_headers=False, normalize_outbound_headers=False
)
_SETTINGS = {
    SettingCodes.ENABLE_PUSH: 0,
    SettingCodes.MAX_CONCURRENT_STREAMS: MAX_STREAMS,
    SettingCodes.INITIAL_WINDOW_SIZE: STREAM_WINDOW_BYTES,
    SettingCodes.MAX_FRAME_SIZE: FRAME_BYTES,
    SettingCodes.MAX_HEADER_LIST_SIZE: MAX_METADATA_BYTES,
}


class Frames(FrameBuffer):
    """Frames that are too long are refused at their beginning, not once all of them is here."""

    def __next__(self) -> Frame:
        if len(self._data) >= _FRAME_HEAD_BYTES:
            self._validate_frame_length(int.from_bytes(self._data[:3], "big"))
        return super().__next__()


class Http2(H2Connection):
    """h2's side of a connection, within bounds."""

    MAX_CLOSED_STREAMS = 4096  # the ids of this many ended streams are remembered

    def __init__(self) -> None:
        super().__init__(_CONFIGURATION)
        self.incoming_buffer = Frames(server=True)
        self.local_settings = Settings(client=False, initial_values=_SETTINGS)
        self.max_inbound_frame_size = FRAME_BYTES
        self.initiate_connection()
        self.increment_flow_control_window(CONNECTION_WINDOW_BYTES - 65_535)
        # h2 ends the connection of a client that opens too many streams, even before it has read the settings; here
        # those streams alone are refused.
        unlimited = {**_SETTINGS, SettingCodes.MAX_CONCURRENT_STREAMS: 2**31 - 1}
        self.local_settings = Settings(client=False, initial_values=unlimited)
