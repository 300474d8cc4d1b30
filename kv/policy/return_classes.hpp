#pragma once

/// How soon do conversations come back? Learned while it happens, for classes of turns that the code finds itself.
///
/// A turn that has settled has traits: its number, the length of prompt and answer, the gaps between the turns before.
/// Its age is the time since it settled, in steps of half an octave. The chance that the next turn comes within an age,
/// if it has not come before (the hazard, as in a life table), is estimated as a product of
///
/// * the hazard of its class. Classes are the leaves of a tree that asks for one trait at a time. Each node counts, by
///   age, the turns that reached it and those that ended in it. A node's hazards are its parent's times factors for all
///   ages, for spans of them and for single ones: a factor is 1 until events say otherwise, so that few turns are
///   enough to begin with;
/// * a factor for each of its traits, by level and span of ages: what the trait says by itself. All turns contribute to
///   these, so they are known long before the tree is.
///
/// A leaf also counts what came and what the product expected to come, by each level of each trait. When two groups of
/// levels differ from that by more than chance would explain, the leaf is split. Nothing is fitted a second time and no
/// turn is stored. A class takes 3.3 KB as long as it may be split and 300 bytes after that; there are 64 at most.

#include <array>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <span>
#include <vector>

namespace chromatin::kv {

enum class trait : std::uint8_t { turn, new_tokens, answer_tokens, context_tokens, gap, usual_gap };
inline constexpr std::size_t traits_count = 6;
/// Levels: octaves, since lengths and times differ by factors.
using traits = std::array<std::uint8_t, traits_count>;
inline constexpr std::size_t levels_count = 16;
/// 0 below 1; else one more than the whole part of the binary logarithm, up to the last.
std::uint8_t level_of(double value);
/// Small numbers are levels of their own; greater ones share half an octave.
std::uint8_t level_of_count(std::uint32_t count);

inline constexpr std::size_t ages_count = 33;
/// When the age begins: 0, 1 s, 1.41 s, 2 s, … up to 13 hours; one more than there are is the end of the last.
double age_begin_s(std::size_t age);
std::size_t age_at(double seconds);

class return_classes {
 public:
  using class_id = std::uint32_t;
  static constexpr class_id everybody = 0;  ///< the root: what is known of a turn without traits

  return_classes();

  /// The class of a turn. Classes are split: an id from an earlier answer gets the search there faster as `from`.
  class_id class_of(const traits& of, class_id from = everybody) const;

  /// A turn of the class reached the age without a next turn.
  void reached(class_id of, const traits& with, std::size_t age);
  /// The next turn came at this age, which had been reached.
  void returned(class_id of, const traits& with, std::size_t age);

  /// The Gittins index of holding a conversation's cache: the greatest quotient, over all horizons, of the chance that
  /// it returns within the horizon and the time (s) for which it is held until it returns or the horizon ends.
  double index(class_id of, const traits& with, double age_s) const;

  /// The chance that the next turn comes within the horizon, if it has not come before the age. What comes when the
  /// last age has begun adds nothing: that age has no end, so nobody knows when in it. 0 as long as little was seen.
  double chance(class_id of, const traits& with, double age_s, double horizon_s) const;

  std::size_t classes() const { return leaves_; }

  /// The counts and the tree as bytes, and back; false if the bytes are not from there.
  void save(std::vector<std::byte>& out) const;
  bool load(std::span<const std::byte>& in);

 private:
  static constexpr std::size_t spans_count = 4;

  /// Events, and how many were to be expected; for a node's ages, turns that were exposed to them instead.
  struct count {
    float events = 0, exposed = 0;
  };
  using by_span = std::array<count, spans_count>;
  using by_trait = std::array<std::array<by_span, levels_count>, traits_count>;
  /// What a leaf keeps to find its next question.
  struct evidence {
    by_trait seen{};
    std::uint32_t events = 0;  ///< since the question was last asked
  };
  struct node {
    std::int32_t parent = -1;
    std::array<std::uint32_t, 2> kids{};  ///< 0: a leaf
    std::uint8_t question = 0, from_level = 0;
    std::array<count, ages_count> ages{};
    by_span inherited{};  ///< what the parent knew of this half
  };
  struct split;

  static std::size_t span_of(std::size_t age);
  bool is_leaf(class_id id) const { return nodes_[id].kids[0] == 0; }
  split best_split(class_id id) const;
  void try_split(class_id id);
  void learn_hazards(class_id id);
  double effect(const traits& with, std::size_t span) const;
  using span_effects = std::array<double, spans_count>;
  span_effects effects_of(const traits& with) const;
  double hazard(class_id of, const span_effects& effects, std::size_t age) const;
  double index_from(class_id of, const span_effects& effects, std::size_t age) const;
  float returns_seen() const;  ///< as far as they are not forgotten
  void refresh();
  void forget_half();

  std::vector<node> nodes_;
  std::vector<std::unique_ptr<evidence>> evidence_;     ///< of leaves; null once there are enough classes
  std::vector<std::array<float, ages_count>> hazards_;  ///< chance of an event within the age, by node
  by_trait effects_{};                                  ///< of each trait by itself
  std::size_t leaves_ = 1;
  std::uint32_t turns_ = 0;   ///< counted in the first age
  std::uint32_t events_ = 0;  ///< since the hazards were last computed
};

}  // namespace chromatin::kv
