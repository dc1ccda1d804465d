"""Which policy choices in bandits are consistent with: models fitted, recovered, and a ceiling."""
