// What a recall costs in reads, in a tube of a thousand conversations.

#include <algorithm>
#include <numeric>
#include <optional>
#include <set>

#include <fmt/format.h>

#include "archive/keeper.hpp"
#include "archive/sealing.hpp"
#include "archive/simulator.hpp"
#include "bench/archive/parts.hpp"
#include "bench/dna.hpp"
#include "bench/served/parts.hpp"
#include "dna/wetlab/retrieval.hpp"
#include "io/temporary_folder.hpp"
#include "kv/check.hpp"
#include "model/checkpoint.hpp"

namespace chromatin::bench {
namespace {

using namespace archive;
using archive::keeper;
using archive::synthesis_order;

constexpr std::uint32_t tube_conversations = 1000, singles = 10;

/// Two of the bundled conversations after each other, another pair for each number.
archived_conversation talk_of(std::uint32_t number, const std::vector<message_list>& all,
                              const model::tokenizer& words) {
  archived_conversation talk;
  const auto count = static_cast<std::uint32_t>(all.size());
  for (auto which : {number % count, (number + 1 + number / count) % count})
    for (const auto& message : all[which]) {
      auto tokens = words.encode(message.content);
      talk.window.tokens.insert(talk.window.tokens.end(), tokens.begin(), tokens.end());
      talk.messages.push_back({message.role, message.content, std::move(tokens)});
    }
  talk.window.settled = static_cast<std::uint32_t>(talk.window.tokens.size());
  return talk;
}

/// Reads, by where their molecules came from.
struct read_count {
  std::uint64_t all = 0, wanted = 0, journal = 0;
  read_count& operator+=(const read_count& other) {
    all += other.all, wanted += other.wanted, journal += other.journal;
    return *this;
  }
};

/// Counts the reads of an order when they are first read.
class counting_laboratory final : public laboratory {
 public:
  explicit counting_laboratory(simulator_options options) : model_{std::move(options)} {}

  bool simulated() const override { return true; }
  lab_times usual() const override { return model_.usual(); }
  void order(const synthesis_order& what, lab_time now) override { model_.order(what, now); }
  void order(const sequencing_order& what, lab_time now) override { model_.order(what, now); }
  lab_answer look(std::string_view name, lab_time now) override { return model_.look(name, now); }
  void read(std::string_view name, lab_time now, const std::function<void(const dna::read&)>& take) override {
    const bool fresh = known_.insert(std::string{name}).second;
    model_.read(name, now, [&](const dna::read& one) {
      if (fresh) count(one);
      take(one);
    });
  }

  /// Leaves that are wanted from now on.
  void want(std::set<std::uint32_t> leaves, std::set<std::uint32_t> journal) {
    wanted_ = std::move(leaves);
    journal_ = std::move(journal);
    counted = {};
  }
  read_count counted;

 private:
  void count(const dna::read& one) {
    ++counted.all;
    const auto name = one.name.find('.', std::string_view{"simulated."}.size()) + 1;
    const auto origin = dna::wetlab::parse_strand_name(std::string_view{one.name}.substr(name));
    if (!origin) return;
    counted.wanted += wanted_.contains(origin->leaf);
    counted.journal += journal_.contains(origin->leaf);
  }

  simulator model_;
  std::set<std::string> known_;
  std::set<std::uint32_t> wanted_, journal_;
};

/// A tube of conversations that are no more on a disk, and what is ordered of it.
class tube {
 public:
  tube(const archive_setup& setup, const std::filesystem::path& folder)
      : lab_{std::make_shared<counting_laboratory>(simulator_options_of(setup))},
        keeper_{{.folder = folder}, lab_},
        folder_{folder} {
    const auto checkpoint = model::checkpoint::open(setup.embedded);
    const auto said = read_conversations("sgd-sample.jsonl");
    std::vector<archive_source> all;
    for (std::uint32_t i = 0; i < tube_conversations; ++i) {
      archive_job job = plan_archive({"tenant", fmt::format("talk-{}", i)}, 1, now_);
      job.number = i + 1;
      all.push_back({{job, new_key()}, 1, talk_of(i, said, *checkpoint->tokenizer)});
    }
    jobs_ = keyed(keeper_.write(all, now_), all);
    keeper_.give(jobs_, now_);
    now_ += lab_->usual().synthesis.value();
    CHROMATIN_CHECK(std::ranges::all_of(jobs_, [&](const auto& one) { return one.job.tube == jobs_[0].job.tube; }),
                    "all are in one tube");
    store_.emplace(dna::store::open(folder_ / jobs_[0].job.tube, dna::store::access::read));
  }

  std::uint64_t strands() const { return keeper_.figures().strands; }

  /// Recalls of these, asked for together, until all are decoded.
  read_count recall(const std::vector<std::uint32_t>& which) {
    std::vector<keyed_job> asked;
    for (auto i : which) {
      auto job = jobs_[i].job;
      job.state = io::archive_state::stored;
      job.sequencing.clear();
      job.reads = job.reads_last = 0;
      job = ask_recall(job, now_);
      job.number = ++number_;
      asked.push_back({job, jobs_[i].key});
    }
    want(asked);
    while (!asked.empty()) {
      with_jobs(asked, keeper_.plan_reads(asked, now_));
      keeper_.give(asked, now_);
      now_ += lab_->usual().sequencing.value();
      with_jobs(asked, keeper_.decode(asked, now_));
      std::erase_if(asked, [](const auto& one) {
        CHROMATIN_CHECK(one.job.failure.empty(), "a recall stops");
        return one.job.state == io::archive_state::decoded;
      });
    }
    return lab_->counted;
  }

 private:
  static simulator_options simulator_options_of(const archive_setup& setup) {
    auto options = simulator_options::of(dna::wetlab::find_error_profile(setup.channel));
    options.seed = setup.seed;
    return options;
  }
  static std::vector<keyed_job> keyed(const std::vector<archive_job>& jobs, const std::vector<archive_source>& from) {
    std::vector<keyed_job> all;
    for (std::size_t i = 0; i < jobs.size(); ++i) all.push_back({jobs[i], from[i].key});
    return all;
  }
  static void with_jobs(std::vector<keyed_job>& all, const std::vector<archive_job>& next) {
    for (const auto& job : next)
      std::ranges::find(all, job.number, [](const auto& one) { return one.job.number; })->job = job;
  }

  void want(const std::vector<keyed_job>& asked) {
    std::set<std::uint32_t> leaves, journal;
    const auto& contents = store_->contents();
    for (const auto& one : asked) {
      for (auto leaf : contents.leaves_of(directory_of(one.key))) leaves.insert(leaf);
      for (const auto& block : contents.journal_of(directory_of(one.key)).blocks()) journal.insert(block.leaf);
    }
    lab_->want(std::move(leaves), std::move(journal));
  }

  std::shared_ptr<counting_laboratory> lab_;
  keeper keeper_;
  std::filesystem::path folder_;
  std::optional<dna::store> store_;
  lab_time now_{std::chrono::days{20'000}};
  std::vector<keyed_job> jobs_;
  std::uint64_t number_ = tube_conversations;
};

}  // namespace

nlohmann::ordered_json archive_reads(const archive_setup& setup) {
  io::temporary_folder folder{std::filesystem::temp_directory_path()};
  tube all{setup, folder.path()};
  const auto whole = all.strands() * keeper_options{}.reads_a_strand;
  std::vector<std::uint32_t> which(singles);
  for (std::uint32_t i = 0; i < singles; ++i) which[i] = (i * 97 + 13) % tube_conversations;
  read_count one_by_one;
  for (auto i : which) {
    show_progress("recalls", i, tube_conversations);
    one_by_one += all.recall({i});
  }
  const auto together = all.recall(which);
  show_progress("recalls", 1, 1);
  const double single = static_cast<double>(one_by_one.all) / singles;
  const double of_files =
      single * static_cast<double>(one_by_one.wanted - one_by_one.journal) / static_cast<double>(one_by_one.wanted);
  const auto on_target = static_cast<double>(one_by_one.wanted) / static_cast<double>(one_by_one.all);
  const double pooled = static_cast<double>(together.all) / static_cast<double>(one_by_one.wanted);
  say_line(fmt::format("a tube of {} conversations, {} strands: {} reads for all of it", tube_conversations,
                       all.strands(), whole));
  say_line(fmt::format(
      "one recalled: {:.0f} reads, 1/{:.0f} (asked: 1/100); without its journal {:.0f}, 1/{:.0f}; {:.0f} % on target",
      single, static_cast<double>(whole) / single, of_files, static_cast<double>(whole) / of_files, 100 * on_target));
  say_line(fmt::format("ten at once: {} reads, {:.2f} x the {} on target of ten singles (asked: 1.3)", together.all,
                       pooled, one_by_one.wanted));
  return {{"conversations", tube_conversations},
          {"strands", all.strands()},
          {"reads_of_all", whole},
          {"reads_of_one", single},
          {"reads_of_one_without_journal", of_files},
          {"on_target", on_target},
          {"ten_at_once", together.all},
          {"of_ten_singles_on_target", pooled}};
}

}  // namespace chromatin::bench
