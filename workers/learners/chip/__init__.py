"""The agent on the emulated chip: its settings, its decisions and the kernel of one episode."""
