#include "dna/blocks/block.hpp"

#include <fmt/format.h>

namespace chromatin::dna {

std::string text_of(const block_id& id) { return fmt::format("leaf {} version {}", id.leaf, id.version); }

std::string text_of(std::span<const block_id> ids, std::size_t shown) {
  std::string text;
  for (std::size_t i = 0; i < ids.size() && i < shown; ++i) text += (i > 0 ? ", " : "") + text_of(ids[i]);
  return ids.size() > shown ? fmt::format("{} and {} more", text, ids.size() - shown) : text;
}

}  // namespace chromatin::dna
