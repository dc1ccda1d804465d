"""The mailbox: what arrives, what is cleared, and where it ends."""

import pytest

from spikeloop.workers.chip.mailbox import MAILBOX_BYTES, Mailbox


def test_the_processor_receives_what_the_host_wrote_and_clears_it() -> None:
    mailbox = Mailbox()
    mailbox.write(0, bytes(range(1, 11)))
    assert mailbox.receive(3) == bytes([1, 2, 3])
    assert mailbox.receive(4) == bytes([4, 5, 6, 7])
    assert mailbox.read(0, 10) == bytes([0] * 7 + [8, 9, 10])
    mailbox.write(1, b"\x63")
    assert mailbox.receive(2) == b"\x00\x63"  # a new message is read from the start


def test_the_last_byte_is_the_last_that_can_be_written() -> None:
    mailbox = Mailbox()
    assert mailbox.size == MAILBOX_BYTES == 4096
    mailbox.write(4092, b"abcd")
    assert mailbox.read(4092, 4) == b"abcd"
    with pytest.raises(ValueError, match="bytes 0 to 4095, got 5 bytes from 4092"):
        mailbox.write(4092, b"abcde")
    with pytest.raises(ValueError, match="got 1 bytes from -1"):
        mailbox.read(-1, 1)


def test_receiving_ends_with_the_mailbox() -> None:
    mailbox = Mailbox(8)
    mailbox.write(0, b"12345678")
    mailbox.receive(6)
    with pytest.raises(ValueError, match="bytes 0 to 7, got 3 bytes from 6"):
        mailbox.receive(3)
    assert mailbox.receive(2) == b"78"  # what was refused has changed nothing
