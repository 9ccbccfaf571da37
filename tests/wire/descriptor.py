"""Writes the descriptor inside the installed boxd client to stdout: a serialized FileDescriptorProto."""

import importlib.metadata
import sys

from boxd._generated import api_pb2

wanted, installed = sys.argv[1], importlib.metadata.version("boxd")
if installed != wanted:
    sys.exit(f"boxd {wanted} was wanted, but this environment holds {installed}")
sys.stdout.buffer.write(api_pb2.DESCRIPTOR.serialized_pb)
