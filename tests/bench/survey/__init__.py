"""Queries of a sky survey timed in Almagest and its peers, on the same rows, side by side."""
