"""Every test starts where Ctrl-C is heard, also in a shell's background, whose processes ignore it."""

import signal

if signal.getsignal(signal.SIGINT) is signal.SIG_IGN:
    signal.signal(signal.SIGINT, signal.default_int_handler)
