#include "apps/soak/run.hpp"

#include <algorithm>
#include <csignal>
#include <fstream>
#include <random>
#include <thread>

#include <fmt/format.h>
#include <sys/wait.h>

#include "apps/soak/checks.hpp"
#include "apps/soak/child.hpp"
#include "apps/soak/ground.hpp"
#include "apps/soak/user.hpp"
#include "io/shared_counts.hpp"
#include "rpc/client.hpp"
#include "rpc/server.hpp"

namespace chromatin::soak {
namespace {

using clock = std::chrono::steady_clock;
using std::chrono::milliseconds;

constexpr auto operator_token = "token-of-the-operator";
constexpr auto rest_within = std::chrono::seconds{180}, round_max = std::chrono::seconds{30};
constexpr std::uint64_t driver_bytes = std::uint64_t{4} << 30;  ///< of a process, by CUDA's driver and libraries

class soak {
 public:
  explicit soak(const options& o);
  report run();

 private:
  void start(bool with_faults);
  std::vector<std::string> arguments(bool with_faults);
  void watch(clock::time_point end);
  void end_round();
  void come_to_rest();
  void stop_orderly();
  void check_server();
  void say_how_far();
  std::uint64_t draw(std::uint64_t below) { return random_() % below; }
  bool on_device() const { return options_.system.backend == backend_choice::cuda; }

  const options& options_;
  std::mt19937_64 random_;
  clock::time_point begin_ = clock::now();
  std::filesystem::path tokens_, counts_file_;
  std::shared_ptr<io::counted_faults> counts_;
  ground ground_;
  std::unique_ptr<running_system> reference_;
  std::unique_ptr<rpc::server> reference_door_;
  child_server child_;
  std::uint64_t memory_bytes_ = 0, resident_bytes_max_ = 0;
};

soak::soak(const options& o)
    : options_{o},
      random_{o.seed},
      tokens_{o.folder / "tokens"},
      counts_file_{o.folder / "counts"},
      counts_{io::share_counts(counts_file_)},
      child_{o.folder} {
  std::ofstream tokens{tokens_};
  tokens << operator_token << " nobody operator\n";
  for (std::uint32_t i = 0; i < o.users; ++i) {
    ground_.tenants.push_back("tenant-" + std::to_string(i));
    tokens << "token-of-" << ground_.tenants.back() << ' ' << ground_.tenants.back() << '\n';
  }
  tokens.close();
  ground_.texts = o.texts;
  ground_.server = child_.address();
  auto calm = o.system;
  calm.disk.clear();
  calm.deterministic = true;
  calm.context = o.context;
  if (!on_device()) {
    calm.compute = compute_type::f32;
    calm.threads = 1;
  }
  reference_ = std::make_unique<running_system>(calm);
  rpc::server_options door{.listen = {"unix:" + (o.folder / "reference").string()}};
  door.tokens = rpc::read_token_file(tokens_);
  reference_door_ = std::make_unique<rpc::server>(reference_->actors(), reference_->gateway(), reference_->telemetry(),
                                                  reference_->supervisor(), door);
  ground_.reference = reference_door_->addresses().front();
}

/// Other memory and other odds in each round; the disk's layout is that of the folder.
std::vector<std::string> soak::arguments(bool with_faults) {
  auto window =
      reference_->checkpoint().config.cache_geometry(on_device() ? kv::dtype::bf16 : kv::dtype::f32).chunk_bytes() *
      kv::chunks_for(options_.context);
  auto device = window * (2 + draw(8)), host = window * (1 + draw(12));
  memory_bytes_ = device + host + (on_device() ? driver_bytes : 0);
  std::vector<std::string> words{"--deterministic", "--log-level", "off"};
  auto add = [&](const char* option, const std::string& value) { words.insert(words.end(), {option, value}); };
  if (on_device())
    add("--backend", "cuda");
  else
    words.insert(words.end(), {"--backend", "cpu", "--compute", "f32", "--threads", "1"});
  add("--model", options_.system.model.string());
  add("--context", std::to_string(options_.context));
  add("--device-mem", std::to_string(device));
  add("--host-mem", std::to_string(host));
  add("--disk-size", std::to_string(window * 40));
  add("--batch", std::to_string(1 + draw(6)));
  add("--step-tokens", std::to_string(16 + draw(200)));
  add("--tokens", tokens_.string());
  add("--drain", draw(2) ? "0" : "2");
  static constexpr std::uint32_t disk_odds[] = {0, 300, 3000, 30000}, file_odds[] = {0, 0, 300, 3000};
  auto disk = with_faults ? disk_odds[draw(4)] : 0, files = with_faults ? file_odds[draw(4)] : 0;
  add("--fault-seed", std::to_string(random_()));
  add("--disk-faults", fmt::format("all={}", disk));
  // What SQLite reads is not flipped: what it then writes back would be damage that nobody can tell from the truth.
  add("--file-faults", fmt::format("read_error={0},write_error={0},no_space={0},sync_error={0}", files));
  add("--fault-counts", counts_file_.string());
  return words;
}

void soak::start(bool with_faults) {
  while (!child_.start(arguments(with_faults))) {
    // A file that fails at the start is one line and an end; the next start finds all as it was.
    if (WIFSIGNALED(child_.process().status())) ground_.fail("the server crashed at its start: " + child_.last_words());
    ground_.count("starts refused for an error of a file");
  }
  ground_.count("starts");
}

void soak::check_server() {
  if (child_.process().ended()) {
    ground_.fail("the server ended by itself: " + child_.last_words());
    return ground_.stop();
  }
  auto resident = child_.process().resident_bytes();
  resident_bytes_max_ = std::max(resident_bytes_max_, resident);
  ground_.fail(check_memory(resident, memory_bytes_));
  auto waiting = check_waiting(ground_.longest_wait());
  ground_.fail(waiting);
  if (!waiting.empty()) ground_.stop();
}

/// A round: some turns, but not beyond a time.
void soak::watch(clock::time_point end) {
  auto answered = [this] { return ground_.counts()["turns answered"]; };
  auto enough = answered() + 1 + static_cast<std::int64_t>(draw(60));
  end = std::min<clock::time_point>(end, clock::now() + round_max);
  while (clock::now() < end && !ground_.stopped() && answered() < enough) {
    std::this_thread::sleep_for(std::min<clock::duration>(milliseconds{1 + draw(100)}, end - clock::now()));
    check_server();
  }
}

/// Nothing is held any more once nobody asks for anything.
void soak::come_to_rest() {
  ground_.close_gate();
  if (ground_.stopped()) return;
  std::string wrong;
  auto give_up = clock::now() + rest_within;
  do {
    rpc::client client{child_.address(), operator_token};
    wrong = check_rest(client.stat());
    if (!wrong.empty()) std::this_thread::sleep_for(milliseconds{20});
  } while (!wrong.empty() && clock::now() < give_up);
  ground_.fail(wrong);
  ground_.count("times at rest");
}

void soak::stop_orderly() {
  ground_.ended_orderly = true;
  if (int status = child_.process().stop(SIGTERM); status != 0)
    ground_.fail(fmt::format("an orderly end has the status {}: {}", status, child_.last_words()));
  ground_.count("orderly ends");
  std::vector<std::string> names;
  for (const auto& entry : std::filesystem::directory_iterator{child_.store()})
    names.push_back(entry.path().filename().string());
  ground_.fail(check_files(names));
}

/// Two of four rounds end with a power cut, one with an orderly end under load, one with an orderly end at rest.
void soak::end_round() {
  auto how = draw(4);
  if (how == 3) come_to_rest();
  if (how >= 2) {
    stop_orderly();
  } else {
    ground_.ended_orderly = false;
    child_.process().stop(SIGKILL);
    ground_.count("power cuts");
  }
  counts_->disk.cut();
  counts_->files.cut();
}

void soak::say_how_far() {
  auto done = ground_.counts();
  auto seconds = std::chrono::duration<double>(clock::now() - begin_).count();
  options_.progress(fmt::format("{:.0f} s: {} answers compared, {} power cuts, {} failures", seconds,
                                done["answers compared"], done["power cuts"], ground_.failures().size()));
}

report soak::run() {
  start(true);
  std::vector<std::thread> threads;
  for (std::size_t i = 0; i < ground_.tenants.size(); ++i)
    threads.emplace_back([this, i] {
      try {
        user{ground_, i, options_.seed}.run();
      } catch (const std::exception& e) {
        ground_.fail(fmt::format("user {}: {}", i, e.what()));
        ground_.stop();
      }
    });
  try {
    auto end = begin_ + options_.lasts;
    while (!ground_.stopped()) {
      watch(end);
      if (ground_.stopped()) break;
      end_round();
      say_how_far();
      bool last = clock::now() >= end;
      start(!last);
      ground_.open_gate();
      if (last) break;
    }
    if (!ground_.stopped()) come_to_rest();
    ground_.finish();
    ground_.open_gate();
  } catch (const std::exception& e) {
    ground_.fail(e.what());
    ground_.stop();
  }
  if (ground_.stopped()) child_.process().stop(SIGKILL);  // who waits for it need not any more
  for (auto& t : threads) t.join();
  if (!ground_.stopped()) stop_orderly();
  report r{.done = ground_.counts(), .resident_bytes_max = resident_bytes_max_, .failures = ground_.failures()};
  for (std::size_t i = 0; i < io::fault_kinds; ++i) {
    std::string kind = io::to_string(static_cast<io::fault>(i));
    if (auto n = counts_->disk.fired[i].load()) r.faults["disk: " + kind] = n;
    if (auto n = counts_->files.fired[i].load()) r.faults["files: " + kind] = n;
  }
  return r;
}

}  // namespace

report run(const options& o) { return soak{o}.run(); }

}  // namespace chromatin::soak
