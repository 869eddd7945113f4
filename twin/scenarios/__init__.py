"""Scenarios: one YAML file in, one validated frozen description out.

load                                reads the file, names every problem
scenario, sections, fault_sections  the models
units                               quantities at the file boundary
consistency                         checks between sections
profiles                            columns of CSV files
environment                         what the site sees over time
problems                            what is wrong, where, and the remedy
schema                              for editors
"""
