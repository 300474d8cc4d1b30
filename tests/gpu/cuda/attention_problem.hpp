#pragma once

/// A batch of sequences with random queries, keys and values, and what attention over it gives: by a runtime's kernels,
/// and computed plainly in double.

#include <cmath>
#include <cstring>
#include <limits>
#include <map>
#include <random>
#include <utility>
#include <vector>

#include "kv/page.hpp"
#include "tests/gpu/cuda/device_fixture.hpp"

namespace chromatin::gpu::cuda {

struct attention_case {
  std::uint32_t head_dim, heads, kv_heads;
  std::vector<std::pair<std::uint32_t, std::uint32_t>> sequences;  ///< history and new tokens
};

inline std::ostream& operator<<(std::ostream& out, const attention_case& c) {
  out << "head_dim " << c.head_dim << ", " << c.heads << " heads, " << c.kv_heads << " of keys";
  for (auto [history, tokens] : c.sequences) out << ", " << history << " + " << tokens;
  return out;
}

inline float widened(std::uint16_t bf16) {
  std::uint32_t bits = std::uint32_t{bf16} << 16;
  float value;
  std::memcpy(&value, &bits, sizeof value);
  return value;
}

inline std::uint16_t rounded(float value) {
  std::uint32_t bits;
  std::memcpy(&bits, &value, sizeof bits);
  return static_cast<std::uint16_t>((bits + 0x7fff + (bits >> 16 & 1)) >> 16);
}

class attention_problem {
 public:
  static constexpr std::uint16_t garbage = 0x7fc1;  // a NaN
  static constexpr std::size_t before_keys = 512;   // bytes of a page that belong to others, values of `garbage`

  explicit attention_problem(attention_case c, std::uint32_t seed = 1) : of{std::move(c)}, random_{seed} {
    std::uint32_t position_count = 0;
    for (auto [history, tokens] : of.sequences) {
      sequences.push_back({rows, tokens, history, static_cast<std::uint32_t>(pages.size())});
      rows += tokens;
      position_count = std::max(position_count, history + tokens);
      for (std::uint32_t p = 0; p < kv::chunks_for(history + tokens); ++p)
        pages.push_back(make_page(history + tokens, p));
    }
    qkv = normal(std::size_t{rows} * (of.heads + 2 * of.kv_heads) * of.head_dim, 2.0f);
    for (const auto& s : sequences) take_new_keys(s);
    for (std::uint32_t p = 0; p < position_count; ++p)
      for (std::uint32_t j = 0; j < half(); ++j) {
        auto angle = p * std::pow(10000.0, -2.0 * j / of.head_dim);
        cosines.push_back(static_cast<float>(std::cos(angle)));
        sines.push_back(static_cast<float>(std::sin(angle)));
      }
  }

  std::uint32_t half() const { return of.head_dim / 2; }
  std::size_t slice_values() const { return std::size_t{of.kv_heads} * page_tokens * of.head_dim; }
  std::uint32_t context_max() const { return static_cast<std::uint32_t>(cosines.size() / half()); }

  /// Of all sequences' rows.
  std::vector<attention_piece> pieces_of(std::uint32_t rows_max) const {
    std::vector<attention_piece> pieces;
    for (std::uint32_t s = 0; s < sequences.size(); ++s)
      for (std::uint32_t first = 0; first < sequences[s].rows; first += rows_max)
        pieces.push_back({s, first, std::min(rows_max, sequences[s].rows - first)});
    return pieces;
  }

  std::size_t out_values() const { return std::size_t{rows} * of.heads * of.head_dim; }

  /// Keys as the kernels are to see them with keys_rotated.
  void rotate_keys() {
    for (const auto& s : sequences)
      for (std::uint32_t position = 0; position < s.position + s.rows; ++position)
        for (std::uint32_t h = 0; h < of.kv_heads; ++h) {
          auto* key = stored(s, h, position);
          std::vector<std::uint16_t> turned(of.head_dim);
          for (std::uint32_t j = 0; j < of.head_dim; ++j)
            turned[j] = rounded(static_cast<float>(rotated(key, position, j)));
          std::copy(turned.begin(), turned.end(), key);
        }
    keys_rotated = true;
  }

  /// Of one row of a sequence, all heads.
  std::vector<double> expected(std::uint32_t sequence, std::uint32_t row) const {
    const auto& s = sequences[sequence];
    std::vector<double> result;
    for (std::uint32_t h = 0; h < of.heads; ++h) {
      auto one = attend(s, s.position + row, h);
      result.insert(result.end(), one.begin(), one.end());
    }
    return result;
  }

  attention_case of;
  std::uint32_t rows = 0;
  std::vector<sequence_view> sequences;
  std::vector<std::vector<std::uint16_t>> pages;
  std::vector<std::uint16_t> qkv;
  std::vector<float> cosines, sines;
  bool keys_rotated = false;

 private:
  std::vector<std::uint16_t> normal(std::size_t n, float scale) {
    std::normal_distribution<float> distribution;
    std::vector<std::uint16_t> v(n);
    for (auto& x : v) x = rounded(distribution(random_) * scale);
    return v;
  }

  /// Slots without a token, and what others have in the page, are garbage.
  std::vector<std::uint16_t> make_page(std::uint32_t tokens, std::uint32_t number) {
    auto first = before_keys / 2;
    std::vector<std::uint16_t> page(first + 2 * slice_values() + first, garbage);
    for (std::size_t i = 0; i < 2 * of.kv_heads; ++i)
      for (std::uint32_t t = 0; t < page_tokens && number * page_tokens + t < tokens; ++t) {
        auto values = normal(of.head_dim, 1.0f);
        std::copy(values.begin(), values.end(), page.begin() + first + (i * page_tokens + t) * of.head_dim);
      }
    return page;
  }

  /// Keys and values of rows are those that the pages have.
  void take_new_keys(const sequence_view& s) {
    for (std::uint32_t i = 0; i < s.rows; ++i)
      for (std::uint32_t h = 0; h < 2 * of.kv_heads; ++h) {  // values' heads follow the keys'
        auto heads = of.heads + 2 * of.kv_heads;
        auto* to = qkv.data() + (std::size_t{s.first_row + i} * heads + of.heads + h) * of.head_dim;
        std::copy_n(stored(s, h, s.position + i), of.head_dim, to);
      }
  }

  std::uint16_t* stored(const sequence_view& s, std::uint32_t head, std::uint32_t position) {
    return pages[s.first_page + position / page_tokens].data() + before_keys / 2 +
           (std::size_t{head} * page_tokens + position % page_tokens) * of.head_dim;
  }
  const std::uint16_t* stored(const sequence_view& s, std::uint32_t head, std::uint32_t position) const {
    return const_cast<attention_problem*>(this)->stored(s, head, position);
  }

  double rotated(const std::uint16_t* x, std::uint32_t position, std::uint32_t j) const {
    auto i = std::size_t{position} * half() + j % half();
    double c = cosines[i], s = sines[i];
    return j < half() ? widened(x[j]) * c - widened(x[j + half()]) * s : widened(x[j]) * c + widened(x[j - half()]) * s;
  }

  std::vector<double> attend(const sequence_view& s, std::uint32_t position, std::uint32_t head) const {
    auto kv_head = head / (of.heads / of.kv_heads);
    auto row = s.first_row + position - s.position;
    const auto* query = qkv.data() + (std::size_t{row} * (of.heads + 2 * of.kv_heads) + head) * of.head_dim;
    std::vector<double> scores(position + 1), result(of.head_dim), q(of.head_dim);
    for (std::uint32_t j = 0; j < of.head_dim; ++j) q[j] = rotated(query, position, j) / std::sqrt(of.head_dim);
    double highest = -std::numeric_limits<double>::infinity(), sum = 0;
    for (std::uint32_t p = 0; p <= position; ++p) {
      const auto* key = stored(s, kv_head, p);
      for (std::uint32_t j = 0; j < of.head_dim; ++j)
        scores[p] += q[j] * (keys_rotated ? widened(key[j]) : rotated(key, p, j));
      highest = std::max(highest, scores[p]);
    }
    for (auto& x : scores) sum += x = std::exp(x - highest);
    for (std::uint32_t p = 0; p <= position; ++p)
      for (std::uint32_t j = 0; j < of.head_dim; ++j)
        result[j] += scores[p] / sum * widened(stored(s, kv_head, p)[slice_values() + j]);
    return result;
  }

  std::mt19937 random_;
};

/// A problem in a device's memory.
class attention_on_device {
 public:
  attention_on_device(std::shared_ptr<runtime> device, const attention_problem& p)
      : device_{std::move(device)}, problem_{p}, stream_{device_->make_stream()} {
    std::vector<std::byte*> addresses;
    for (const auto& page : p.pages) addresses.push_back(reinterpret_cast<std::byte*>(upload(page)));
    std::vector<std::uint32_t> sequence_of_row;
    for (std::uint32_t s = 0; s < p.sequences.size(); ++s)
      sequence_of_row.insert(sequence_of_row.end(), p.sequences[s].rows, s);
    args_.batch = {.sequences = upload(p.sequences),
                   .sequence_count = static_cast<std::uint32_t>(p.sequences.size()),
                   .sequence_of_row = upload(sequence_of_row),
                   .rows = p.rows,
                   .pages = upload(addresses)};
    args_.shape = {.heads = p.of.heads,
                   .kv_heads = p.of.kv_heads,
                   .head_dim = p.of.head_dim,
                   .keys_offset = p.before_keys,
                   .values_offset = p.slice_values() * sizeof(std::uint16_t),
                   .cosines = upload(p.cosines),
                   .sines = upload(p.sines),
                   .scale = 1.0f / std::sqrt(static_cast<float>(p.of.head_dim))};
    args_.qkv = qkv_ = upload(p.qkv);
    args_.context_max = p.context_max();
    args_.keys_rotated = p.keys_rotated;
  }
  ~attention_on_device() { device_->destroy(stream_); }

  std::vector<std::uint16_t> prefill(const std::vector<attention_piece>& pieces) {
    return run(device_->kernels().attention_prefill, pieces);
  }
  /// The same with keys that are rotated before, once for all blocks: new ones by `store`.
  std::vector<std::uint16_t> prefill_rotated_before(const std::vector<attention_piece>& pieces) {
    auto sequences = problem_.sequences;
    for (auto& s : sequences) s.first_rotated = s.first_page;
    auto before = args_;
    args_.batch.sequences = upload(sequences);
    args_.rotated_keys =
        upload(std::vector<std::uint16_t>(problem_.pages.size() * problem_.slice_values(), attention_problem::garbage));
    args_.history_max = 0;
    for (const auto& s : sequences) args_.history_max = std::max(args_.history_max, s.position);
    device_->kernels().store(stream_, args_.batch, args_.shape, nullptr, qkv_, args_.rotated_keys);
    auto out = prefill(pieces);
    args_ = before;
    return out;
  }
  std::vector<std::uint16_t> decode(const std::vector<attention_piece>& pieces) {
    return run(device_->kernels().attention_decode, pieces);
  }

 private:
  template <typename T>
  T* upload(const std::vector<T>& from) {
    auto bytes = from.size() * sizeof(T);
    auto host = device_->pinned(bytes);
    auto there = device_->allocate(bytes);
    std::memcpy(host.data.get(), from.data(), bytes);
    device_->copy(stream_, there.data.get(), host.data.get(), bytes);
    device_->synchronize(stream_);
    memory_.push_back(std::move(there));
    return reinterpret_cast<T*>(memory_.back().data.get());
  }

  std::vector<std::uint16_t> run(void (*kernel)(stream, const attention_args&),
                                 const std::vector<attention_piece>& pieces) {
    std::vector<std::uint16_t> out(problem_.out_values(), attention_problem::garbage);
    const auto count = pieces.size(), heads = std::size_t{problem_.of.heads}, dim = std::size_t{problem_.of.head_dim};
    std::vector<float> scratch(std::max(attention_scratch_floats(count, args_.context_max, heads, dim),
                                        prefill_scratch_floats(count, args_.context_max, heads, dim)),
                               std::numeric_limits<float>::quiet_NaN());
    args_.out = upload(out);
    args_.scratch = upload(scratch);
    args_.turns = upload(std::vector<std::uint32_t>(pieces.size() * problem_.of.heads));
    args_.pieces = upload(pieces);
    args_.piece_count = static_cast<std::uint32_t>(pieces.size());
    kernel(stream_, args_);
    auto bytes = out.size() * sizeof(std::uint16_t);
    auto host = device_->pinned(bytes);
    device_->copy(stream_, host.data.get(), args_.out, bytes);
    EXPECT_TRUE(device_->synchronize(stream_));
    std::memcpy(out.data(), host.data.get(), bytes);
    return out;
  }

  std::shared_ptr<runtime> device_;
  const attention_problem& problem_;
  stream stream_;
  std::vector<kv::memory_block> memory_;
  attention_args args_;
  std::uint16_t* qkv_ = nullptr;
};

}  // namespace chromatin::gpu::cuda
