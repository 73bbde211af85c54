# SPDX-License-Identifier: Apache-2.0
"""Compiles StableHLO programs for a device that is not there, by XLA's own compiler for it, and
prints what the compiler estimates, a line of JSON for each program.

    PYTHON compile.py TARGET FILE.mlir ...

TARGET is "tpu", a core of a TPU v5e, or "cuda", an H100. PYTHON has benchmarks/accelerators/
requirements.txt, and needs no TensorFlow. Nothing here is measured on a device.
"""

import json
import os
import sys
import sysconfig
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import hlo

_H100 = """
gpu_device_info {
  cuda_compute_capability { major: 9 }
  core_count: 132
  fpus_per_core: 128
  clock_rate_ghz: 1.98
  threads_per_warp: 32
  threads_per_block_limit: 1024
  threads_per_core_limit: 2048
  block_dim_limit_x: 2147483647
  block_dim_limit_y: 65535
  block_dim_limit_z: 65535
  registers_per_core_limit: 65536
  registers_per_block_limit: 65536
  shared_memory_per_block: 49152
  shared_memory_per_block_optin: 232448
  shared_memory_per_core: 233472
  l2_cache_size: 52428800
  memory_bandwidth: 3352320000000
  device_memory_size: 84929347584
}
platform_name: "CUDA"
dnn_version_info { major: 9 minor: 7 }
runtime_version { major: 12 minor: 9 patch: 0 }
device_description_str: "NVIDIA H100 80GB HBM3"
"""
_TOPOLOGIES: dict[str, dict[str, str]] = {
    "tpu": {"topology_name": "v5e:1x1"},
    "cuda": {"topology": "1x1x1", "target_config": _H100},
}


def compiler(target: str) -> Callable[[str], Any]:
    """A function from StableHLO to the executable of a target.

    All that is not JAX's public interface is here: the client of a topology, which compiles and
    does not load, and its list of devices. It was seen to work with JAX 0.12.0.
    """
    cuda = Path(sysconfig.get_path("purelib"), "nvidia", "cuda_nvcc")
    flags = (
        f"--xla_gpu_cuda_data_dir={cuda}",
        "--xla_gpu_autotune_level=0",  # It would run kernels.
        "--xla_gpu_collect_cost_model_stats=true",
    )
    # JAX reads them when it is imported.
    os.environ |= {
        "JAX_PLATFORMS": "cpu",
        "XLA_FLAGS": " ".join(flags),
        "TPU_SKIP_MDS_QUERY": "1",  # No TPU is looked for in a network.
        "ALLOW_MULTIPLE_LIBTPU_LOAD": "1",  # No process has the TPU, so that several may compile.
    }
    import jax
    from jax._src.lib import _jax
    from jax.experimental import topologies
    from jax.extend import backend
    from jax.extend.mlir import ir
    from jax.interpreters import mlir

    jax.devices()  # Finds the plugin of the target.
    device = topologies.get_topology_desc(platform=target, **_TOPOLOGIES[target]).devices[0]
    options = backend.get_compile_options(num_replicas=1, num_partitions=1)

    def compile_text(text: str) -> Any:
        with mlir.make_ir_context():
            module = ir.Module.parse(text)
            return device.client.compile(module, _jax.DeviceList((device,)), options)

    return compile_text


def estimates(executable: Any, target: str) -> dict[str, float]:
    """What a compiler says of a program: memory, and the figures of its step."""
    memory = executable.get_compiled_memory_stats()
    step = hlo.step_figures(executable.hlo_modules()[0].to_string(), target == "cuda")
    figures = {
        "argument_bytes": memory.argument_size_in_bytes,
        "output_bytes": memory.output_size_in_bytes,
        "temporary_bytes": memory.temp_size_in_bytes,
        "step_instructions": step.instructions,
        "step_tiny": step.tiny,
        "step_megabytes": step.megabytes,
    }
    if target == "cuda":
        return figures | {"step_microseconds": step.microseconds}
    return figures | {
        "step_padded_megabytes": step.padded_megabytes,
        "step_cycles": step.cycles,
        "accessed_bytes": executable.cost_analysis()["bytes accessed"],
    }


def main(target: str, files: list[str]) -> None:
    compile_text = compiler(target)
    for file in files:
        started, cpu = time.perf_counter(), time.process_time()
        result: dict[str, Any] = {"file": file}
        try:
            result |= estimates(compile_text(Path(file).read_text()), target)
        except Exception as error:  # Of whatever type: the other programs are compiled.
            result["error"] = " ".join(str(error).split())[:400]
        result["seconds"] = time.perf_counter() - started
        result["cpu_seconds"] = time.process_time() - cpu
        print(json.dumps(result), flush=True)


if __name__ == "__main__":
    main(sys.argv[1], sys.argv[2:])
