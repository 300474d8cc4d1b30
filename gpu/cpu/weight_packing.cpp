#include "gpu/cpu/weight_packing.hpp"

#include <stdexcept>
#include <utility>

#include <fmt/format.h>
#include <omp.h>

#include "kv/check.hpp"

namespace chromatin::gpu {
namespace {

/// So much of the files is in memory twice at most, beside one matrix.
constexpr std::size_t read_bytes_max = std::size_t{32} << 20;

}  // namespace

weight_packing::weight_packing(std::shared_ptr<const model::checkpoint> checkpoint, std::uint32_t threads,
                               listener told)
    : checkpoint_{std::move(checkpoint)}, threads_{threads}, told_{std::move(told)} {}

weight_packing::~weight_packing() { stop(); }

void weight_packing::add(packed_matrix& matrix, std::vector<std::string> tensors) {
  if (!std::exchange(in_part_, true)) program_.push_back(begins(parts_));
  program_.push_back(packs(matrix, std::move(tensors)));
}

void weight_packing::end_part() {
  program_.push_back(publishes(parts_++));
  in_part_ = false;
}

void weight_packing::start() {
  team_ = std::make_unique<team>(
      threads_, [] { omp_set_num_threads(1); }, [this](const char* what) { fail(what); });
  team_->push(std::exchange(program_, {}));
}

team::loop weight_packing::begins(std::uint32_t part) {
  return {.begin =
              [this, part](std::uint32_t) {
                if (told_.before_part && !gave_up()) told_.before_part(part);
                return 0u;
              },
          .piece = {}};
}

team::loop weight_packing::packs(packed_matrix& matrix, std::vector<std::string> tensors) {
  return {.begin = [this, &matrix, names = std::move(tensors)](std::uint32_t) -> std::uint32_t {
            if (gave_up()) return 0;
            release_read(read_bytes_max);
            std::vector<const model::tensor*> parts;
            for (const auto& name : names) {
              parts.push_back(&checkpoint_->weights.at(name));
              read_bytes_ += parts.back()->bytes.size();
            }
            return matrix.begin_packing(parts);
          },
          .piece =
              [this, &matrix](std::uint32_t piece, std::uint32_t) {
                if (!gave_up()) matrix.pack(piece);
              }};
}

team::loop weight_packing::publishes(std::uint32_t part) {
  return {.begin =
              [this, part](std::uint32_t) {
                release_read(0);
                auto before = part;
                if (packed_.compare_exchange_strong(before, part + 1, std::memory_order_release)) packed_.notify_all();
                return 0u;
              },
          .piece = {}};
}

void weight_packing::release_read(std::size_t bytes_min) {
  if (read_bytes_ <= bytes_min) return;
  checkpoint_->weights.release_pages();
  read_bytes_ = 0;
}

void weight_packing::wait_for(std::uint32_t part) {
  CHROMATIN_CHECK(part < parts_, "a part of the model");
  auto packed = packed_.load(std::memory_order_acquire);
  for (; packed <= part; packed = packed_.load(std::memory_order_acquire))
    packed_.wait(packed, std::memory_order_acquire);
  if (packed == never) {
    std::lock_guard lock{mutex_};
    throw std::runtime_error(why_);
  }
  if (packed == parts_) team_.reset();  // its threads have nothing to do any more
}

void weight_packing::stop() { give_up("the server stops before the weights are packed"); }

void weight_packing::fail(const char* what) {
  auto why = fmt::format("{}: its weights cannot be packed: {}", checkpoint_->name, what);
  if (give_up(why) && told_.failed) told_.failed(why);
}

/// Whoever has all parts by then keeps them. True for the first who gives up.
bool weight_packing::give_up(const std::string& why) {
  std::lock_guard lock{mutex_};
  auto packed = packed_.load(std::memory_order_relaxed);
  do {
    if (packed == never || packed == parts_) return false;
    why_ = why;
  } while (!packed_.compare_exchange_weak(packed, never, std::memory_order_release));
  packed_.notify_all();
  return true;
}

}  // namespace chromatin::gpu
