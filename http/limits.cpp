#include "http/limits.hpp"

namespace chromatin::http {
namespace {

/// What is wrong, under the name of its field.
error named(const caf::error& wrong, const std::string& path) {
  auto e = from_actor(explain(wrong));
  e.message = path + ": " + e.message;
  e.param = path;
  return e;
}

/// Throws what is wrong, if anything is.
void refuse(const caf::error& wrong, const std::string& path) {
  if (wrong) throw error{named(wrong, path)};
}

/// A bound of an answer goes by three names; this is the one that counts.
std::string name_of(const fields& body, const std::string& field) {
  if (field == "max_tokens")
    for (const char* name : {"max_output_tokens", "max_completion_tokens"})
      if (body.find(name)) return name;
  return field;
}

}  // namespace

void check_text(const std::string& path, const std::string& text) { refuse(limits.check_text(path, text), path); }
void check_name(const std::string& path, const std::string& name) { refuse(limits.check_name(path, name), path); }
void check_salt(const std::string& salt) { refuse(limits.check_salt(salt), "cache_salt"); }

void check_sampling(const fields& body, const model::sampling& asked) {
  auto sampling = asked;
  if (sampling.tokens_max == 0) sampling.tokens_max = 1;  // the server's usual number
  auto wrong = limits.check(sampling);
  if (!wrong) return;
  auto e = named(wrong, name_of(body, field_of(wrong)));
  e.status = 400;  // also where there is too much of it: 413 speaks of what is said
  throw error{e};
}

}  // namespace chromatin::http
