#pragma once

#include <stdexcept>
#include <string>
#include <utility>

namespace chromatin::model {

/// A checkpoint folder that cannot be used. The text is one line: what is wrong, where, and the way out if there is
/// one.
struct load_error : std::runtime_error {
  using std::runtime_error::runtime_error;
};

/// The same of one tensor, which is called as Hugging Face does. `what` goes on behind its name.
struct tensor_error : load_error {
  tensor_error(const std::string& where, std::string name, const std::string& what)
      : load_error{where + ": tensor " + name + what}, tensor{std::move(name)} {}
  std::string tensor;
};

}  // namespace chromatin::model
