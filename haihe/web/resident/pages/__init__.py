"""The residents' pages under /m, as a mini-program's web-view shows them: phone first, rendered here, usable before any script."""
