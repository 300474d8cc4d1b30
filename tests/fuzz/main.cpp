// Feeds kept inputs, and random changes of them, to a fuzzer's one function: for compilers without libFuzzer.
//
//     fuzz_NAME [--mutate N] [--seed S] [--only I] FILE-OR-FOLDER…
//
// Each change follows from the seed and its number alone. What ends the program, or takes longer than half a minute, is
// kept as fuzz-NAME-SEED-NUMBER in the temporary folder and named; `--only NUMBER` runs it again.

#include <algorithm>
#include <csignal>
#include <cstdint>
#include <cstdio>
#include <filesystem>
#include <fstream>
#include <iterator>
#include <random>
#include <string>
#include <vector>

#include <fcntl.h>
#include <unistd.h>

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size);

// Under AddressSanitizer a finding ends the program with a signal, too.
extern "C" const char* __asan_default_options();
extern "C" const char* __asan_default_options() { return "abort_on_error=1:handle_segv=0:detect_leaks=0"; }

namespace {

using bytes = std::vector<std::uint8_t>;

constexpr unsigned seconds_max = 30;
constexpr std::size_t input_max = 1u << 20;

bytes running;
std::string running_file;

/// Only what a signal handler may call.
extern "C" void keep_input(int signal) {
  int fd = ::open(running_file.c_str(), O_WRONLY | O_CREAT | O_TRUNC, 0600);
  [[maybe_unused]] auto written = ::write(fd, running.data(), running.size());
  std::string_view words = signal == SIGALRM ? "too slow; the input is kept: " : "the input is kept: ";
  for (auto text : {words, std::string_view{running_file}, std::string_view{"\n"}})
    written = ::write(2, text.data(), text.size());
  std::signal(signal == SIGALRM ? SIGABRT : signal, SIG_DFL);
  ::raise(signal == SIGALRM ? SIGABRT : signal);
}

void run(bytes input, const std::string& name) {
  running = std::move(input);
  running_file = (std::filesystem::temp_directory_path() / name).string();
  ::alarm(seconds_max);
  LLVMFuzzerTestOneInput(running.data(), running.size());
  ::alarm(0);
}

std::size_t below(std::mt19937_64& random, std::size_t bound) { return bound == 0 ? 0 : random() % bound; }

void change(bytes& input, const std::vector<bytes>& corpus, std::mt19937_64& random) {
  static const std::vector<std::string> words{
      "0",       "-1", "999999999999999999999", "1e999", "\"", "{", "]", "\n", "null", "\xff\xfe", "</s>", "[INST]",
      "\\u0000", "NaN"};
  auto at = static_cast<std::ptrdiff_t>(below(random, input.size() + 1));
  auto end = at + static_cast<std::ptrdiff_t>(below(random, std::min<std::size_t>(64, input.size() - at) + 1));
  switch (random() % 8) {
    case 0:
      if (!input.empty()) input[below(random, input.size())] ^= static_cast<std::uint8_t>(1u << random() % 8);
      break;
    case 1:
      if (!input.empty()) input[below(random, input.size())] = static_cast<std::uint8_t>(random());
      break;
    case 2:
      input.erase(input.begin() + at, input.begin() + end);
      break;
    case 3: {
      bytes part{input.begin() + at, input.begin() + end};
      input.insert(input.begin() + static_cast<std::ptrdiff_t>(below(random, input.size() + 1)), part.begin(),
                   part.end());
      break;
    }
    case 4: {
      const auto& word = words[below(random, words.size())];
      input.insert(input.begin() + at, word.begin(), word.end());
      break;
    }
    case 5: {  // a number in the middle of a binary format
      static constexpr std::uint64_t numbers[] = {0, 1, 0x7f, 0xff, 0x7fff, 0xffff, 0x7fffffff, 0xffffffff, ~0ull};
      auto number = numbers[random() % std::size(numbers)];
      for (std::size_t i = 0; i < (std::size_t{1} << random() % 4) && at + i < input.size(); ++i)
        input[at + i] = static_cast<std::uint8_t>(number >> 8 * i);
      break;
    }
    case 6: {  // what another one goes on with
      const auto& other = corpus[below(random, corpus.size())];
      input.resize(static_cast<std::size_t>(at));
      input.insert(input.end(), other.begin() + static_cast<std::ptrdiff_t>(below(random, other.size() + 1)),
                   other.end());
      break;
    }
    default:
      input.resize(static_cast<std::size_t>(at));
  }
  if (input.size() > input_max) input.resize(input_max);
}

}  // namespace

int main(int argc, char** argv) {
  std::uint64_t mutations = 0, seed = 1;
  long only = -1;
  std::vector<std::filesystem::path> files;
  for (int i = 1; i < argc; ++i) {
    std::string word = argv[i];
    bool has_value = word.starts_with("--") && i + 1 < argc;
    if (has_value && word == "--mutate")
      mutations = std::strtoull(argv[++i], nullptr, 10);
    else if (has_value && word == "--seed")
      seed = std::strtoull(argv[++i], nullptr, 10);
    else if (has_value && word == "--only")
      only = std::strtol(argv[++i], nullptr, 10);
    else if (std::filesystem::is_directory(word))
      for (const auto& entry : std::filesystem::directory_iterator(word)) files.push_back(entry.path());
    else
      files.push_back(word);
  }
  std::ranges::sort(files);
  for (int signal : {SIGABRT, SIGSEGV, SIGBUS, SIGFPE, SIGILL, SIGALRM}) std::signal(signal, keep_input);
  auto program = std::filesystem::path{argv[0]}.filename().string();
  std::vector<bytes> corpus;
  for (const auto& file : files) {
    std::ifstream in{file, std::ios::binary};
    corpus.emplace_back(std::istreambuf_iterator<char>{in}, std::istreambuf_iterator<char>{});
    if (only < 0) run(corpus.back(), program + "-" + file.filename().string());
  }
  if (corpus.empty()) {
    std::fprintf(stderr, "%s: there is no input\n", program.c_str());
    return 2;
  }
  for (std::uint64_t i = only < 0 ? 0 : static_cast<std::uint64_t>(only); i < mutations; ++i) {
    std::mt19937_64 random{seed << 32 ^ i};
    auto input = corpus[below(random, corpus.size())];
    for (auto changes = 1 + random() % 6; changes > 0; --changes) change(input, corpus, random);
    run(std::move(input), program + "-" + std::to_string(seed) + "-" + std::to_string(i));
    if (only >= 0) break;
  }
  std::printf("%zu inputs, %llu changes of them\n", corpus.size(), static_cast<unsigned long long>(mutations));
}
