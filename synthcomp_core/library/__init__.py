"""What the user has: data sets and snapshots, found, fetched and taken in."""
