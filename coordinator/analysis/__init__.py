"""What a run shows: statistics, tables and figures, from its Parquet files alone."""
