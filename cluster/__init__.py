"""Where a run happens: jobs in, exactly one outcome per job out, whatever breaks."""
