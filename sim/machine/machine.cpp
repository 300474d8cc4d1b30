#include "sim/machine/machine.hpp"

#include <cmath>

namespace chromatin::sim {
namespace {

std::vector<keyed_number> keys_of(machine& m, double& kv_mb_per_token) {
  return {
      {"model.layers", &m.layers, 1, 1000},
      {"model.kv_mb_per_token", &kv_mb_per_token, 1e-6, 1e3},
      {"model.context_tokens", &m.context_tokens, 128, 1e8},
      {"compute.gpus", &m.gpus, 1, 1e6},
      {"compute.prefill_us_per_token", &m.prefill_us_per_token, 1e-3, 1e7},
      {"compute.attention_us_per_token", &m.attention_us_per_token, 0, 1e7},
      {"compute.decode_us", &m.decode_us, 1, 1e8},
      {"compute.decode_us_per_token", &m.decode_us_per_token, 0, 1e7},
      {"compute.step_tokens", &m.step_tokens, 1, 1e6, false},
      {"compute.batch", &m.batch, 1, 1e4, false},
      {"compute.queue", &m.queue, 1, 1e6, false},
      {"device.gb", &m.device_gb, 0, 1e9},
      {"link.to_device_gb_per_s", &m.to_device_gb_per_s, 1e-6, 1e6},
      {"link.to_host_gb_per_s", &m.to_host_gb_per_s, 1e-6, 1e6},
      {"link.latency_us", &m.copy_latency_us, 0, 1e7, false},
      {"host.gb", &m.host_gb, 0, 1e9},
      {"disk.gb", &m.disk_gb, 0, 1e9},
      {"disk.read_gb_per_s", &m.disk_read_gb_per_s, 1e-6, 1e6},
      {"disk.write_gb_per_s", &m.disk_write_gb_per_s, 1e-6, 1e6},
      {"disk.latency_us", &m.disk_latency_us, 0, 1e7, false},
      {"cost.gpu_per_h", &m.gpu_per_h, 0, 1e6},
      {"cost.host_gb_per_h", &m.host_gb_per_h, 0, 1e6},
      {"cost.disk_gb_per_h", &m.disk_gb_per_h, 0, 1e6},
      {"reuse.device_keeps", nullptr, 0, 1, false, &m.device_keeps},
      {"reuse.layerwise_loading", nullptr, 0, 1, false, &m.layerwise_loading},
      {"reuse.recomputes", nullptr, 0, 1, false, &m.recomputes},
      {"reuse.asynchronous_saving", nullptr, 0, 1, false, &m.asynchronous_saving},
      {"reuse.valid_over_truncation", nullptr, 0, 1, false, &m.valid_over_truncation},
      {"reuse.idle_prefetch", nullptr, 0, 1, false, &m.idle_prefetch},
      {"reuse.policies_hear_queue", nullptr, 0, 1, false, &m.policies_hear_queue},
      {"reuse.exact", nullptr, 0, 1, false, &m.exact},
  };
}

}  // namespace

machine read_machine(const std::filesystem::path& file, const changes& with) {
  machine m;
  double kv_mb_per_token = 0;
  m.name = read_keys(file, keys_of(m, kv_mb_per_token), with);
  m.kv_bytes_per_token = kv_mb_per_token * 1e6;
  m.layers = std::floor(m.layers);
  return m;
}

std::vector<std::string> machine_keys() {
  machine m;
  double kv_mb_per_token = 0;
  return names_of(keys_of(m, kv_mb_per_token));
}

}  // namespace chromatin::sim
