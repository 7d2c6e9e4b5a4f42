"""Translators between the engine and a venue's wire, one package a venue."""
