"""Hosts: whatever owns the model. One file each; `attach` finds the one that fits.

A program that is its own host loads none of the others.
"""
