#pragma once

/// Wires the whole system: arenas, stores, backend, actors. The one place that knows which parts there are.

#include <chrono>
#include <cstdint>
#include <filesystem>
#include <functional>
#include <memory>
#include <string>
#include <vector>

#include "actors/actors.hpp"
#include "io/device.hpp"
#include "kv/policy/policies.hpp"
#include "model/checkpoint.hpp"

namespace chromatin::gpu::cuda {
class runtime;
}

namespace chromatin {

enum class compute_type : std::uint8_t { automatic, f32, bf16 };
enum class backend_choice : std::uint8_t { automatic, cpu, cuda };

/// Conversations in DNA. Without a folder there is no archive.
struct archive_options {
  std::filesystem::path folder;  ///< of the tubes' partitions
  std::filesystem::path spool;   ///< of orders that people carry out; empty: the laboratory is simulated,
  std::chrono::seconds synthesis_time = std::chrono::days{14};  ///< and takes so long
  std::chrono::seconds sequencing_time = std::chrono::hours{36};
  std::string channel = "illumina";      ///< its errors, losses and copy numbers: of dna/wetlab/error_profile.hpp
  std::uint64_t seed = 1;                ///< its chances
  std::chrono::seconds pool_window{60};  ///< a job waits so long for others to share its order with
  archived_turn on_turn = archived_turn::ticket;
  std::chrono::seconds idle{0};    ///< what nobody spoke in for so long is archived; 0: nothing is by itself
  std::filesystem::path schedule;  ///< conversations that are back at times (archive/schedule.hpp); empty: none are
  double expect = 0;               ///< a recall begins where a turn is so likely by its end; 0: none does
  double disk_share_max = 0;       ///< of its file system in use, above which what is idle is archived; 0: none
};

struct system_options {
  std::filesystem::path model;  ///< a Hugging Face checkpoint folder
  backend_choice backend = backend_choice::cpu;
  std::uint64_t device_bytes = 64ull << 20;  ///< the device tier's arena
  bool device_bytes_fit = false;             ///< it takes what memory has left, instead (actors/memory_plan.hpp)
  std::uint64_t host_bytes = 256ull << 20;   ///< the host tier's arena
  bool host_bytes_fit = false;               ///< as above
  std::filesystem::path disk;  ///< the disk tier's and the registry's folder; empty: neither is durable, no disk tier
  std::uint64_t disk_bytes = 1ull << 30;
  std::string policy = kv::usual_policy;  ///< of every tier: which chunks go when one is full
  std::uint64_t scrub_bytes_per_s =
      0;  ///< of the disk tier's chunks that are checked though nobody wants them; 0: none
  /// Stands between the disk tier and its device: a slower one, for measurements; null: nothing does.
  std::function<std::unique_ptr<io::device>(std::unique_ptr<io::device>)> wrap_disk;
  std::string tenant_secret;  ///< new tenants' salts are made of it, the same on every node; empty: random ones
  compute_type compute = compute_type::automatic;
  /// Rounded ones take a half or a quarter of the bytes of bf16, at an error that a notice tells.
  model::weight_kind weights = model::weight_kind::stored;
  bool verify = false;                  ///< every copy between tiers is looked at again after it was made
  bool deterministic = false;           ///< answers do not depend, to the last bit, on who is served at the same time
  std::uint32_t context = 0;            ///< tokens of a sequence at most; 0: what the model was made for
  std::uint32_t threads = 0;            ///< of the backend; 0: as many as there are cores
  std::uint32_t step_tokens_max = 512;  ///< new tokens of one step, over all sequences
  std::uint32_t batch_max = 16;         ///< sequences of one step
  bool batch_fits = false;              ///< as many as the device tier has room for, instead
  std::uint32_t queue_max = 1024;       ///< turns waiting; more are refused as overloaded
  std::uint32_t conversations_max = 100'000;  ///< of one tenant
  bool keep_reasoning = false;                ///< what a chat template drops of earlier answers stays in the window
  std::uint32_t message_bytes_max = 256u << 10;
  kv::overflow_policy overflow;  ///< of windows that are full
  loading_choice loading;  ///< how what lies in lower tiers comes back; other than it is to measure what it brings
  archive_options archive;
  /// Stands between the actors and the backend, to measure it or to let it fail; null: nothing does.
  std::function<std::shared_ptr<gpu::backend>(std::shared_ptr<gpu::backend>)> wrap_backend;
  /// Opens another device than the machine's, for tests; null: the machine's.
  std::function<std::shared_ptr<gpu::cuda::runtime>()> open_device;
  /// For tests: stands before the packing of each layer's weights (gpu/cpu/cpu_backend.hpp).
  std::function<void(std::uint32_t)> before_packing;
  /// Told once when no turn can run any more: a part died, or the weights cannot be packed. Called from any thread.
  std::function<void(const std::string&)> on_fatal;
};

/// A running system. Start-up errors are thrown as std::runtime_error with one line that names what and where.
/// Destruction stops the actors in order: turns are cancelled, what was handed to the tiers is saved, stores are
/// closed.
class running_system {
 public:
  explicit running_system(system_options options);
  ~running_system();
  running_system(const running_system&) = delete;
  running_system& operator=(const running_system&) = delete;

  caf::actor_system& actors();
  const gateway_actor& gateway() const;
  const telemetry_actor& telemetry() const;
  const supervisor_actor& supervisor() const;
  const model::checkpoint& checkpoint() const;
  /// What was found at the start and where things run, a line each, for people.
  const std::vector<std::string>& notices() const;
  /// Any thread: turns that wait until the model's weights are in place end with an error.
  void stop_packing();

 private:
  struct parts;
  std::unique_ptr<parts> parts_;
};

}  // namespace chromatin
