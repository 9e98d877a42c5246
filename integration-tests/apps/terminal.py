"""A shell at a terminal of its own: runs the command in its arguments in the foreground, presses keys, and prints what
becomes of it. The command prints `ready` first.
"""

import os
import pty
import signal
import sys
import termios

shell, keyboard = pty.fork()
if shell:
    # What the shell and the command print; on Linux it ends in an error.
    try:
        while text := os.read(keyboard, 4096):
            sys.stdout.buffer.write(text.replace(b"\r\n", b"\n"))
            sys.stdout.buffer.flush()
            if b"ready" in text:
                os.write(keyboard, b"\x1a")  # Ctrl-Z
            if b"now continued" in text:
                os.write(keyboard, b"\x03")  # Ctrl-C
    except OSError:
        pass
    sys.exit(os.waitstatus_to_exitcode(os.waitpid(shell, 0)[1]))

silent = termios.tcgetattr(0)
silent[3] &= ~termios.ECHO
termios.tcsetattr(0, termios.TCSANOW, silent)
signal.signal(signal.SIGTTOU, signal.SIG_IGN)  # a background process cannot take the terminal otherwise
command = os.fork()
if command == 0:
    os.setpgid(0, 0)
    os.tcsetpgrp(0, os.getpid())
    signal.signal(signal.SIGTTOU, signal.SIG_DFL)
    os.execvp(sys.argv[1], sys.argv[1:])
_, status = os.waitpid(command, os.WUNTRACED)
print("now stopped", os.WIFSTOPPED(status), flush=True)
os.killpg(command, signal.SIGCONT)
print("now continued", flush=True)
_, status = os.waitpid(command, 0)
print("now ended", os.waitstatus_to_exitcode(status), flush=True)
