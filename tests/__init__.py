"""Tests of polymm; the folders mirror the package."""
