#include "actors/text_line.hpp"

#include <utility>

#include "kv/check.hpp"

namespace chromatin {

void text_line::send(const std::string& tenant, std::size_t bytes, std::function<void()> start) {
  auto& its = lines_[tenant];
  if (its.waiting.empty() && its.has_room(bytes)) {
    ++its.under_way;
    its.under_way_bytes += bytes;
    return start();
  }
  its.waiting.push_back({bytes, std::move(start)});
  ++waiting_;
}

void text_line::arrived(const std::string& tenant, std::size_t bytes) {
  auto found = lines_.find(tenant);
  CHROMATIN_CHECK(found != lines_.end() && found->second.under_way > 0 && found->second.under_way_bytes >= bytes,
                  "a text arrives once");
  auto& its = found->second;
  --its.under_way;
  its.under_way_bytes -= bytes;
  std::deque<text> go;
  while (!its.waiting.empty() && its.has_room(its.waiting.front().bytes)) {
    ++its.under_way;
    its.under_way_bytes += its.waiting.front().bytes;
    --waiting_;
    go.push_back(std::move(its.waiting.front()));
    its.waiting.pop_front();
  }
  if (its.under_way == 0) lines_.erase(found);
  for (auto& next : go) next.start();
}

}  // namespace chromatin
