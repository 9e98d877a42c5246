"""Prints numbers as prometheus_client does: reads the 16 hexadecimal digits of a double per line."""

import struct
import sys

from prometheus_client.utils import floatToGoString

for line in sys.stdin:
    print(floatToGoString(struct.unpack(">d", bytes.fromhex(line.strip()))[0]))
