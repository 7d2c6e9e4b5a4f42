# Staging is for other Cython modules only: staging.pxd declares it, nothing is for Python.
