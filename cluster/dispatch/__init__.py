"""Which worker gets which work, and what happens when one is lost: pure, without Ray or a clock."""
