"""What a random and an optimal policy earn, computed exactly wherever that can be done."""
