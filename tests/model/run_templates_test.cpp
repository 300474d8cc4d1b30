// Templates as checkpoints ship them, and the text that Jinja makes of a conversation with them (tests/data/templates).
// A text is compared token by token: control tokens where the template names them, plain text between.

#include <fstream>

#include <gmock/gmock.h>

#include "tests/model/chat_folder.hpp"
#include "tests/model/kept_files.hpp"

namespace chromatin::model {
namespace {

using nlohmann::json;
using testing::AllOf;
using testing::HasSubstr;

std::string template_of_the_collection(const std::string& name) {
  for (const auto& one : template_renders())
    if (one["name"] == name) return one["template"];
  throw std::runtime_error("no template " + name);
}

/// Compares what is rendered with what Jinja rendered.
void compare_all(const chat_folder& f) {
  for (const auto& one : template_renders()) {
    auto chat = f.open(one["template"].get<std::string>());
    EXPECT_FALSE(one["renders"].empty());
    for (const auto& c : one["renders"])
      EXPECT_EQ(converse(chat, c["system"], c["said"]), f.read(c["text"].get<std::string>()))
          << one["name"] << ": " << c["text"];
  }
}

TEST(RunTemplates, ConversationsAreRenderedAsJinjaDoesIt) { compare_all(chat_folder{}); }

TEST(RunTemplates, RolesAreControlTokensWhereTheTokenizerHasThem) {
  compare_all(chat_folder{{"<|user|>", "<|assistant|>", "<|system|>"}});
}

const std::string qwen2 =
    "{% for message in messages %}{% if loop.first and messages[0]['role'] != 'system' %}"
    "{{ '<|im_start|>system\\nYou are a helpful assistant.<|im_end|>\\n' }}{% endif %}"
    "{{'<|im_start|>' + message['role'] + '\\n' + message['content'] + '<|im_end|>' + '\\n'}}{% endfor %}"
    "{% if add_generation_prompt %}{{ '<|im_start|>assistant\\n' }}{% endif %}";

std::string replaced(std::string text, const std::string& from, const std::string& to) {
  auto at = text.find(from);
  EXPECT_NE(at, std::string::npos) << from;
  return text.replace(at, from.size(), to);
}

TEST(RunTemplates, AnAnswerAsGeneratedContinuesLikeARenderedOne) {
  chat_folder f;
  for (const auto& text : {qwen2, template_of_the_collection("zephyr, on one line")}) {
    auto chat = f.open(text);
    auto generated = converse(chat, "", {"hi"});
    append(generated, f.words->encode("Sure."));
    generated.push_back(chat.answer_end());
    EXPECT_EQ(generated, said_tokens(chat, conversation("", {"hi", "Sure."})));
  }
}

TEST(RunTemplates, LayoutQuotesAndCommentsMayDiffer) {
  chat_folder f;
  auto expected = converse(f.open(qwen2), "", {"hi"});
  for (const auto& [from, to] : std::vector<std::pair<std::string, std::string>>{
           {"'role'", "\"role\""},
           {"{% for message in", "{#- Who says what. #}\n{%- for   message\nin"},
           {"{% endif %}{{", "{% endif %}\n{{"},
           {"{% if loop", "\n  {% if loop"},
           {"\\nYou", "\r\nYou"}})
    EXPECT_EQ(converse(f.open(replaced(qwen2, from, to) + "\n"), "", {"hi"}), expected) << from;
  auto spaced = replaced(qwen2, "{{'<|im_start|>'", " {{'<|im_start|>'");  // puts out a space
  EXPECT_NE(converse(f.open(spaced), "", {"hi"}), expected);
}

TEST(RunTemplates, WhatCannotBeReadOrRunIsRefusedByFileLineAndColumn) {
  chat_folder f;
  const std::pair<std::string, std::string> faulty[]{
      {"{% for m in messages %}\n  {{ m.content }", "line 2, column"},
      {"a\nb {% frob %}", "line 2, column 6: there is no tag 'frob'"},
      {"{{ messages[0].content | frob }}", "line 1, column 26: there is no filter 'frob'"},
      {"\n{{ 1 + messages }}", "line 2, column 6: '+' does not go with 'int' object and 'list' object"},
      {"{{ raise_exception('Not\nyou') }}", "line 1, column 19: Not you"},
      {"{% for i in range(10) %}{{ i }}", "the template ends before endfor"},
      {"{{ nobody.name }}", "line 1, column 11: 'nobody' is undefined"}};
  for (const auto& [text, why] : faulty)
    EXPECT_THAT(f.reason(text), AllOf(HasSubstr("tokenizer_config.json: \"chat_template\": line "), HasSubstr(why)));
  std::ofstream{f.folder / "chat_template.jinja"} << "{{ }}";
  EXPECT_THAT(f.reason(qwen2), HasSubstr("chat_template.jinja: line 1, column 4: '}}' is not expected here"));
}

TEST(RunTemplates, ASystemMessageOfItsOwnMaySayAnything) {
  chat_folder f;
  auto chat = f.open(replaced(qwen2, "You are a helpful assistant.", R"(It\'s \"{}\" in {trim}: \\ <b> [x])"));
  EXPECT_EQ(chat.head(""), f.read("<|im_start|>system\nIt's \"{}\" in {trim}: \\ <b> [x]<|im_end|>"));
  chat = f.open(replaced(qwen2, "helpful", "help<s>ful"));
  EXPECT_EQ(chat.head(""), f.read("<|im_start|>system\nYou are a help<s>ful assistant.<|im_end|>"));
  EXPECT_EQ(chat.head("Be brief."), f.read("<|im_start|>system\nBe brief.<|im_end|>"));
}

TEST(RunTemplates, WhoHasNoSystemMessageBeginsAtOnceAndMayBeginWithATokenThatTheConfigNames) {
  chat_folder f;
  const std::string plain =
      "{% for message in messages %}{{'<|im_start|>' + message['role'] + '\\n' + message['content'] + '<|im_end|>' + "
      "'\\n'}}{% endfor %}{% if add_generation_prompt %}{{ '<|im_start|>assistant\\n' }}{% endif %}";
  auto eos = std::string{"</s>"};
  auto chat = f.open({{"eos_token", eos}, {"chat_template", plain}});
  EXPECT_EQ(converse(chat, "", {"hello"}), f.read("<|im_start|>user\nhello<|im_end|>\n<|im_start|>assistant\n"));
  EXPECT_TRUE(chat.head("").empty());
  chat = f.open({{"bos_token", {{"content", "<s>"}}}, {"chat_template", "{{bos_token}}" + plain}});
  EXPECT_EQ(converse(chat, "", {"hello"}), f.read("<s><|im_start|>user\nhello<|im_end|>\n<|im_start|>assistant\n"));
  EXPECT_EQ(chat.opening(), f.read("<s>"));
  EXPECT_EQ(chat.head(""), f.read("<s>"));
  EXPECT_TRUE(f.open({{"bos_token", nullptr}, {"chat_template", "{{bos_token}}" + plain}}).opening().empty());
}

TEST(RunTemplates, TheTokensThatBeginAndEndTextsAreThoseOfTheCheckpoint) {
  chat_folder f;
  auto zephyr = template_of_the_collection("zephyr, on one line");
  auto chat = f.open({{"eos_token", "<|im_end|>"}, {"chat_template", zephyr}});
  EXPECT_EQ(chat.answer_end(), f.words->control("<|im_end|>"));
  EXPECT_EQ(said_tokens(chat, conversation("", {"hi"})), f.read("<|user|>\nhi<|im_end|>"));
  EXPECT_THAT(f.reason({{"eos_token", nullptr}, {"chat_template", zephyr}}), HasSubstr("'eos_token' is undefined"));
  std::ofstream{f.folder / "special_tokens_map.json"} << R"({"bos_token": "<s>", "eos_token": {"content": "</s>"}})";
  EXPECT_EQ(f.open({{"chat_template", zephyr}}).answer_end(), f.words->control("</s>"));
}

TEST(RunTemplates, ATemplateWithoutAnEndOfAnswersEndsThemWithTheCheckpointsToken) {
  chat_folder f;
  const std::string plain = "{% for m in messages %}{{ m.role }}: {{ m.content }}\n{% endfor %}";
  EXPECT_EQ(f.open(plain).answer_end(), f.words->control("</s>"));
  EXPECT_THAT(f.reason(json{{"chat_template", plain}}), HasSubstr("no token that ends an answer"));
}

TEST(RunTemplates, TheDateIsTheOneThatIsPassedIn) {
  chat_folder f;
  auto chat = f.open(
      "{% set date = strftime_now('%d %b %Y') if strftime_now is defined else '26 Jul 2024' %}"
      "{{ '<|im_start|>system\\n' + date + '<|im_end|>\\n' }}" +
      qwen2);
  EXPECT_EQ(chat.head("x"), f.read("<|im_start|>system\n26 Jul 2024<|im_end|>\n<|im_start|>system\nx<|im_end|>"));
  EXPECT_EQ(chat.head("x", {.now_s = 1'735'689'599}),
            f.read("<|im_start|>system\n31 Dec 2024<|im_end|>\n<|im_start|>system\nx<|im_end|>"));
}

const std::string mistral =
    "{{ bos_token }}{% for message in messages %}{% if (message['role'] == 'user') != (loop.index0 % 2 == 0) %}"
    "{{ raise_exception('Conversation roles must alternate user/assistant/user/assistant/...') }}{% endif %}"
    "{% if message['role'] == 'user' %}{{ '[INST] ' + message['content'] + ' [/INST]' }}"
    "{% elif message['role'] == 'assistant' %}{{ message['content'] + eos_token}}"
    "{% else %}{{ raise_exception('Only user and assistant roles are supported!') }}{% endif %}{% endfor %}";

TEST(RunTemplates, MistralsInstructionsArePlainTextAtFirstAndControlTokensLater) {
  chat_folder plain;
  EXPECT_EQ(converse(plain.open(mistral), "", {"hello", "hi!", "more"}),
            plain.read("<s>[INST] hello [/INST]hi!</s>[INST] more [/INST]"));
  auto spaced = replaced(mistral, "eos_token}}", "eos_token + ' ' }}");
  EXPECT_EQ(converse(plain.open(spaced), "", {"hello", "hi!", "more"}),
            plain.read("<s>[INST] hello [/INST]hi!</s> [INST] more [/INST]"));
  chat_folder control({"[INST]", "[/INST]"});
  EXPECT_EQ(converse(control.open(mistral), "", {"hello", "hi!", "more"}),
            control.read("<s>[INST] hello [/INST]hi!</s>[INST] more [/INST]"));
}

TEST(RunTemplates, ASystemMessageThatTheTemplateHasNoPlaceForStandsBeforeTheFirst) {
  chat_folder f;
  auto chat = f.open(mistral);
  EXPECT_EQ(converse(chat, "Be brief.", {"hello"}), f.read("<s>[INST] Be brief.\n\nhello [/INST]"));
  EXPECT_EQ(chat.head("Be brief."), f.read("<s>[INST] Be brief.\n\n"));
  auto silent = "{% for m in messages if m.role != 'system' %}[INST] {{ m.content }}</s>{% endfor %}";
  EXPECT_EQ(converse(f.open(std::string{silent}), "Be brief.", {"hello"}), f.read("[INST] Be brief.\n\nhello</s>"));
}

TEST(RunTemplates, WhatATemplateRefusesIsAnErrorAndNothingElse) {
  chat_folder f;
  auto chat = f.open(mistral);
  std::vector<message> twice{{"user", "a"}, {"user", "b"}};
  try {
    chat.go_on({}, twice);
    FAIL();
  } catch (const jinja::template_error& e) {
    EXPECT_TRUE(e.raised);
    EXPECT_THAT(e.what(), AllOf(HasSubstr("line 1, column "), HasSubstr("roles must alternate")));
  }
  EXPECT_EQ(converse(chat, "", {"hello"}), f.read("<s>[INST] hello [/INST]"));
}

TEST(RunTemplates, ATemplateMayBeAFileOfItsOwnWhichThenCounts) {
  chat_folder f;
  std::ofstream{f.folder / "chat_template.jinja"} << qwen2;
  auto expected = f.read("<|im_start|>system\nYou are a helpful assistant.<|im_end|>");
  auto chat = f.open(std::string{"{{ something.else }}"});
  EXPECT_EQ(chat.head(""), expected);
  EXPECT_EQ(chat.name(), "chat_template.jinja");
  std::filesystem::remove(f.folder / "tokenizer_config.json");
  EXPECT_EQ(chat_template::open(f.folder.path(), f.words).head(""), expected);
}

TEST(RunTemplates, OfSeveralTheDefaultCounts) {
  chat_folder f;
  auto list =
      json::array({{{"name", "tool_use"}, {"template", "{{ tools }}"}}, {{"name", "default"}, {"template", qwen2}}});
  EXPECT_FALSE(f.open({{"chat_template", list}}).head("").empty());
  list.erase(1);
  EXPECT_THAT(f.reason(json{{"chat_template", list}}), HasSubstr("none of them is called default"));
  EXPECT_THAT(f.reason(json{{"chat_template", nullptr}}), HasSubstr("has no chat_template"));
}

}  // namespace
}  // namespace chromatin::model
