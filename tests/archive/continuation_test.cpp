// A conversation that was archived and put back goes on with the same tokens as one that never left.

#include "archive/registry_copy.hpp"
#include "tests/actors/long_texts.hpp"
#include "tests/actors/world.hpp"

namespace chromatin::archive {
namespace {

constexpr int conversations = 4, turns_before = 9, turns_after = 6;
constexpr std::uint32_t short_context = 256;  // is passed several times

std::string name_of(int conversation) { return "c" + std::to_string(conversation); }

std::vector<std::string> play(test::world& w, int first, int last) {
  std::vector<std::string> answers;
  for (int turn = first; turn < last; ++turn)
    for (int c = 0; c < conversations; ++c) {
      auto id = w.say(name_of(c), std::to_string(c) + test::quiet_room + std::to_string(turn),
                      20 + 3 * static_cast<unsigned>(c));
      w.run();
      EXPECT_EQ(w.outcome(id).error, "");
      answers.push_back(w.outcome(id).text);
    }
  return answers;
}

/// To frames and back; the registry has nothing of it in between.
void archive_and_recall(const std::filesystem::path& folder) {
  auto store = io::open_registry(folder);
  for (int c = 0; c < conversations; ++c) {
    const io::conversation_key key{"tenant", name_of(c)};
    transcript written, said;
    said.take(written.append(copy_of(*store, key).value()).value());
    EXPECT_FALSE(said.now().window.kept.empty()) << "it was truncated";
    store->forget(key);
    put_back(*store, key, 1, said.now(), {});
  }
}

TEST(Continuation, AnArchivedConversationGoesOnWithTheSameTokens) {
  test::world_options shape{.context = short_context};
  test::world undisturbed{shape};
  play(undisturbed, 0, turns_before);
  const auto expected = play(undisturbed, turns_before, turns_before + turns_after);

  shape.durable = true;
  auto machine = std::make_shared<test::machine>(shape.shuffle_seed, true);
  {
    test::world w{shape, machine};
    play(w, 0, turns_before);
  }
  archive_and_recall(machine->folder / "registry");
  shape.disk = false;  // keys and values did not come back: they are computed from the transcript
  test::world w{shape, machine};
  EXPECT_EQ(play(w, turns_before, turns_before + turns_after), expected);
}

}  // namespace
}  // namespace chromatin::archive
