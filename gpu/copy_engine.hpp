#pragma once

/// Moves slices between a device's pages and host pages, in the device's order of work. No actor touches a device
/// page's bytes.
///
/// Who checks what: `out` makes a checksum of what it read from the device, before the bytes reach the host page; it
/// travels with the slice. `in` compares it with the bytes, on the host before the device gets them or in the device
/// before the fence passes. With `--verify`, `out` and `copy` look again at both sides after the copy, and `in` at what
/// the device's page has.

#include <cstdint>
#include <functional>
#include <optional>
#include <vector>

#include "gpu/fence.hpp"
#include "kv/page.hpp"

namespace chromatin::gpu {

/// One layer of one chunk. In the device it is kv::geometry::slice(layer) of `device`; in the host it is in packed
/// form, kv::geometry::packed(layer, tokens) of `host`. The engine holds both pages until the copy is done.
struct slice_copy {
  kv::page_ref device;
  std::uint32_t layer = 0;
  std::uint32_t tokens = 0;  ///< filled ones, 1 … 64; the others are not touched
  kv::page_ref host;
  std::optional<std::uint64_t> checksum;  ///< for `in`: kv::checksum of the packed slice
};

enum class copy_error : std::uint8_t {
  none,
  damaged,  ///< a checksum did not match
  failed,   ///< the device, or the fence that the copy had to wait for
};

struct copy_result {
  copy_error error = copy_error::none;
  std::uint32_t index = 0;               ///< of the slice that was damaged
  std::vector<std::uint64_t> checksums;  ///< of `out`: one of each packed slice
};

/// Thread-safe. Never calls `done` or a fence's callbacks from inside a call; they come from the device's thread and
/// must not block. Copies may overtake each other: only fences order them. When the engine is destroyed, what was not
/// done fails.
class copy_engine {
 public:
  using copied = std::function<void(copy_result)>;

  virtual ~copy_engine() = default;

  /// Host to device. The fence passes when the device has all slices; it fails when one of them is damaged or the copy
  /// fails. `done` says that the host's bytes may be reused.
  virtual fence in(std::vector<slice_copy> slices, copied done) = 0;
  /// Device to host, not before `after` passed; when that fails, `done` gets `failed`. The packed form's padding is
  /// zeros.
  virtual void out(std::vector<slice_copy> slices, fence after, copied done) = 0;
  /// The first `tokens` slots of all layers from one device page to another, not before `after` passed. The fence fails
  /// when `after` does.
  virtual fence copy(kv::page_ref from, kv::page_ref to, std::uint32_t tokens, fence after) = 0;
};

}  // namespace chromatin::gpu
