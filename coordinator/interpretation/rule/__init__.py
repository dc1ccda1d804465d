"""The section ``rule``: an evolved learning rule distilled into a formula that runs on the chip."""
