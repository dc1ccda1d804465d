"""What can be read from spikes, by counts and by times, and when."""
