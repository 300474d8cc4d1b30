#pragma once

/// Checkpoints of real models' shapes, which measurements write once and keep.

#include <filesystem>
#include <string>

#include "model/checkpoint.hpp"

namespace chromatin::bench {

/// The folder for them: `given`, or one that stays in the temporary folder.
std::filesystem::path work_folder(const std::filesystem::path& given);

/// The checkpoint of this shape in `work`; written if it is not there yet. `embedded`: whose tokenizer it gets.
std::filesystem::path checkpoint_of(const std::string& shape, const std::filesystem::path& work,
                                    const std::filesystem::path& embedded);

/// A text of so many tokens at least, that begins so.
std::string text_of(const model::checkpoint& c, const std::string& begin, std::uint32_t tokens);

}  // namespace chromatin::bench
