"""门: who may enter, what comes in, what goes out. Three audiences that never import each other."""
