#include "archive/sealing.hpp"

#include <sodium.h>

#include "kv/check.hpp"

namespace chromatin::archive {
namespace {

static_assert(sealer::nonce_bytes == crypto_aead_xchacha20poly1305_ietf_NPUBBYTES);
static_assert(sealer::tag_bytes == crypto_aead_xchacha20poly1305_ietf_ABYTES);

/// Before anything else is asked of the library; any thread, any number of times.
void start_library() { CHROMATIN_CHECK(sodium_init() >= 0, "libsodium finds the system's randomness"); }

/// One of the keys that follow from a secret.
void derive(std::array<std::uint8_t, 32>& into, std::uint64_t number, const io::archive_key& from) {
  static_assert(crypto_kdf_KEYBYTES == 32 && crypto_aead_xchacha20poly1305_ietf_KEYBYTES == 32);
  constexpr char purpose[crypto_kdf_CONTEXTBYTES] = {'D', 'N', 'A', 't', 'a', 'l', 'k', '1'};
  crypto_kdf_derive_from_key(into.data(), into.size(), number, purpose,
                             reinterpret_cast<const std::uint8_t*>(from.secret.data()));
}

/// As a seed that nobody has: the same bytes in the same place have the same nonce, others another one.
std::array<std::uint8_t, sealer::nonce_bytes> nonce_of(const std::array<std::uint8_t, 32>& key,
                                                       std::span<const std::uint8_t> place,
                                                       std::span<const std::uint8_t> frame) {
  std::array<std::uint8_t, sealer::nonce_bytes> nonce{};
  crypto_generichash_state state;
  crypto_generichash_init(&state, key.data(), key.size(), nonce.size());
  field_writer length;
  length.number(place.size());
  for (auto part : {std::span<const std::uint8_t>{length.bytes}, place, frame})
    crypto_generichash_update(&state, part.data(), part.size());
  crypto_generichash_final(&state, nonce.data(), nonce.size());
  return nonce;
}

}  // namespace

byte_source system_randomness() {
  start_library();
  return [](std::span<std::byte> into) { randombytes_buf(into.data(), into.size()); };
}

io::archive_key new_key(const byte_source& random) {
  io::archive_key key;
  random(key.name);
  random(key.secret);
  return key;
}

std::string directory_of(const io::archive_key& key) {
  std::string digits(2 * key.name.size() + 1, '\0');
  sodium_bin2hex(digits.data(), digits.size(), reinterpret_cast<const std::uint8_t*>(key.name.data()), key.name.size());
  digits.pop_back();
  return digits;
}

sealer::sealer(const io::archive_key& key, const io::conversation_key& conversation, std::string_view file) {
  start_library();
  derive(encryption_, 1, key);
  derive(nonces_, 2, key);
  field_writer to;
  to.text(directory_of(key));
  to.text(conversation.tenant);
  to.text(conversation.id);
  if (!file.empty()) to.text(file);
  place_ = std::move(to.bytes);
}

byte_string sealer::place_of(std::uint32_t number) const {
  field_writer to;
  to.bytes = place_;
  to.number(number);
  return std::move(to.bytes);
}

byte_string sealer::seal(std::uint32_t number, std::span<const std::uint8_t> frame) const {
  const auto place = place_of(number);
  const auto nonce = nonce_of(nonces_, place, frame);
  byte_string sealed{nonce.begin(), nonce.end()};
  sealed.resize(nonce_bytes + frame.size() + tag_bytes);
  crypto_aead_xchacha20poly1305_ietf_encrypt(sealed.data() + nonce_bytes, nullptr, frame.data(), frame.size(),
                                             place.data(), place.size(), nullptr, nonce.data(), encryption_.data());
  return sealed;
}

byte_string sealer::open(std::uint32_t number, std::span<const std::uint8_t> sealed) const {
  if (sealed.size() < nonce_bytes + tag_bytes) throw frame_error{"it is too short to have been sealed"};
  const auto place = place_of(number);
  const auto closed = sealed.subspan(nonce_bytes);
  byte_string frame(closed.size() - tag_bytes);
  if (crypto_aead_xchacha20poly1305_ietf_decrypt(frame.data(), nullptr, nullptr, closed.data(), closed.size(),
                                                 place.data(), place.size(), sealed.data(), encryption_.data()) != 0)
    throw frame_error{"it was not sealed with this conversation's key in this place"};
  return frame;
}

std::optional<frame_damage> open_frames(const sealer& key, std::span<const std::uint8_t> file,
                                        const std::function<void(const byte_string&)>& take) {
  const auto list = split_frames(file);
  std::uint32_t number = 0;
  for (auto frame : list.frames) try {
      take(key.open(++number, frame));
    } catch (const frame_error& e) {
      return frame_damage{number, e.what()};
    }
  return list.damage;
}

}  // namespace chromatin::archive
