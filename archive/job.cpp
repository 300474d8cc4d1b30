#include "archive/synthesis_more.hpp"

#include <algorithm>
#include <initializer_list>

#include <fmt/format.h>

#include "kv/check.hpp"

namespace chromatin::archive {
namespace {

void must_be(const archive_job& job, std::initializer_list<archive_state> states) {
  bool is = false;
  for (auto state : states) is = is || job.state == state;
  CHROMATIN_CHECK(is, "a job's states follow each other as archive/job.hpp says");
}

archive_job at(archive_job job, archive_state state, lab_time now) {
  job.state = state;
  job.failure.clear();
  job.changed_s = now.time_since_epoch().count();
  return job;
}

/// Of a job whose last order of reads has come to an end.
bool lacks_blocks(const archive_job& job) { return !job.missing.empty(); }

/// Where an order that the laboratory does not know is to be given, and one that is done leads to another step.
next_step step_of_order(lab_progress order, next_step give, next_step use) {
  switch (order) {
    case lab_progress::unknown:
      return give;
    case lab_progress::under_way:
      return next_step::wait;
    case lab_progress::done:
      return use;
    case lab_progress::refused:
      return next_step::refused;
  }
  return next_step::stop;
}

next_step step_of_strands(lab_progress order) {
  return step_of_order(order, next_step::order_strands, next_step::plan_reads);
}

next_step step_of_reads(const archive_job& job, lab_progress order) {
  if (lacks_blocks(job)) return next_step::plan_reads;
  return step_of_order(order, next_step::order_reads, next_step::decode);
}

std::string synthesis_more(const archive_job& job, std::uint32_t times) {
  return fmt::format("{}-more-{}-{}", job.tube, job.number, times);
}

/// Nothing is missing, as far as is known.
archive_job without_shortage(archive_job job) {
  job.missing.clear();
  job.reads_more = 0;
  return job;
}

}  // namespace

std::string_view awaited_order(const archive_job& job) {
  if (job.state != archive_state::ordered && job.state != archive_state::sequencing) return {};
  return job.sequencing.empty() ? job.synthesis : job.sequencing.back();
}

next_step step_of(const archive_job& job, const lab_answer& order) {
  if (!job.failure.empty()) return next_step::stop;
  switch (job.state) {
    case archive_state::planned:
      return next_step::write_frame;
    case archive_state::ordered:
      return job.sequencing.empty() ? step_of_strands(order.progress) : step_of_reads(job, order.progress);
    case archive_state::asked:
      return next_step::plan_reads;
    case archive_state::sequencing:
      return step_of_reads(job, order.progress);
    case archive_state::decoded:
      return next_step::settle;
    case archive_state::stored:
    case archive_state::settled:
      return next_step::nothing;
  }
  return next_step::stop;
}

archive_job plan_archive(const io::conversation_key& conversation, std::uint64_t version, lab_time now, bool kv) {
  archive_job job{.tenant = conversation.tenant, .id = conversation.id, .version = version, .kv = kv};
  return at(std::move(job), archive_state::planned, now);
}

archive_job ask_recall(const archive_job& archive, lab_time now, bool kv) {
  must_be(archive, {archive_state::stored});
  archive_job job{.tenant = archive.tenant,
                  .id = archive.id,
                  .version = archive.version,
                  .tube = archive.tube,
                  .commit = archive.commit,
                  .kv = kv};
  return at(std::move(job), archive_state::asked, now);
}

archive_job ordered(archive_job job, std::uint64_t version, std::uint32_t commit, std::string synthesis, lab_time now) {
  must_be(job, {archive_state::planned});
  CHROMATIN_CHECK(!job.tube.empty(), "what is in a partition has its name");
  CHROMATIN_CHECK(is_order_name(synthesis), "an order has a name that a laboratory takes");
  job.version = version;
  job.commit = commit;
  job.synthesis = std::move(synthesis);
  return at(std::move(job), archive_state::ordered, now);
}

archive_job reading(archive_job job, std::string name, std::uint64_t reads, lab_time now) {
  must_be(job, {archive_state::ordered, archive_state::asked, archive_state::sequencing});
  CHROMATIN_CHECK(is_order_name(name), "an order has a name that a laboratory takes");
  CHROMATIN_CHECK(job.sequencing.empty() || lacks_blocks(job), "more reads are ordered when the last ones did not do");
  job.sequencing.push_back(std::move(name));
  job.reads += reads;
  job.reads_last = reads;
  const auto next = job.state == archive_state::ordered ? archive_state::ordered : archive_state::sequencing;
  return at(without_shortage(std::move(job)), next, now);
}

std::uint32_t syntheses_more(const archive_job& job) {
  for (std::uint32_t times = 1; times <= syntheses_more_max; ++times)
    if (job.synthesis == synthesis_more(job, times)) return times;
  return 0;
}

archive_job short_of(archive_job job, const shortage& lacking, lab_time now) {
  must_be(job, {archive_state::ordered, archive_state::sequencing});
  CHROMATIN_CHECK(!lacking.missing.empty(), "a shortage is of some block");
  constexpr std::size_t shown = 3;
  job = at(job, job.state, now);
  job.missing.clear();
  for (const auto& block : lacking.missing) job.missing.push_back({block.leaf, block.version});
  job.reads_more = lacking.reads_more;
  const bool last = lacking.reads_more == 0 || job.sequencing.size() >= orders_max;
  if (const auto times = syntheses_more(job);
      last && job.state == archive_state::ordered && times < syntheses_more_max) {
    job.synthesis = synthesis_more(job, times + 1);
    job.sequencing.clear();
    job.reads_more = 0;
  } else if (lacking.reads_more == 0) {
    job.failure = fmt::format("{} blocks are not in the tube {}: {}", lacking.missing.size(), job.tube,
                              dna::text_of(lacking.missing, shown));
  } else if (last) {
    job.failure = fmt::format("after {} reads in {} orders {} blocks are missing, {} more reads may bring them: {}",
                              job.reads, job.sequencing.size(), lacking.missing.size(), lacking.reads_more,
                              dna::text_of(lacking.missing, shown));
  }
  return job;
}

archive_job stored(archive_job job, lab_time now) {
  must_be(job, {archive_state::ordered});
  CHROMATIN_CHECK(!job.sequencing.empty(), "what is stored was read");
  return at(without_shortage(std::move(job)), archive_state::stored, now);
}

archive_job decoded(archive_job job, std::span<const std::uint8_t> file, lab_time now) {
  must_be(job, {archive_state::sequencing});
  const auto bytes = std::as_bytes(file);
  job.content.assign(bytes.begin(), bytes.end());
  return at(without_shortage(std::move(job)), archive_state::decoded, now);
}

archive_job settled(archive_job job, lab_time now) {
  must_be(job, {archive_state::decoded});
  job.content.clear();
  return at(std::move(job), archive_state::settled, now);
}

archive_job failed(archive_job job, std::string reason, lab_time now) {
  CHROMATIN_CHECK(!reason.empty(), "a failure says why");
  job = at(job, job.state, now);
  job.failure = std::move(reason);
  return job;
}

archive_job resumed(archive_job job, lab_time now) {
  // Where more reads would do they are ordered next; otherwise those that there are may decode now. Without any, what
  // is missing is what its synthesis is of.
  if (job.reads_more == 0 && !job.sequencing.empty()) job.missing.clear();
  return at(job, job.state, now);
}

}  // namespace chromatin::archive
