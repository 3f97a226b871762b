"""示范城市: a generator of invented residents and their records as columns, and a door through which they are stored."""
