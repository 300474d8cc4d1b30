#pragma once

/// Checkpoints of real models' shapes, which measurements write once and keep.

#include <filesystem>
#include <string>

namespace chromatin::bench {

/// The folder for them: `given`, or one that stays in the temporary folder.
std::filesystem::path work_folder(const std::filesystem::path& given);

/// The checkpoint of this shape in `work`; written if it is not there yet. `embedded`: whose tokenizer it gets.
std::filesystem::path checkpoint_of(const std::string& shape, const std::filesystem::path& work,
                                    const std::filesystem::path& embedded);

}  // namespace chromatin::bench
