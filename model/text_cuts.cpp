#include "model/text_cuts.hpp"

#include <algorithm>

namespace chromatin::model {
namespace {

using cut_kind = cut_step::kind;
using cut_prefix = cut_step::prefix;
using text_parts = std::vector<std::string_view>;

std::vector<text_range> find_text(std::string_view in, std::string_view sought) {
  std::vector<text_range> all;
  for (auto at = in.find(sought); at != std::string_view::npos; at = in.find(sought, at + sought.size()))
    all.push_back({at, at + sought.size()});
  return all;
}

/// A stretch that matches, or one between matches.
struct stretch {
  text_range at;
  bool matches = false;
};

std::vector<stretch> stretches(std::string_view text, const std::vector<text_range>& found, bool invert) {
  std::vector<stretch> all;
  std::size_t done = 0;
  for (auto f : found) {
    if (f.begin > done) all.push_back({{done, f.begin}, invert});
    all.push_back({f, !invert});
    done = f.end;
  }
  if (done < text.size()) all.push_back({{done, text.size()}, invert});
  return all;
}

/// Joins neighbours where `joins(left, right)`, which sees a stretch as it was found.
template <class Joins>
std::vector<text_range> joined(const std::vector<stretch>& all, Joins joins) {
  std::vector<text_range> result;
  for (std::size_t i = 0; i < all.size(); ++i) {
    if (i > 0 && joins(i))
      result.back().end = all[i].at.end;
    else
      result.push_back(all[i].at);
  }
  return result;
}

std::vector<text_range> kept(const std::vector<stretch>& all, cut_matches matches) {
  switch (matches) {
    case cut_matches::isolated:
      return joined(all, [](std::size_t) { return false; });
    case cut_matches::contiguous:
      return joined(all, [&](std::size_t i) { return all[i - 1].matches == all[i].matches; });
    case cut_matches::merged_with_previous:
      return joined(all, [&](std::size_t i) { return all[i].matches && !all[i - 1].matches; });
    case cut_matches::merged_with_next:
      return joined(all, [&](std::size_t i) { return all[i - 1].matches && !all[i].matches; });
    case cut_matches::removed:
      break;
  }
  std::vector<text_range> rest;
  for (const auto& s : all)
    if (!s.matches) rest.push_back(s.at);
  return rest;
}

std::string marked(std::string_view part, bool with_prefix) {
  std::string result;
  for (char c : part)
    if (c == ' ')
      result += written_space;
    else
      result += c;
  if (with_prefix && !result.starts_with(written_space)) result.insert(0, written_space);
  return result;
}

/// Whether something comes before the part that is `first` of its text.
bool is_prefixed(cut_prefix when, bool first, text_place place) {
  if (place == text_place::inside && first) return false;
  return when == cut_prefix::always || (when == cut_prefix::first && first && place == text_place::start);
}

}  // namespace

text_cuts::text_cuts(std::vector<cut_step> steps) {
  for (auto& step : steps) {
    std::optional<split_pattern> pattern;
    if (step.what == cut_kind::pattern) pattern.emplace(step.sought, step.where);
    steps_.emplace_back(std::move(step), std::move(pattern));
  }
}

text_parts text_cuts::operator()(std::string_view text, text_place place, std::deque<std::string>& made) const {
  text_parts now;
  if (!text.empty()) now.push_back(text);
  for (const auto& [step, pattern] : steps_) {
    text_parts next;
    for (std::size_t i = 0; i < now.size(); ++i) {
      auto part = now[i];
      if (step.what == cut_kind::prefix_space) {
        bool prefixed = is_prefixed(step.first, i == 0, place) && !part.starts_with(' ');
        next.push_back(prefixed ? made.emplace_back(" ").append(part) : part);
      } else if (step.what == cut_kind::space_mark) {
        next.push_back(made.emplace_back(marked(part, is_prefixed(step.first, i == 0, place))));
      } else {
        auto found = pattern ? pattern->find(part) : find_text(part, step.sought);
        for (auto [begin, end] : kept(stretches(part, found, step.invert), step.matches))
          next.push_back(part.substr(begin, end - begin));
      }
    }
    now.swap(next);
  }
  return now;
}

bool text_cuts::adds_space() const {
  return std::any_of(steps_.begin(), steps_.end(), [](const auto& s) { return s.first.first != cut_prefix::never; });
}

}  // namespace chromatin::model
