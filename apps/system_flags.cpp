#include "apps/system_flags.hpp"

#include <map>
#include <stdexcept>

#include "apps/flags/choice.hpp"
#include "apps/flags/size.hpp"

namespace chromatin {
namespace {

constexpr std::uint32_t answer_tokens_fallback = 256;
constexpr auto whatever_fits = "auto";

/// What is wrong with a size; empty: nothing.
std::string size_fault(const std::string& text) {
  try {
    parse_size(text);
    return {};
  } catch (const std::invalid_argument& e) {
    return e.what();
  }
}

/// A size, or the word that leaves it to what is free.
void add_fitting_size(CLI::App& command, const std::string& name, std::uint64_t& bytes, bool& fits,
                      const std::string& help) {
  auto read = [&bytes, &fits](const std::string& text) {
    fits = text == whatever_fits;
    if (!fits) bytes = parse_size(text);
  };
  auto fault = [](std::string& text) { return text == whatever_fits ? std::string{} : size_fault(text); };
  command.add_option_function<std::string>(name, read, help)
      ->check(CLI::Validator(fault, "SIZE"))
      ->default_str(whatever_fits);
}

/// A number of turns, or the word that leaves it to what is free.
void add_batch(CLI::App& command, system_options& options) {
  static constexpr std::uint32_t batch_most = 1024;
  static const CLI::Range in_range{1u, batch_most};
  auto read = [&options](const std::string& text) {
    options.batch_fits = text == whatever_fits;
    if (!options.batch_fits) options.batch_max = static_cast<std::uint32_t>(std::stoul(text));
  };
  auto fault = [](std::string& text) {
    if (text == whatever_fits) return std::string{};
    // What the range would take for a number and `read` for another: 0x10.
    bool decimal = !text.empty() && text.find_first_not_of("0123456789") == text.npos;
    return decimal ? in_range(text) : fmt::format("Value {} not in range 1 to {}", text, batch_most);
  };
  command
      .add_option_function<std::string>("--batch", read,
                                        "turns computed together at most; auto: what model and machine allow")
      ->check(CLI::Validator(fault, "TURNS"))
      ->default_str(whatever_fits);
}

}  // namespace

std::filesystem::path embedded_model() {
  std::error_code error;
  auto binary = std::filesystem::read_symlink("/proc/self/exe", error);
  for (auto folder : {binary.parent_path().parent_path() / "share/chromatin/concierge",
                      std::filesystem::path{CHROMATIN_SOURCE_DIR} / "assets/concierge"})
    if (std::filesystem::exists(folder / "config.json", error)) return folder;
  return {};
}

CLI::Option* add_size(CLI::App& command, const std::string& names, std::uint64_t& bytes, const std::string& help) {
  auto read = [](std::string& text) {
    auto fault = size_fault(text);
    if (fault.empty()) text = std::to_string(parse_size(text));
    return fault;
  };
  return command.add_option(names, bytes, help)->transform(CLI::Validator(read, "SIZE"))->default_str(size_text(bytes));
}

void add_memory_flags(CLI::App& command, system_options& options) {
  static const std::map<std::string, compute_type> types{
      {"auto", compute_type::automatic}, {"f32", compute_type::f32}, {"bf16", compute_type::bf16}};
  static const std::map<std::string, backend_choice> backends{
      {"auto", backend_choice::automatic}, {"cpu", backend_choice::cpu}, {"cuda", backend_choice::cuda}};
  options.backend = backend_choice::automatic;
  options.device_bytes_fit = options.host_bytes_fit = options.batch_fits = true;
  choose(command.add_option("--backend", options.backend, "cpu, cuda, or auto: cuda where there is such a device"),
         backends)
      ->default_str("auto")
      ->option_text("NAME");
  add_fitting_size(command, "--device-mem", options.device_bytes, options.device_bytes_fit,
                   "memory the backend computes in, e.g. 64M; auto: what model and machine allow (a line at the start "
                   "says what that is)");
  add_fitting_size(command, "--host-mem", options.host_bytes, options.host_bytes_fit,
                   "memory of the host tier, e.g. 256M; auto: what is left");
  add_size(command, "--disk-size", options.disk_bytes, "space of the disk tier");
  choose(command.add_option("--compute", options.compute, "auto, f32 or bf16; cuda computes in bf16"), types)
      ->default_str("auto")
      ->option_text("TYPE");
  static const std::map<std::string, model::weight_kind> weights{
      {"model", model::weight_kind::stored}, {"int8", model::weight_kind::int8}, {"q4", model::weight_kind::q4}};
  choose(
      command.add_option("--weights", options.weights,
                         "model (as it comes), or rounded: int8 takes half the memory, q4 a quarter; faster answers"),
      weights)
      ->default_str("model")
      ->option_text("TYPE");
  command
      .add_option("--context", options.context,
                  "tokens of a conversation's window (default: what the model was made for)")
      ->check(CLI::Range(64, 1 << 20));
  command.add_option("--threads", options.threads, "that compute, of the processor (default: one per core)");
  add_batch(command, options);
  command.add_option("--step-tokens", options.step_tokens_max, "new tokens of one step at most")
      ->capture_default_str()
      ->check(CLI::Range(16, 65536));
}

void add_system_flags(CLI::App& command, system_options& options) {
  options.model = embedded_model();
  auto* model = command.add_option("--model", options.model,
                                   "Hugging Face checkpoint folder, GGUF file, folder of Hugging Face's cache, or "
                                   "ollama:NAME (default: the embedded model)");
  if (options.model.empty()) model->required();
  command.add_option("--disk", options.disk,
                     "folder of the disk tier and of the conversations; without it nothing outlives the process");
  add_memory_flags(command, options);
  command.add_option("--policy", options.policy, "which chunks go when a tier is full (docs/policies.md)")
      ->check(CLI::IsMember(kv::policy_names(false)))
      ->capture_default_str();
  command.add_flag("--deterministic", options.deterministic,
                   "answers do not depend, to the last bit, on who is served at the same time");
  command.add_flag("--verify", options.verify,
                   "look at every copy between tiers again after it was made; damage on the way is then found at once");
  command
      .add_option("--truncate", options.overflow.ratio,
                  "share of a full window that is dropped, oldest first; what stays keeps its cache; 0: a full window "
                  "is an error")
      ->capture_default_str()
      ->check(CLI::Range(0.0, 1.0));
  command
      .add_option("--keep", options.overflow.keep_tokens,
                  "first tokens of every window that are never dropped (a system prompt never is)")
      ->capture_default_str()
      ->check(CLI::Range(0, 1 << 20));
  command
      .add_option(
          "--history", options.overflow.history_tokens_max,
          "dropped tokens that a conversation remembers: with them a lost part of what stayed is computed again as "
          "it was; 0: such a window starts afresh, which is never slower than no cache, and may be answered "
          "otherwise")
      ->capture_default_str()
      ->check(CLI::Range(0, 1 << 30));
  command.add_flag("--keep-reasoning", options.keep_reasoning,
                   "what a chat template drops of earlier answers, such as their reasoning, stays in the window");
  command.add_option("--conversations", options.conversations_max, "conversations of one tenant at most")
      ->capture_default_str();
  command.add_option("--queue", options.queue_max, "turns waiting at most; more are refused")->capture_default_str();
}

std::uint32_t answer_tokens_default(const model::checkpoint& checkpoint) {
  auto own = checkpoint.config.answer_tokens_default;
  return own > 0 ? own : answer_tokens_fallback;
}

}  // namespace chromatin
