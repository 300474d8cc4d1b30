/// chromatin make-checkpoint: random weights in the usual layout, for measuring speed.

#include <fmt/core.h>
#include <fmt/ranges.h>

#include "apps/commands.hpp"
#include "apps/system_flags.hpp"
#include "io/progress.hpp"
#include "model/make_checkpoint.hpp"

namespace chromatin {

void add_make_checkpoint_command(CLI::App& app) {
  struct flags {
    std::string shape = "tinyllama-1.1b";
    std::uint64_t seed = 1;
    std::string folder;
  };
  auto* command = app.add_subcommand("make-checkpoint", "Write a random-weight checkpoint for measuring speed");
  auto f = std::make_shared<flags>();
  std::vector<std::string> shapes;
  for (const auto& shape : model::checkpoint_shapes()) shapes.push_back(shape.name);
  command->add_option("--shape", f->shape, fmt::format("{}", fmt::join(shapes, ", ")))->capture_default_str();
  command->add_option("--seed", f->seed, "of the weights")->capture_default_str();
  command->add_option("folder", f->folder, "where to write it")->required();
  command->callback([f] {
    {
      io::waiting_line waiting{"writing " + f->folder};
      model::make_checkpoint(f->shape, f->seed, f->folder, embedded_model());
    }
    fmt::print("{}: a {} of random weights, seed {}\n", f->folder, f->shape, f->seed);
  });
}

}  // namespace chromatin
