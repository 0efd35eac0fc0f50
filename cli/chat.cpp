// `llava chat`: one answer with --prompt or --ids, a dialogue without.
#include "chat.hpp"

#include <algorithm>
#include <cctype>
#include <filesystem>
#include <iostream>

#include "numbers.hpp"
#include "verbs.hpp"

namespace llava_cli {
namespace {

using Json = nlohmann::ordered_json;

void add_options(CLI::App& verb, ChatArguments& arguments) {
  add_model_arguments(verb, arguments.model);
  verb.add_option("--image", arguments.images,
                  "a picture, a folder of pictures, known by their endings (one JSON line each), - for standard input; "
                  "may be given several times")
      ->take_all()
      ->allow_extra_args(false);
  auto* prompt =
      verb.add_option("--prompt", arguments.prompt, "one question, - for standard input; without it: a dialogue");
  auto* ids = verb.add_option("--ids", arguments.ids, "token ids to go on from: 1,2,-200,3 (-200 is an image place)")
                  ->excludes(prompt)
                  ->excludes(verb.get_option("--template"));
  auto* system =
      verb.add_option("--system", arguments.system, "system text instead of the template's own")->excludes(ids);
  verb.add_option("--history", arguments.history, "a dialogue saved with /save; it brings system, template and context")
      ->excludes(system)
      ->excludes(verb.get_option("--template"))
      ->excludes(verb.get_option("--context"));
  verb.add_flag("--greedy", arguments.greedy, "always the most likely token");
  verb.add_option("--max-tokens", arguments.max_tokens, "longest answer; default: the model's, else 512")
      ->check(small_number(1));
  verb.add_option("--temperature", arguments.temperature, "0: greedy; default: the model's, else 0.2")
      ->check(number(Bound::from, 0));
  verb.add_option("--top-k", arguments.top_k, "draw from the k most likely; 0: all")->check(small_number(0));
  verb.add_option("--top-p", arguments.top_p, "draw from the likeliest that hold this mass")->check(share());
  verb.add_option("--min-p", arguments.min_p, "draw from those at least this likely, relative to the likeliest")
      ->check(share());
  verb.add_option("--repetition-penalty", arguments.repetition_penalty, "1: none")->check(number(Bound::above, 0));
  verb.add_option("--seed", arguments.seed, "same seed, same answer; default: a fresh one, printed with --json")
      ->check(whole_number(0));
  verb.add_option("--bias", arguments.bias,
                  "ID=AMOUNT, as 13=-5: makes a token likelier or, below 0, rarer; may be given several times")
      ->take_all()
      ->allow_extra_args(false);
  verb.add_option("--stop", arguments.stop, "a text that ends the answer; may be given several times")
      ->take_all()
      ->allow_extra_args(false);
  verb.add_option("--timeout-ms", arguments.timeout_ms, "deadline of an answer")->check(whole_number(0));
  verb.add_flag("--json", arguments.json,
                "one JSON object: text, token_ids, finish_reason, usage, timings, seed; of a failure: error");
}

bool is_folder(const std::string& path) {
  std::error_code failure;
  return path != "-" && std::filesystem::is_directory(path, failure);
}

bool names_a_picture(const std::filesystem::path& file) {
  auto ending = file.extension().string();
  std::transform(ending.begin(), ending.end(), ending.begin(), [](unsigned char c) { return std::tolower(c); });
  for (const char* known : {".jpg", ".jpeg", ".jpe", ".jfif", ".png", ".bmp", ".dib", ".gif", ".webp"})
    if (ending == known) return true;
  return false;
}

// Its pictures by their endings; how many files have others is said.
std::vector<std::string> pictures_in(const std::string& folder) {
  std::vector<std::string> pictures, others;
  for (const auto& entry : std::filesystem::directory_iterator(folder))
    if (entry.is_regular_file()) (names_a_picture(entry.path()) ? pictures : others).push_back(entry.path().string());
  std::sort(pictures.begin(), pictures.end());
  std::sort(others.begin(), others.end());
  const auto count = std::to_string(others.size()) + (others.size() == 1 ? " file" : " files");
  const std::string expected = "expected .jpg, .png, .bmp, .gif or .webp";
  if (pictures.empty() && others.empty()) throw FileError(folder + ": holds no file, expected pictures");
  if (pictures.empty()) throw FileError(folder + ": holds no picture among " + count + ", " + expected);
  if (!others.empty())
    complain(folder + ": " + count + " left out, " + others.front() + (others.size() > 1 ? " and others" : "") + ", " +
             expected);
  return pictures;
}

llava::Message prompt_message(const ChatArguments& arguments, const std::vector<llava::Image>& images) {
  return arguments.model.template_name == "none" ? marked_message(arguments.prompt, images)
                                                 : question(arguments.prompt, images);
}

void add_ids(llava::Session& session, const llava::Model& model, const ChatArguments& arguments,
             const std::vector<llava::Image>& images) {
  std::vector<llava::Embedding> embeddings;
  llava::EncodeOptions encode;
  encode.cancel = interrupt_token();
  if (!images.empty()) embeddings = model.encode(images, encode);
  session.append_ids(parse_ids(arguments.ids), embeddings, interrupt_token());
}

void answer_once(const llava::Model& model, const ChatArguments& arguments, const std::vector<llava::Image>& images) {
  auto session = new_session(model, arguments);
  const auto options = chat_options(arguments);
  const bool from_ids = !arguments.ids.empty();
  if (from_ids) add_ids(session, model, arguments, images);
  if (!arguments.json) {
    print_stream(from_ids ? session.stream_answer(options)
                          : session.stream(prompt_message(arguments, images), options));
    std::cout << '\n';
    return;
  }
  const auto response = from_ids ? session.answer(options) : session.chat(prompt_message(arguments, images), options);
  std::cout << response_json(response).dump() << '\n';
}

// A folder: the same question for every picture, one JSON line each. One that cannot be read gets a line with its
// error.
int answer_folder(const llava::Model& model, const ChatArguments& arguments, const std::string& folder) {
  int code = kDone;
  for (const auto& file : pictures_in(folder)) {
    Json line = {{"image", file}};
    try {
      auto session = new_session(model, arguments);
      line.update(response_json(session.chat(prompt_message(arguments, {open_image(file)}), chat_options(arguments))));
    } catch (const llava::Error& error) {
      if (error.code() == LLAVA_ERR_CANCELLED) throw;
      line["error"] = explain(error);
      code = exit_code(error);
    }
    std::cout << line.dump() << std::endl;
  }
  return code;
}

void run_chat(ChatArguments& arguments) {
  const bool single = arguments.has_prompt || !arguments.ids.empty();
  if (arguments.json && !single) throw UsageError("--json needs --prompt or --ids: a dialogue has no single answer");
  check_standard_input(arguments.images, arguments.prompt);
  if (!single && std::count(arguments.images.begin(), arguments.images.end(), "-") > 0)
    throw UsageError("--image - needs --prompt or --ids: a dialogue reads the questions from standard input");
  if (!arguments.ids.empty()) arguments.model.template_name = "none";
  const bool folder = arguments.images.size() == 1 && is_folder(arguments.images[0]);
  if (folder && !arguments.has_prompt) throw UsageError("--image with a folder needs --prompt");
  for (const auto& bias : arguments.bias) arguments.logit_bias.push_back(parse_bias(bias));
  arguments.prompt = prompt_text(arguments.prompt);
  const auto model = open_model(arguments.model);
  if (folder) {
    const int code = answer_folder(model, arguments, arguments.images[0]);
    if (code != kDone) throw CLI::RuntimeError(code);
    return;
  }
  std::vector<llava::Image> images;
  for (const auto& path : arguments.images) images.push_back(open_image(path));
  if (single)
    answer_once(model, arguments, images);
  else
    run_interactive(model, arguments, std::move(images));
}

// With --json a failure is an object on standard output too, beside the line on standard error.
void run_chat_as_asked(ChatArguments& arguments) {
  const auto tell = [&arguments](const std::string& failure) {
    if (arguments.json) std::cout << failure << std::endl;
  };
  try {
    run_chat(arguments);
  } catch (const llava::Error& error) {
    tell(failure_json(error));
    throw;
  } catch (const UsageError& error) {
    tell(failure_json(LLAVA_ERR_INVALID_ARGUMENT, error.what()));
    throw;
  } catch (const FileError& error) {
    tell(failure_json(LLAVA_ERR_IO, error.what()));
    throw;
  } catch (const std::filesystem::filesystem_error& error) {
    tell(failure_json(LLAVA_ERR_IO, error.path1().string() + ": " + error.code().message()));
    throw;
  }
}

}  // namespace

llava::ChatOptions chat_options(const ChatArguments& arguments) {
  llava::ChatOptions options;
  options.max_tokens = arguments.max_tokens;
  options.temperature = arguments.greedy ? 0 : arguments.temperature;
  options.top_k = arguments.top_k;
  options.top_p = arguments.top_p;
  options.min_p = arguments.min_p;
  options.repetition_penalty = arguments.repetition_penalty;
  options.seed = arguments.seed;
  options.stop = arguments.stop;
  options.logit_bias = arguments.logit_bias;
  options.timeout_ms = arguments.timeout_ms;
  options.cancel = interrupt_token();
  return options;
}

llava::Session new_session(const llava::Model& model, const ChatArguments& arguments) {
  if (!arguments.history.empty()) return llava::Session::load(model, arguments.history);
  llava::SessionOptions options;
  options.has_system = arguments.has_system;
  options.system = arguments.system;
  options.template_name = arguments.model.template_name;
  return llava::Session(model, options);
}

llava::Response print_stream(llava::Stream stream) {
  for (const auto& event : stream) std::cout << event.text() << std::flush;
  return stream.finish();
}

Json response_json(const llava::Response& response) {
  const auto usage = response.usage();
  return {{"text", response.text()},
          {"token_ids", response.tokens()},
          {"finish_reason", response.finish_reason_name()},
          {"usage",
           {{"prompt_tokens", usage.prompt_tokens},
            {"image_tokens", usage.image_tokens},
            {"cached_tokens", usage.cached_tokens},
            {"completion_tokens", usage.completion_tokens}}},
          {"timings",
           {{"preprocess_ms", usage.preprocess_ms},
            {"encode_ms", usage.encode_ms},
            {"prompt_ms", usage.prompt_ms},
            {"prefill_ms", usage.prefill_ms},
            {"first_token_ms", usage.first_token_ms},
            {"decode_ms", usage.decode_ms},
            {"total_ms", usage.total_ms},
            {"tokens_per_second", usage.tokens_per_second}}},
          {"seed", response.seed()}};
}

void add_chat(CLI::App& app) {
  auto* verb = app.add_subcommand("chat", "ask about pictures: one answer with --prompt, else a dialogue");
  auto arguments = std::make_shared<ChatArguments>();
  add_options(*verb, *arguments);
  verb->callback([verb, arguments] {
    arguments->has_prompt = verb->count("--prompt") > 0;
    arguments->has_system = verb->count("--system") > 0;
    run_chat_as_asked(*arguments);
  });
}

}  // namespace llava_cli
