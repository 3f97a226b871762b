"""缓存层: Redis holds copies that may be lost. Nothing here knows SQL; losing it costs speed, never a wrong yes."""
