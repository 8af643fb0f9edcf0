"""Tests of gRPC, with Google's own library and with bytes that it would not send."""

import pytest

pytest.register_assert_rewrite("tests.emulator.grpc.both")
