"""The mailbox, through which host and plasticity processor exchange bytes.

It is the last 4 KiB of the processor's memory (libnux: elf32nux.x, ``mailbox_size``). Before an
episode the host writes a message: the seed of the processor's random generator, the number of
steps, the environment and the plasticity program's constants. The processor reads it from the
start and clears what it has read, as in Neuromorphic_Hardware_learns_to_learn,
hardware/mdp/PPU/MDP.c. Numbers are in the processor's byte order, the most significant byte first.
"""

MEMORY_BYTES = 0x4000
MAILBOX_BYTES = 0x1000
HEADER_BYTES = 8
"""Seed and number of steps, a word each."""


class Mailbox:
    """Bytes that the host writes and reads anywhere, and the processor reads one after the other.

    A transfer that reaches beyond the end is refused. On the chip, libnux' ``mailbox_write`` stops
    there without a word.
    """

    def __init__(self, size: int = MAILBOX_BYTES) -> None:
        """Clear a mailbox; only an emulated one can be larger than the chip's."""
        self._content = bytearray(size)
        self._n_received = 0

    @property
    def size(self) -> int:
        """Return its size in bytes."""
        return len(self._content)

    def write(self, offset: int, data: bytes) -> None:
        """Write bytes from the host; the processor then begins at the start.

        Raises:
            ValueError: they reach beyond the mailbox.
        """
        self._require(offset, len(data))
        self._content[offset : offset + len(data)] = data
        self._n_received = 0

    def read(self, offset: int, n_bytes: int) -> bytes:
        """Return bytes to the host.

        Raises:
            ValueError: they reach beyond the mailbox.
        """
        self._require(offset, n_bytes)
        return bytes(self._content[offset : offset + n_bytes])

    def receive(self, n_bytes: int) -> bytes:
        """Return the next bytes to the processor, and clear them.

        Raises:
            ValueError: they reach beyond the mailbox.
        """
        received = self.read(self._n_received, n_bytes)
        self._content[self._n_received : self._n_received + n_bytes] = bytes(n_bytes)
        self._n_received += n_bytes
        return received

    def _require(self, offset: int, n_bytes: int) -> None:
        if offset < 0 or n_bytes < 0 or offset + n_bytes > self.size:
            raise ValueError(
                f"the mailbox has bytes 0 to {self.size - 1}, got {n_bytes} bytes from {offset}"
            )
