"""A search on the plasticity processor in Python's integers: what kernel and C must equal.

    words        32-bit words from counters, and the generators
    constants    from coordinates to the constants of a plasticity program
    tasks        Markov decision processes and bandits from one word
    algorithms   ask and tell: evolution strategy, (1 + 1), SPSA, annealing
    episode      an episode in which the largest weight code wins, with the rules
    search       a whole search

Every number is an unsigned or a signed word of 32 bits unless its name ends in another width;
``u32`` and ``i32`` raise where a value would not fit. Shifts to the right of signed numbers are
arithmetic: they round down. So (x + 2^(k-1)) >> k rounds to the nearest, halves up.
"""
