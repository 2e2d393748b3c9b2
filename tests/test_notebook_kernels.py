"""The kernels of notebook tests, of which two processes start one after the other, side by side."""

import os

import nbval.kernel
import pytest


@pytest.mark.skipif(os.name != "posix", reason="socket files")
def test_no_two_kernels_can_choose_the_same_port():
    kernels = [nbval.kernel.RunningKernel(nbval.kernel.CURRENT_ENV_KERNEL_NAME) for _ in range(2)]
    try:
        assert {kernel.km.transport for kernel in kernels} == {"ipc"}
        assert len({kernel.km.ip for kernel in kernels}) == 2 and all(os.path.isabs(k.km.ip) for k in kernels)
    finally:
        for kernel in kernels:
            kernel.stop()
