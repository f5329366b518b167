"""Make `cudagym/Kernel-v0` known to gymnasium. Called by `import cudagym`."""

from __future__ import annotations

import gymnasium

ENV_ID = "cudagym/Kernel-v0"


def register() -> None:
    """Register the environment and its vector form, once."""
    if ENV_ID not in gymnasium.registry:
        gymnasium.register(
            ENV_ID,
            entry_point="cudagym.envs.kernel_env:KernelEnv",
            vector_entry_point="cudagym.envs.vector_env:KernelVectorEnv",
        )
