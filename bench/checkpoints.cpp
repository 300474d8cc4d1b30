#include "bench/checkpoints.hpp"

#include "io/progress.hpp"
#include "io/temporary_folder.hpp"
#include "model/make_checkpoint.hpp"

namespace chromatin::bench {

namespace fs = std::filesystem;

fs::path work_folder(const fs::path& given) {
  auto folder = given.empty() ? fs::temp_directory_path() / "chromatin-bench" : given;
  fs::create_directories(folder);
  return folder;
}

fs::path checkpoint_of(const std::string& shape, const fs::path& work, const fs::path& embedded) {
  auto folder = work / shape;
  if (!fs::exists(folder / "config.json")) {
    io::waiting_line waiting{"writing " + folder.string()};
    io::temporary_folder made{work};
    model::make_checkpoint(shape, 1, made.path() / shape, embedded);
    fs::remove_all(folder);
    fs::rename(made.path() / shape, folder);
  }
  return folder;
}

std::string text_of(const model::checkpoint& c, const std::string& begin, std::uint32_t tokens) {
  auto text = begin;
  while (c.tokenizer->encode(text).size() < tokens) text += " there was a house by the sea, and who lived in it";
  return text;
}

}  // namespace chromatin::bench
