"""Scenarios: one YAML file in, one validated frozen description out.

load                                reads the file, names every problem
scenario, section, sections         the models; sensor_sections: of sensors,
                                    runaway_section: of cells that react;
                                    enclosure_sections: of the housing of a module
fault_sections                      every kind of fault: plant_fault_sections,
                                    sensor_fault_sections; fault_windows: where and when
units, sensor_units                 quantities at the file boundary
consistency, fault_consistency       checks between sections; parts: what they work on
lumping                             what one simulated cell stands for, and what that rules out
profiles                            columns of CSV files
environment                         what the site sees over time
problems                            what is wrong, where, and the remedy
schema                              for editors
"""
