#include "io/device.hpp"

#include <cerrno>
#include <utility>

namespace chromatin::io {
namespace {

void check_aligned(extent e, const std::byte* data, std::size_t size) {
  auto address = reinterpret_cast<std::uintptr_t>(data);
  if (size == 0 || e.offset_bytes % alignment_bytes != 0 || size % alignment_bytes != 0 ||
      address % alignment_bytes != 0)
    throw std::invalid_argument("a transfer must be aligned to 4 KiB");
}

}  // namespace

operation_id device::read(extent from, std::span<std::byte> into, urgency wanted, io_done done) {
  check_aligned(from, into.data(), into.size());
  return start({.what = operation::kind::read,
                .wanted = wanted,
                .where = from,
                .data = into.data(),
                .size_bytes = into.size(),
                .done = std::move(done)});
}

operation_id device::write(extent to, std::span<const std::byte> from, urgency wanted, io_done done) {
  check_aligned(to, from.data(), from.size());
  return start({.what = operation::kind::write,
                .wanted = wanted,
                .where = to,
                .data = const_cast<std::byte*>(from.data()),
                .size_bytes = from.size(),
                .done = std::move(done)});
}

operation_id device::sync(std::uint32_t segment, io_done done) {
  return start({.what = operation::kind::sync, .where = {segment, 0}, .done = std::move(done)});
}

operation_id device::start(operation op) {
  if (op.where.segment >= segments_) throw std::invalid_argument("no such segment");
  operation_id id;
  {
    std::lock_guard lock{mutex_};
    op.id = id = ++last_id_;
    line_.add(std::move(op));
  }
  wake();
  return id;
}

bool device::cancel(operation_id id) {
  {
    std::lock_guard lock{mutex_};
    if (!line_.cancel(id)) return false;
  }
  wake();
  return true;
}

std::optional<operation> device::next() {
  while (true) {
    std::optional<operation_line::chosen> chosen;
    {
      std::lock_guard lock{mutex_};
      chosen = line_.next();
    }
    if (!chosen) return {};
    if (!chosen->cancelled) return std::move(chosen->op);
    chosen->op.done(ECANCELED);
  }
}

void device::answered(operation op, std::int64_t answer) {
  auto before = op.size_bytes;
  auto [again, error] = judge(op, answer);
  count(op, again, error, again ? before - op.size_bytes : before);
  if (again) return put_back(std::move(op));
  {
    std::lock_guard lock{mutex_};
    line_.over(op.wanted);
  }
  op.done(error);
}

void device::count(const operation& op, bool again, int error, std::size_t moved_bytes) {
  if (error != 0) {
    ++errors_;
    return;
  }
  auto bytes = static_cast<std::int64_t>(moved_bytes);
  switch (op.what) {
    case operation::kind::read:
      reads_ += !again, bytes_read_ += bytes;
      break;
    case operation::kind::write:
      writes_ += !again, bytes_written_ += bytes;
      break;
    case operation::kind::sync:
      syncs_ += !again;
  }
}

void device::put_back(operation op) {
  std::lock_guard lock{mutex_};
  line_.again(std::move(op));
}

bool device::idle() const {
  std::lock_guard lock{mutex_};
  return line_.idle();
}

void device::forget_all() {
  std::lock_guard lock{mutex_};
  line_ = operation_line{line_.running_max()};
}

device_counters device::counters() const { return {reads_, writes_, syncs_, errors_, bytes_read_, bytes_written_}; }

}  // namespace chromatin::io
