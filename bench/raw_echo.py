"""The far end of a raw ping-pong: length-prefixed MessagePack over a Unix socket, one blocking thread."""

import socket
import struct
import sys

import msgspec

connection = socket.socket(socket.AF_UNIX)
connection.connect(sys.argv[1])
decoder, encoder = msgspec.msgpack.Decoder(), msgspec.msgpack.Encoder()
while chunk := connection.recv(65536):
    (length,) = struct.unpack_from("<I", chunk)
    answer = encoder.encode(decoder.decode(chunk[4 : 4 + length]))
    connection.sendall(struct.pack("<I", len(answer)) + answer)
