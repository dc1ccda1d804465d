"""Scripts and manifests with which a run starts on SLURM or Kubernetes."""
