#include <fmt/format.h>

#include "bench/gpu/parts.hpp"

namespace chromatin::bench {
namespace {

double product_per_s(workbench& on, std::uint32_t n) {
  auto matrix_bytes = std::size_t{2} * n * n;
  auto x = on.random(matrix_bytes), weights = on.random(matrix_bytes), y = on.device().allocate(matrix_bytes);
  gpu::cuda::product product{.weights = weights.data.get(), .outputs = n, .inputs = n};
  auto& products = on.device().multiplier();
  products.tune(product, n);
  auto seconds = on.seconds([&] { products.multiply(on.stream(), product, x.data.get(), n, y.data.get()); });
  return 2.0 * n * n * n / seconds;
}

}  // namespace

machine_limits measure_limits(workbench& on, const gpu_bench_sizes& sizes, report& to) {
  auto& device = on.device();
  machine_limits limits{.nominal = chip_of(device.properties().name)};
  auto bytes = sizes.copy_bytes;
  auto gb = [](double rate) { return rate * 1e-9; };
  auto of_promised = [](double measured, double promised) {
    return promised > 0 ? fmt::format("{:.0f} % of the {:g} promised", 100 * measured / promised, promised)
                        : std::string{"the maker's figure is not known"};
  };
  to.section("The machine's own limits");
  {
    auto source = on.random(bytes), target = device.allocate(bytes);
    auto s = on.seconds([&] { device.copy(on.stream(), target.data.get(), source.data.get(), bytes); });
    limits.copy_bytes_per_s = 2 * static_cast<double>(bytes) / s;
    auto host = device.pinned(bytes);
    std::memset(host.data.get(), 1, bytes);
    s = on.seconds([&] { device.copy(on.stream(), target.data.get(), host.data.get(), bytes); });
    limits.to_device_bytes_per_s = static_cast<double>(bytes) / s;
    s = on.seconds([&] { device.copy(on.stream(), host.data.get(), source.data.get(), bytes); });
    limits.to_host_bytes_per_s = static_cast<double>(bytes) / s;
  }
  to.add({.key = "copy_gb_per_s",
          .name = "copy within the device, read and written",
          .value = gb(limits.copy_bytes_per_s),
          .unit = "GB/s",
          .beside = of_promised(gb(limits.copy_bytes_per_s), gb(limits.nominal.memory_bytes_per_s))});
  to.add({.key = "to_device_gb_per_s",
          .name = "pinned memory to device",
          .value = gb(limits.to_device_bytes_per_s),
          .unit = "GB/s"});
  to.add({.key = "to_host_gb_per_s",
          .name = "device to pinned memory",
          .value = gb(limits.to_host_bytes_per_s),
          .unit = "GB/s"});
  limits.product_per_s = product_per_s(on, sizes.product);
  to.add({.key = "product_tflop_per_s",
          .name = fmt::format("product of {0} x {0} x {0}, {1}", sizes.product, device.multiplier().description()),
          .value = limits.product_per_s * 1e-12,
          .unit = "TFLOP/s",
          .beside = of_promised(limits.product_per_s * 1e-12, limits.nominal.bf16_per_s * 1e-12)});
  return limits;
}

}  // namespace chromatin::bench
