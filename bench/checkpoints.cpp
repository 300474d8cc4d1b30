#include "bench/checkpoints.hpp"

#include <fmt/core.h>

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
    fmt::print(stderr, "writing {}\n", folder.string());
    io::temporary_folder made{work};
    model::make_checkpoint(shape, 1, made.path() / shape, embedded);
    fs::remove_all(folder);
    fs::rename(made.path() / shape, folder);
  }
  return folder;
}

}  // namespace chromatin::bench
