"""How fast packtwin is here: ``twin bench``.

figures    what is measured, what must be reached, what is aimed at
plants     plants to time       engines    whole engines, and their latency
module     a module that burns
machine    calibration, repeats, what the machine is
against    one set of figures beside an older one
"""
