/// The chromatin binary with a backend that fails in its n-th step (its memory: memory.cpp): CHROMATIN_FAILS is
/// "begin:N", "layer:N" (what a call throws) or "device:N" (what the device's own thread reports); "begin:N+": in all
/// steps from the n-th on; "packing:N": the weights of layer N cannot be packed.

#include <cstdlib>
#include <stdexcept>
#include <string>
#include <string_view>

#include "apps/program.hpp"

namespace chromatin::test {
namespace {

class failing_backend final : public gpu::backend {
 public:
  failing_backend(std::shared_ptr<gpu::backend> real, const std::string& when)
      : real_{std::move(real)},
        where_{when.substr(0, when.find(':'))},
        steps_{std::stoi(when.substr(when.find(':') + 1))},
        for_good_{when.ends_with('+')} {}

  const kv::geometry& geometry() const override { return real_->geometry(); }
  std::string description() const override { return real_->description(); }
  std::uint64_t weight_bytes() const override { return real_->weight_bytes(); }
  std::shared_ptr<kv::page_arena> make_arena(std::uint32_t pages) override { return real_->make_arena(pages); }
  bool orders_loads() const override { return real_->orders_loads(); }
  gpu::copy_engine& copies() override { return real_->copies(); }

  void begin(gpu::step_batch batch) override {
    --steps_;
    fail("begin");
    real_->begin(std::move(batch));
  }
  gpu::fence run_layer(std::uint32_t layer, std::span<const gpu::fence> after) override {
    fail("layer");
    return real_->run_layer(layer, after);
  }
  void drop(std::uint32_t sequence) override { real_->drop(sequence); }
  bool abandon(std::function<void()> ended) override { return real_->abandon(std::move(ended)); }
  void finish(std::function<void(gpu::step_output)> done) override {
    real_->finish([this, done = std::move(done)](gpu::step_output output) {
      if (fails("device")) output.error = "the device is gone";
      done(std::move(output));
    });
  }

 private:
  bool fails(const char* here) const { return where_ == here && (steps_ == 0 || (for_good_ && steps_ < 0)); }
  void fail(const char* here) const {
    if (fails(here)) throw std::runtime_error("the device is gone");
  }

  std::shared_ptr<gpu::backend> real_;
  std::string where_;
  int steps_;
  bool for_good_;
};

}  // namespace
}  // namespace chromatin::test

int main(int argc, char** argv) {
  chromatin::system_options options;
  const char* fails = std::getenv("CHROMATIN_FAILS");
  if (constexpr std::string_view packing = "packing:"; fails && std::string_view{fails}.starts_with(packing))
    options.before_packing = [layer = std::stoul(fails + packing.size())](std::uint32_t packed) {
      if (packed == layer) throw std::runtime_error("no room left");
    };
  else if (fails)
    options.wrap_backend = [when = std::string{fails}](std::shared_ptr<chromatin::gpu::backend> real) {
      return std::make_shared<chromatin::test::failing_backend>(std::move(real), when);
    };
  return chromatin::run_program(argc, argv, options);
}
