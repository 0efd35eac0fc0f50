// The table's names, and which row a checkpoint gets.
#include "text/templates.hpp"

#include <set>

#include "support/doctest.hpp"
#include "text_support.hpp"

using namespace llava::core;

namespace {

std::string chosen(const std::string& name, const std::string& chat_template = {}) {
  std::string why;
  const std::string key(choose_template({name, chat_template}, &why).key);
  CHECK(why.starts_with(key));
  return key;
}

constexpr const char* kHuggingFace =
    "{% for message in messages %}{% if message['role'] != 'system' %}{{ message['role'].upper() + ': '}}{% endif %}"
    "{# Render all images first #}{% for content in message['content'] | selectattr('type', 'equalto', 'image') %}"
    "{{ '<image>\n' }}{% endfor %}{# Render all text next #}{% if message['role'] != 'assistant' %}"
    "{% for content in message['content'] | selectattr('type', 'equalto', 'text') %}{{ content['text'] + ' '}}{% "
    "endfor %}"
    "{% else %}{% for content in message['content'] | selectattr('type', 'equalto', 'text') %}{% generation %}"
    "{{ content['text'] + ' '}}{% endgeneration %}{% endfor %}{% endif %}{% endfor %}"
    "{% if add_generation_prompt %}{{ 'ASSISTANT:' }}{% endif %}";

}  // namespace

TEST_SUITE("text/templates") {
  TEST_CASE("every key and alias names one row") {
    std::set<std::string_view> names;
    for (const Template& row : templates()) {
      CHECK(names.insert(row.key).second);
      CHECK(&find_template(row.key) == &row);
      CHECK(find_template(row.serving).serving == row.serving);
      for (const auto alias : row.aliases) {
        CHECK(names.insert(alias).second);
        CHECK(&find_template(alias) == &row);
      }
    }
    CHECK(find_template("default").key == "llava_v1");  // what choose_template() falls back to
    for (const char* key : {"default", "v0", "v1", "vicuna_v1", "llava_v1", "llava_v0", "v0_mmtag", "v1_mmtag",
                            "llama_2", "llava_llama_2", "mistral_instruct", "mpt", "chatml_direct", "mistral_direct",
                            "plain", "v0_plain", "hf_llava_1_5", "none"})
      CHECK(names.contains(key));
  }

  TEST_CASE("an unknown name is answered with the list") {
    const auto error = error_of([] { find_template("vicuna_v9"); });
    CHECK(error.status() == Status::not_found);
    CHECK(error.message().starts_with("no template \"vicuna_v9\"; there are v0, vicuna_v1, llava_v1"));
  }

  TEST_CASE("a checkpoint's template comes from its name") {
    CHECK(chosen("liuhaotian/LLaVA-v1.5-7B") == "llava_v1");
    CHECK(chosen("llava-v1.6-34b") == "chatml_direct");
    CHECK(chosen("llava-v1.6-mistral-7b") == "mistral_instruct");
    CHECK(chosen("llava-llama-2-13b-chat") == "llava_llama_2");
    CHECK(chosen("LLaVA-Lightning-MPT-7B-preview") == "mpt");
    CHECK(chosen("LLaVA-7b-delta-v0") == "llava_v0");
    CHECK(chosen("llava-v1.5-13b-pretrain-plain") == "v1_mmtag");
    CHECK(chosen("llava-v1-plain-finetune") == "llava_v1");
    CHECK(chosen("my-model") == "llava_v1");
    CHECK(chosen("") == "llava_v1");
  }

  TEST_CASE("a known chat template is recognised by its text, however the line break is spelled") {
    std::string spelled = kHuggingFace;
    spelled.replace(spelled.find('\n'), 1, "\\n");
    CHECK(chosen("llava-1.5-7b-hf", kHuggingFace) == "hf_llava_1_5");
    CHECK(chosen("any-mpt", spelled + "\n") == "hf_llava_1_5");
    CHECK(chosen("llava-v1.5", std::string(kHuggingFace) + "x") == "llava_v1");
  }
}
