"""Where a network keeps what it has learned of a task: lesions of its state."""
