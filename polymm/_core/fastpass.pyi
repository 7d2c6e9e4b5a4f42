# The fast pass is for other Cython modules only: fastpass.pxd declares it, nothing is for Python.
