"""Which carrier a network uses, rates or times of spikes: lesions with matched controls."""
